//! The operations one by one: what they write, and what they answer when.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod host;

use base::{ProducerId, Timestamp, TopicPartition};
use coordinator_runtime::Lost;
use host::{Host, LogMood, producer};
use protocol::ErrorCode;
use std::time::Duration;
use transaction_coordinator::op::add_partitions::AddPartitions;
use transaction_coordinator::op::describe_transaction::describe_transaction;
use transaction_coordinator::op::end_txn::EndTxn;
use transaction_coordinator::op::init_producer_id::InitProducerId;
use transaction_coordinator::op::verify_partitions::verify_partitions;
use transaction_coordinator::{
    Answer, MarkerResult, Producer, Transaction, TransactionEnd, TransactionSettings, TransactionStatus,
    TransactionVersion,
};

const ID: &str = "tx-1";

fn host(version: TransactionVersion) -> Host {
    let settings = TransactionSettings {
        version,
        ..TransactionSettings::default()
    };
    Host::new(settings)
}

fn init(host: &mut Host, expected: Option<Producer>) -> Answer {
    let request = InitProducerId {
        id: ID.into(),
        timeout_ms: 60_000,
        expected,
    };
    let token = host.init(&request, None);
    match host.answer(token) {
        Some(Answer::NeedsProducerId) => {
            let fresh = host.fresh();
            let token = host.init(&request, Some(fresh));
            host.answer(token).unwrap()
        }
        other => other.unwrap(),
    }
}

fn initialized(host: &mut Host) -> Producer {
    match init(host, None) {
        Answer::Initialized(producer) => producer,
        other => panic!("{other:?}"),
    }
}

fn add_request(producer: Producer, client: TransactionVersion, partitions: &[i32]) -> AddPartitions {
    AddPartitions {
        id: ID.into(),
        producer,
        partitions: partitions.iter().map(|partition| place(*partition)).collect(),
        client,
    }
}

fn add(host: &mut Host, producer: Producer, client: TransactionVersion, partitions: &[i32]) -> Answer {
    let token = host.add(&add_request(producer, client, partitions));
    host.answer(token).unwrap()
}

fn end_request(producer: Producer, client: TransactionVersion, end: TransactionEnd) -> EndTxn {
    EndTxn {
        id: ID.into(),
        producer,
        end,
        client,
    }
}

fn end(host: &mut Host, producer: Producer, client: TransactionVersion, end: TransactionEnd) -> Answer {
    let request = end_request(producer, client, end);
    let token = host.end(&request, None);
    match host.answer(token) {
        Some(Answer::NeedsProducerId) => {
            let fresh = host.fresh();
            let token = host.end(&request, Some(fresh));
            host.answer(token).unwrap()
        }
        other => other.unwrap(),
    }
}

fn place(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn status(host: &Host) -> TransactionStatus {
    host.committed(ID).unwrap().status
}

fn refused(error: ErrorCode) -> Answer {
    Answer::Refused(error)
}

use TransactionEnd::{Abort, Commit};
use TransactionVersion::{V0, V2};

#[test]
fn an_epoch_stays_over_the_transactions_of_an_old_client() {
    let mut host = host(V0);
    let first = initialized(&mut host);
    assert_eq!(first.epoch.0, 0);
    for round in [Commit, Abort] {
        assert_eq!(add(&mut host, first, V0, &[0, 1]), Answer::Added);
        assert_eq!(end(&mut host, first, V0, round), Answer::Ended(Producer::NONE));
        // Its markers are being written.
        assert_eq!(
            end(&mut host, first, V0, round),
            refused(ErrorCode::ConcurrentTransactions)
        );
        assert_eq!(
            add(&mut host, first, V0, &[0]),
            refused(ErrorCode::ConcurrentTransactions)
        );
        assert_eq!(init(&mut host, None), refused(ErrorCode::ConcurrentTransactions));
        host.write_markers();
        // The answer did not reach the client.
        assert_eq!(end(&mut host, first, V0, round), Answer::Ended(Producer::NONE));
        let other = if round == Commit { Abort } else { Commit };
        assert_eq!(end(&mut host, first, V0, other), refused(ErrorCode::InvalidTxnState));
    }
    assert_eq!(status(&host), TransactionStatus::CompleteAbort);
    assert_eq!(initialized(&mut host), producer(first.id.0, 1));
    assert_eq!(end(&mut host, first, V0, Commit), refused(ErrorCode::ProducerFenced));
    assert_eq!(add(&mut host, first, V0, &[0]), refused(ErrorCode::ProducerFenced));
    let stranger = producer(7, 0);
    assert_eq!(
        add(&mut host, stranger, V0, &[0]),
        refused(ErrorCode::InvalidProducerIdMapping)
    );
}

/// The table above `endTransaction` in Kafka: a retry has the epoch before the stored one.
#[test]
fn every_end_bumps_the_epoch_of_a_new_client() {
    let none_yet = |host: &mut Host| initialized(host);
    let after = |ending: TransactionEnd| {
        move |host: &mut Host| {
            let first = initialized(host);
            assert_eq!(add(host, first, V2, &[0]), Answer::Added);
            let bumped = producer(first.id.0, 1);
            assert_eq!(end(host, first, V2, ending), Answer::Ended(bumped));
            host.write_markers();
            bumped
        }
    };
    let fenced = refused(ErrorCode::ProducerFenced);
    let invalid = refused(ErrorCode::InvalidTxnState);
    for (what, asked, is_retry, wanted) in [
        ("Empty", Abort, true, Some(&fenced)),
        ("Empty", Commit, true, Some(&fenced)),
        ("Empty", Abort, false, None),
        ("Empty", Commit, false, Some(&invalid)),
        ("CompleteAbort", Commit, true, Some(&invalid)),
        ("CompleteAbort", Abort, false, None),
        ("CompleteAbort", Commit, false, Some(&invalid)),
        ("CompleteCommit", Abort, true, Some(&invalid)),
        ("CompleteCommit", Abort, false, None),
        ("CompleteCommit", Commit, false, Some(&invalid)),
    ] {
        let mut host = host(V2);
        let current = match what {
            "Empty" => none_yet(&mut host),
            "CompleteAbort" => after(Abort)(&mut host),
            _ => after(Commit)(&mut host),
        };
        assert_eq!(status(&host).name(), what);
        let asks = producer(current.id.0, current.epoch.0 - i16::from(is_retry));
        let answer = end(&mut host, asks, V2, asked);
        match wanted {
            Some(refusal) => assert_eq!(&answer, refusal, "{what} {asked:?} {is_retry}"),
            None => {
                let bumped = producer(current.id.0, current.epoch.0 + 1);
                assert_eq!(answer, Answer::Ended(bumped), "{what} {asked:?} {is_retry}");
                host.write_markers();
                assert_eq!(status(&host), TransactionStatus::CompleteAbort);
            }
        }
    }
    for ending in [Commit, Abort] {
        let mut host = host(V2);
        let bumped = after(ending)(&mut host);
        let before = producer(bumped.id.0, bumped.epoch.0 - 1);
        assert_eq!(end(&mut host, before, V2, ending), Answer::Ended(bumped));
    }
}

#[test]
fn a_producer_whose_epochs_are_used_up_goes_on_under_a_new_id() {
    let used_up = |status| Transaction {
        producer_id: ProducerId(5),
        previous_producer_id: ProducerId(5),
        next_producer_id: ProducerId::NONE,
        producer_epoch: producer(5, i16::MAX - 1).epoch,
        last_producer_epoch: Producer::NONE.epoch,
        timeout_ms: 60_000,
        status,
        partitions: std::iter::once(place(0))
            .filter(|_| status == TransactionStatus::Ongoing)
            .collect(),
        started: Timestamp(if status == TransactionStatus::Ongoing {
            1_000_000
        } else {
            -1
        }),
        updated: Timestamp(1_000_000),
        client_version: V2,
    };
    let last = producer(5, i16::MAX - 1);
    // By InitProducerId.
    let mut host = host(V2);
    host.put(ID, used_up(TransactionStatus::Empty));
    assert_eq!(initialized(&mut host), producer(1001, 0));
    // It may not have heard of it.
    assert_eq!(init(&mut host, Some(last)), refused(ErrorCode::ProducerFenced));
    // By EndTxn, whose answer may not have reached it.
    let mut host = self::host(V2);
    host.put(ID, used_up(TransactionStatus::Ongoing));
    let next = Answer::Ended(producer(1001, 0));
    assert_eq!(end(&mut host, last, V2, Commit), next);
    let due = host.take_markers();
    assert_eq!((due.len(), due[0].producer), (1, producer(5, i16::MAX)));
    host.written(ID, due[0].run, &[(place(0), MarkerResult::Written)]);
    assert_eq!(end(&mut host, last, V2, Commit), next);
    assert_eq!(host.committed(ID).unwrap().producer(), producer(1001, 0));
    // By its time.
    let mut host = self::host(V2);
    host.put(ID, used_up(TransactionStatus::Ongoing));
    host.advance(Duration::from_secs(75));
    assert!(host.coordinator.wants_producer_id());
    assert_eq!(status(&host), TransactionStatus::Ongoing);
    host.feed();
    assert_eq!(status(&host), TransactionStatus::PrepareAbort);
    host.write_markers();
    assert_eq!(host.committed(ID).unwrap().producer(), producer(1001, 0));
}

#[test]
fn a_repeated_init_of_a_producer_that_goes_on_gets_the_same_epoch() {
    let mut host = host(V2);
    let first = initialized(&mut host);
    let bumped = Answer::Initialized(producer(first.id.0, 1));
    assert_eq!(init(&mut host, Some(first)), bumped);
    assert_eq!(init(&mut host, Some(first)), bumped);
    let newer = initialized(&mut host);
    assert_eq!(newer, producer(first.id.0, 2));
    assert_eq!(init(&mut host, Some(first)), refused(ErrorCode::ProducerFenced));
    assert_eq!(
        init(&mut host, Some(producer(7, 0))),
        refused(ErrorCode::ProducerFenced)
    );
    // The last epoch is not in the log.
    assert_eq!(
        init(&mut host, Some(newer)),
        Answer::Initialized(producer(first.id.0, 3))
    );
    host.fail_over(0);
    assert_eq!(init(&mut host, Some(newer)), refused(ErrorCode::ProducerFenced));
}

#[test]
fn a_transaction_under_way_is_aborted_before_another_producer_begins() {
    for (version, epoch_of_markers) in [(V0, 1), (V2, 1)] {
        let mut host = host(version);
        let old = initialized(&mut host);
        assert_eq!(add(&mut host, old, version, &[0, 1]), Answer::Added);
        assert_eq!(init(&mut host, None), refused(ErrorCode::ConcurrentTransactions));
        assert_eq!(status(&host), TransactionStatus::PrepareAbort);
        let due = host.take_markers();
        assert_eq!(due[0].producer, producer(old.id.0, epoch_of_markers));
        assert_eq!((due[0].end, due[0].version), (Abort, version));
        assert_eq!(init(&mut host, None), refused(ErrorCode::ConcurrentTransactions));
        let results: Vec<_> = due[0]
            .partitions
            .iter()
            .map(|partition| (partition.clone(), MarkerResult::Written))
            .collect();
        host.written(ID, due[0].run, &results);
        assert_eq!(initialized(&mut host), producer(old.id.0, 2));
    }
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let mut host = host(V2);
    let slow = initialized(&mut host);
    assert_eq!(add(&mut host, slow, V2, &[0]), Answer::Added);
    host.advance(Duration::from_secs(60));
    assert_eq!(status(&host), TransactionStatus::Ongoing);
    host.advance(Duration::from_secs(10));
    assert_eq!(status(&host), TransactionStatus::PrepareAbort);
    host.write_markers();
    assert_eq!(end(&mut host, slow, V2, Commit), refused(ErrorCode::InvalidTxnState));
    assert_eq!(add(&mut host, slow, V2, &[0]), refused(ErrorCode::ProducerFenced));
}

#[test]
fn ids_that_nobody_uses_are_forgotten() {
    let mut host = host(V2);
    let first = initialized(&mut host);
    host.advance(Duration::from_secs(7 * 24 * 60 * 60 - 3_600));
    assert!(host.committed(ID).is_some());
    host.advance(Duration::from_secs(2 * 3_600));
    assert!(host.committed(ID).is_none());
    assert_eq!(host.log.last().unwrap().1, None);
    assert_eq!(
        add(&mut host, first, V2, &[0]),
        refused(ErrorCode::InvalidProducerIdMapping)
    );
    assert_ne!(initialized(&mut host).id, first.id);
}

#[test]
fn markers_are_written_until_every_partition_has_its_own() {
    let mut host = host(V2);
    let first = initialized(&mut host);
    assert_eq!(add(&mut host, first, V2, &[0, 1, 2]), Answer::Added);
    end(&mut host, first, V2, Commit);
    let due = host.take_markers().remove(0);
    let results = [
        (place(0), MarkerResult::Written),
        (place(1), MarkerResult::Retry),
        (place(2), MarkerResult::Gone),
    ];
    host.written(ID, due.run, &results);
    let described = describe_transaction(&host.coordinator, host.runtime.committed(), ID);
    assert_eq!(described.topics[0].partitions, [1]);
    assert_eq!(described.transaction_state, "PrepareCommit");
    assert!(host.take_markers().is_empty());
    host.advance(Duration::from_millis(100));
    let again = host.take_markers().remove(0);
    assert_eq!(again.partitions, [place(1)]);
    host.mood = LogMood::Fails(Lost::Replicas);
    host.written(ID, again.run, &[(place(1), MarkerResult::Written)]);
    assert_eq!(status(&host), TransactionStatus::PrepareCommit);
    host.mood = LogMood::Commits;
    host.advance(Duration::from_millis(100));
    assert_eq!(status(&host), TransactionStatus::CompleteCommit);
}

#[test]
fn markers_of_what_was_taken_over_wait_until_that_is_committed() {
    let mut host = host(V2);
    let first = initialized(&mut host);
    assert_eq!(add(&mut host, first, V2, &[0]), Answer::Added);
    host.mood = LogMood::Holds;
    let token = host.end(&end_request(first, V2, Commit), None);
    assert_eq!(host.answer(token), None);
    let is_lost = |host: &mut Host, survive| {
        host.fail_over(survive);
        host.mood = LogMood::Holds;
        host.tick();
        host.take_markers().is_empty()
    };
    assert!(is_lost(&mut host, 1));
    let token = host.end(&end_request(first, V2, Abort), None);
    host.commit();
    assert_eq!(host.answer(token), Some(refused(ErrorCode::ConcurrentTransactions)));
    assert_eq!(host.take_markers().len(), 1);
    assert!(!is_lost(&mut host, 0), "a committed decision is gone on with at once");
}

#[test]
fn whoever_asks_while_a_record_is_on_its_way_is_told_to_come_again() {
    let mut host = host(V2);
    let first = initialized(&mut host);
    host.mood = LogMood::Holds;
    let adding = host.add(&add_request(first, V2, &[0]));
    let ending = host.end(&end_request(first, V2, Commit), None);
    assert_eq!((host.answer(adding), host.answer(ending)), (None, None));
    let refusal = verify_partitions(host.runtime.committed(), ID, first, &[place(0)]);
    assert_eq!(refusal.unwrap(), [(place(0), ErrorCode::TransactionAbortable)]);
    host.commit();
    assert_eq!(host.answer(adding), Some(Answer::Added));
    assert_eq!(host.answer(ending), Some(refused(ErrorCode::ConcurrentTransactions)));
    let taking_part = verify_partitions(host.runtime.committed(), ID, first, &[place(0), place(1)]);
    assert_eq!(
        taking_part.unwrap(),
        [(place(0), ErrorCode::None), (place(1), ErrorCode::TransactionAbortable)]
    );
    // What cannot be written did not happen.
    for (lost, error) in [
        (Lost::Replicas, ErrorCode::CoordinatorNotAvailable),
        (Lost::NotLeader, ErrorCode::NotCoordinator),
        (Lost::TooLarge, ErrorCode::UnknownServerError),
    ] {
        host.mood = LogMood::Fails(lost);
        assert_eq!(end(&mut host, first, V2, Commit), refused(error));
    }
    host.mood = LogMood::Commits;
    assert_eq!(
        end(&mut host, first, V2, Commit),
        Answer::Ended(producer(first.id.0, 1))
    );
}

/// Found by the simulation: two producers went on with one epoch, and one committed what the other had written.
#[test]
fn a_fenced_producer_s_end_is_not_taken_for_a_retry_of_an_older_client_s() {
    let mut host = host(V2);
    let fenced = initialized(&mut host);
    let older = initialized(&mut host);
    assert_eq!(add(&mut host, older, V0, &[0]), Answer::Added);
    assert_eq!(end(&mut host, older, V0, Abort), Answer::Ended(Producer::NONE));
    host.write_markers();
    assert_eq!(status(&host), TransactionStatus::CompleteAbort);
    assert_eq!(end(&mut host, fenced, V2, Abort), refused(ErrorCode::ProducerFenced));
}
