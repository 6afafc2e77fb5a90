//! A leader's partition on a real disk: watermarks, who is woken, what is refused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use base::fs::RealFs;
use base::{
    Instant, LeaderEpoch, NodeId, Offset, PartitionEpoch, ProducerEpoch, ProducerId, Timestamp, TopicPartition, Uuid,
};
use partition::{
    AppendRefused, Brokers, EpochError, Following, IsolationLevel, Leadership, Parked, Partition, RequiredAcks, Signal,
    Wakes,
};
use records::control::TransactionOutcome;
use records::{BatchBuilder, EndTxnMarker, VerifiedBatch};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use storage::{AppendTerms, Durability, Log, LogConfig, LogOptions, Origin, StorageError, Verification};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const ME: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);

fn partition(durability: Durability) -> (TempDir, Partition) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("t-0");
    let mut options = LogOptions::new(Arc::new(RealFs), dir, TopicPartition::new("t", 0), NOW);
    options.config = Arc::new(LogConfig {
        durability,
        ..LogConfig::default()
    });
    let log = Log::open(options).unwrap();
    let brokers = Arc::new(Brokers::new(Duration::from_secs(30)));
    (root, Partition::new(Uuid::ONE, log, Offset::ZERO, 1, brokers))
}

fn following(leader: NodeId, epoch: i32) -> Following {
    Following {
        leader,
        epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(epoch),
    }
}

fn leadership(epoch: i32, isr: &[NodeId]) -> Leadership {
    Leadership {
        node: ME,
        epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(epoch + i32::from(isr.len() == 1)),
        replicas: vec![ME, OTHER],
        isr: isr.to_vec(),
    }
}

fn leading() -> (TempDir, Partition) {
    leading_with(Durability::Os)
}

fn leading_with(durability: Durability) -> (TempDir, Partition) {
    let (root, mut partition) = partition(durability);
    partition.lead(leadership(5, &[ME]), Instant::ZERO).unwrap().fire();
    (root, partition)
}

fn batch(records: usize) -> VerifiedBatch {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.append(NOW, Some(b"key"), Some(b"value"), &[]);
    }
    builder.build()
}

fn append(partition: &mut Partition, batch: VerifiedBatch) -> Wakes {
    let terms = AppendTerms {
        verification: Verification::Off,
        ..Origin::Client.into()
    };
    partition.append(&[batch], RequiredAcks::All, terms, NOW).unwrap().1
}

fn is_raised(signal: &Signal) -> bool {
    signal.poll_raised(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[test]
fn a_leader_alone_in_sync_commits_what_it_appends_and_wakes_who_waits_for_it() {
    let (_root, mut partition) = leading();
    let signal = Arc::new(Signal::default());
    assert_eq!(
        partition.park_fetch(&signal, Offset(0), IsolationLevel::ReadUncommitted),
        Parked::Waiting
    );
    let wakes = append(&mut partition, batch(3));
    assert!(!is_raised(&signal), "nobody is woken before the wakes are fired");
    wakes.fire();
    assert!(is_raised(&signal));
    assert_eq!(partition.high_watermark(), Offset(3));
    signal.lower();
    assert_eq!(
        partition.park_fetch(&signal, Offset(0), IsolationLevel::ReadUncommitted),
        Parked::DueNow
    );
    assert_eq!(
        partition.park_fetch(&signal, Offset(3), IsolationLevel::ReadUncommitted),
        Parked::Waiting
    );
    partition.leave(&signal);
    append(&mut partition, batch(1)).fire();
    assert!(!is_raised(&signal), "who has left is not woken");
}

#[test]
fn the_high_watermark_waits_for_a_second_replica_in_sync() {
    let (_root, mut partition) = partition(Durability::Os);
    partition
        .lead(leadership(5, &[ME, OTHER]), Instant::ZERO)
        .unwrap()
        .fire();
    let (appended, wakes) = partition
        .append(&[batch(2)], RequiredAcks::All, Origin::Client, NOW)
        .unwrap();
    wakes.fire();
    assert_eq!(appended.wait_until, Some(Offset(2)));
    assert_eq!(partition.high_watermark(), Offset(0));
    let signal = Arc::new(Signal::default());
    partition.park_produce(&signal, Offset(2));
    partition.lead(leadership(5, &[ME]), Instant::ZERO).unwrap().fire();
    assert!(
        is_raised(&signal),
        "the other replica fell out of sync: what we have is what all have"
    );
    assert_eq!(partition.high_watermark(), Offset(2));
}

#[test]
fn a_reader_of_committed_records_waits_for_the_end_of_the_transaction() {
    let (_root, mut partition) = leading();
    let (id, epoch) = (ProducerId(7), ProducerEpoch(0));
    let mut builder = BatchBuilder::new().producer(id, epoch, 0).transactional();
    builder.append(NOW, None, Some(b"value"), &[]);
    append(&mut partition, builder.build()).fire();
    assert_eq!(
        (partition.high_watermark(), partition.last_stable_offset()),
        (Offset(1), Offset(0))
    );
    let (eager, patient) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
    assert_eq!(
        partition.park_fetch(&eager, Offset(0), IsolationLevel::ReadUncommitted),
        Parked::DueNow
    );
    assert_eq!(
        partition.park_fetch(&patient, Offset(0), IsolationLevel::ReadCommitted),
        Parked::Waiting
    );
    let marker = EndTxnMarker {
        outcome: TransactionOutcome::Commit,
        coordinator_epoch: 0,
    }
    .to_batch(id, epoch, NOW);
    let (_, wakes) = partition
        .append(&[marker], RequiredAcks::All, Origin::Coordinator, NOW)
        .unwrap();
    wakes.fire();
    assert!(is_raised(&patient));
    assert_eq!(partition.last_stable_offset(), Offset(2));
}

#[test]
fn what_a_leader_refuses() {
    let (_root, mut partition) = partition(Durability::Os);
    let refused = |partition: &mut Partition| {
        partition
            .append(&[batch(1)], RequiredAcks::All, Origin::Client, NOW)
            .map(|_| ())
            .unwrap_err()
    };
    assert!(matches!(refused(&mut partition), AppendRefused::NotLeader(_)));
    let log = Arc::clone(partition.log().config());
    partition.update_config(log, 2).fire();
    partition.lead(leadership(5, &[ME]), Instant::ZERO).unwrap().fire();
    assert_eq!(
        refused(&mut partition),
        AppendRefused::NotEnoughReplicas { in_sync: 1, min: 2 }
    );
    let at = |epoch| partition.fetch_view(LeaderEpoch(epoch)).map(|view| view.leader_epoch);
    assert_eq!(at(5), Ok(LeaderEpoch(5)));
    assert_eq!(at(-1), Ok(LeaderEpoch(5)));
    assert_eq!(
        at(4),
        Err(EpochError::Fenced {
            requested: LeaderEpoch(4),
            current: LeaderEpoch(5)
        })
    );
    assert_eq!(
        at(6),
        Err(EpochError::Unknown {
            requested: LeaderEpoch(6),
            current: LeaderEpoch(5)
        })
    );
}

#[test]
fn records_are_deleted_up_to_the_high_watermark_and_not_beyond() {
    let (_root, mut partition) = leading();
    append(&mut partition, batch(5)).fire();
    assert_eq!(partition.delete_records(Offset(3)), Ok(Some(Offset(3))));
    assert_eq!(partition.delete_records(Offset(6)), Ok(None));
    assert_eq!(partition.delete_records(Offset(-2)), Ok(None));
    assert_eq!(partition.delete_records(Offset::NONE), Ok(Some(Offset(5))));
}

#[test]
fn losing_the_leadership_tells_everyone() {
    let (_root, mut partition) = leading();
    let (reader, writer) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
    assert_eq!(
        partition.park_fetch(&reader, Offset(0), IsolationLevel::ReadUncommitted),
        Parked::Waiting
    );
    partition.park_produce(&writer, Offset(9));
    partition.follow(following(OTHER, 6)).fire();
    assert!(is_raised(&reader) && is_raised(&writer));
    assert_eq!(partition.leadership().unwrap_err().leader, OTHER);
}

#[test]
fn what_is_not_on_stable_storage_is_neither_shown_nor_acknowledged() {
    let (_root, mut partition) = leading_with(Durability::Flush);
    let (appended, wakes) = partition
        .append(&[batch(3)], RequiredAcks::Leader, Origin::Client, NOW)
        .unwrap();
    wakes.fire();
    assert_eq!((appended.flush_until, appended.wait_until), (Some(Offset(3)), None));
    assert!(partition.log().flush_awaited() && !partition.is_flushed(Offset(3)));
    assert_eq!(partition.high_watermark(), Offset(0));
    let (producer, consumer) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
    partition.park_flush(&producer, Offset(3));
    let parked = partition.park_fetch(&consumer, Offset(0), IsolationLevel::ReadUncommitted);
    assert_eq!(parked, Parked::Waiting);

    let flush = partition.log_mut().prepare_flush().unwrap().unwrap();
    append(&mut partition, batch(2)).fire();
    let result = flush.run();
    partition.finish_flush(flush, result, Instant::ZERO).fire();
    assert!(is_raised(&producer) && is_raised(&consumer));
    assert_eq!(
        partition.high_watermark(),
        Offset(3),
        "what came later has not been flushed"
    );
    assert!(partition.log().flush_awaited() && !partition.is_flushed(Offset(5)));

    let (appended, wakes) = partition
        .append(&[batch(1)], RequiredAcks::None, Origin::Client, NOW)
        .unwrap();
    wakes.fire();
    assert_eq!(appended.flush_until, None, "who asked for no answer waits for nothing");
}

#[test]
fn a_flush_that_fails_takes_the_log_offline_and_tells_everyone() {
    let (_root, mut partition) = leading_with(Durability::Flush);
    append(&mut partition, batch(3)).fire();
    let producer = Arc::new(Signal::default());
    partition.park_flush(&producer, Offset(3));
    let flush = partition.log_mut().prepare_flush().unwrap().unwrap();
    let failed = Err(StorageError::Io(std::io::ErrorKind::Other));
    partition.finish_flush(flush, failed, Instant::ZERO).fire();
    assert!(is_raised(&producer) && partition.log().is_offline());
    assert_eq!(partition.high_watermark(), Offset(0));
    assert_eq!(
        partition.log_mut().flush(Instant::ZERO),
        Err(StorageError::Offline),
        "it is not tried again"
    );
}

#[test]
fn a_topic_that_asks_for_less_lets_go_who_waits() {
    let (_root, mut partition) = leading_with(Durability::Flush);
    append(&mut partition, batch(3)).fire();
    let producer = Arc::new(Signal::default());
    partition.park_flush(&producer, Offset(3));
    let os = LogConfig {
        durability: Durability::Os,
        ..LogConfig::default()
    };
    partition.update_config(Arc::new(os), 1).fire();
    assert!(is_raised(&producer) && partition.is_flushed(Offset(3)));
    assert_eq!(partition.high_watermark(), Offset(3));
    let (appended, wakes) = partition
        .append(&[batch(1)], RequiredAcks::All, Origin::Client, NOW)
        .unwrap();
    wakes.fire();
    assert_eq!((appended.flush_until, appended.wait_until), (None, None));
}

#[test]
fn flush_messages_keeps_its_meaning_where_the_operating_system_is_trusted() {
    let (_root, mut partition) = leading_with(Durability::Os);
    let config = LogConfig {
        durability: Durability::Os,
        flush_messages: 4,
        ..LogConfig::default()
    };
    partition.update_config(Arc::new(config), 1).fire();
    let mut flush_until = || {
        let (appended, wakes) = partition
            .append(&[batch(3)], RequiredAcks::Leader, Origin::Client, NOW)
            .unwrap();
        wakes.fire();
        appended.flush_until
    };
    assert_eq!(flush_until(), None);
    assert_eq!(
        flush_until(),
        Some(Offset(6)),
        "the fourth record asks for a flush, and is acknowledged after it"
    );
}

#[test]
fn what_was_on_its_way_to_the_disk_counts_although_nobody_leads_any_more() {
    for (leader, shown) in [(NodeId::NONE, Offset(3)), (OTHER, Offset(0))] {
        let (_root, mut partition) = leading_with(Durability::Flush);
        append(&mut partition, batch(3)).fire();
        let flush = partition.log_mut().prepare_flush().unwrap().unwrap();
        partition.follow(following(leader, 6)).fire();
        let result = flush.run();
        partition.finish_flush(flush, result, Instant::ZERO).fire();
        assert!(partition.is_flushed(Offset(3)));
        assert_eq!(partition.high_watermark(), shown, "after it, {leader} leads");
    }
}
