//! Another log in the place of the replica's own, on a real disk: what goes on, and what says nothing of it any more.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use base::fs::{Fs, RealFs};
use base::{Instant, LeaderEpoch, NodeId, Offset, PartitionEpoch, Rng, Timestamp, TopicPartition, Uuid};
use bytes::Bytes;
use partition::{Brokers, Leadership, NotExchangeable, Partition, RequiredAcks, Signal};
use records::{BatchBuilder, ReplicatedBatches};
use sim::Disk;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use storage::dirs::{self, name};
use storage::{
    AppendError, AppendTerms, Durability, Log, LogConfig, LogOptions, MinOne, Origin, ReadRequest, StorageError,
    Verification,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn log(dir: &Path) -> Log {
    log_on(Arc::new(RealFs), dir).unwrap()
}

fn log_on(fs: Arc<dyn Fs>, dir: &Path) -> Result<Log, StorageError> {
    let mut options = LogOptions::new(fs, dir.to_owned(), TopicPartition::new("t", 0), NOW);
    options.config = Arc::new(LogConfig {
        durability: Durability::Flush,
        ..LogConfig::default()
    });
    Log::open(options)
}

fn leading(dir: &Path) -> Partition {
    leading_with(log(dir))
}

fn leading_with(log: Log) -> Partition {
    let brokers = Arc::new(Brokers::new(Duration::from_secs(30)));
    let mut partition = Partition::new(Uuid::ONE, log, Offset::ZERO, 1, brokers);
    let leadership = Leadership {
        node: NodeId(1),
        epoch: LeaderEpoch(5),
        partition_epoch: PartitionEpoch(5),
        replicas: vec![NodeId(1)],
        isr: vec![NodeId(1)],
    };
    partition.lead(leadership, Instant::ZERO).unwrap().fire();
    partition
}

fn append(partition: &mut Partition) {
    let mut builder = BatchBuilder::new();
    builder.append(NOW, Some(b"key"), Some(b"value"), &[]);
    let terms = AppendTerms {
        verification: Verification::Off,
        ..Origin::Client.into()
    };
    let appended = partition.append(&[builder.build()], RequiredAcks::All, terms, NOW);
    appended.unwrap().1.fire();
}

/// Everything that the replica has and the other log lacks, on stable storage there.
fn fill(future: &mut Log, partition: &Partition) {
    try_to_fill(future, partition).unwrap();
}

fn try_to_fill(future: &mut Log, partition: &Partition) -> Result<(), AppendError> {
    let request = ReadRequest {
        from: future.log_end_offset(),
        max_bytes: u32::MAX,
        bound: partition.log().log_end_offset(),
        min_one: MinOne::Whole,
    };
    let slice = partition.log().view().read(request).unwrap();
    let bytes = Bytes::from(slice.region.unwrap().read().unwrap());
    let records = ReplicatedBatches::verify(bytes).unwrap();
    future.append_as_follower(&records, NOW)?;
    future.take_over_epochs(partition.log());
    future.flush(Instant::ZERO)?;
    Ok(())
}

fn is_raised(signal: &Signal) -> bool {
    signal.poll_raised(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[test]
fn a_flush_of_the_log_that_was_there_before_says_nothing_of_the_new_one() {
    for result in [Ok(()), Err(StorageError::Io(std::io::ErrorKind::Other))] {
        let root = tempfile::tempdir().unwrap();
        let mut partition = leading(&root.path().join("a"));
        append(&mut partition);
        let signal = Arc::new(Signal::default());
        partition.park_flush(&signal, Offset(1));
        let under_way = partition.log_mut().prepare_flush().unwrap().unwrap();

        let mut future = log(&root.path().join("b"));
        fill(&mut future, &partition);
        let (before, wakes) = partition.exchange(future);
        wakes.fire();
        assert!(is_raised(&signal), "what is waited for is on stable storage");
        assert_eq!(partition.high_watermark(), Offset(1));
        assert!(before.dir().ends_with("a") && partition.log().dir().ends_with("b"));

        append(&mut partition);
        partition.finish_flush(under_way, result, Instant::ZERO).fire();
        assert!(!partition.log().is_offline(), "{result:?}: the other disk failed");
        assert_eq!(partition.log().recovery_point(), Offset(1), "{result:?}");
        assert!(!partition.is_flushed(Offset(2)), "{result:?}");
        assert_eq!(partition.high_watermark(), Offset(1), "{result:?}");
        let flush = partition.log_mut().prepare_flush().unwrap().unwrap();
        let flushed = flush.run();
        partition.finish_flush(flush, flushed, Instant::ZERO).fire();
        assert_eq!(partition.high_watermark(), Offset(2), "{result:?}");
    }
}

#[test]
fn a_log_that_is_not_the_same_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut partition = leading(&root.path().join("a"));
    let mut future = log(&root.path().join("b"));
    append(&mut partition);
    assert_eq!(
        partition.check_exchange(&future),
        Err(NotExchangeable::Different),
        "it lacks a record"
    );
    fill(&mut future, &partition);
    assert_eq!(partition.check_exchange(&future), Ok(()));
    partition.log_mut().advance_log_start(Offset(1)).unwrap();
    assert_eq!(
        partition.check_exchange(&future),
        Err(NotExchangeable::Different),
        "it begins earlier"
    );
    future.advance_log_start(Offset(1)).unwrap();
    append(&mut partition);
    let request = ReadRequest {
        from: Offset(1),
        max_bytes: u32::MAX,
        bound: Offset(2),
        min_one: MinOne::Whole,
    };
    let slice = partition.log().view().read(request).unwrap();
    let bytes = Bytes::from(slice.region.unwrap().read().unwrap());
    future
        .append_as_follower(&ReplicatedBatches::verify(bytes).unwrap(), NOW)
        .unwrap();
    assert_eq!(
        partition.check_exchange(&future),
        Err(NotExchangeable::Different),
        "it is not on stable storage"
    );
    future.flush(Instant::ZERO).unwrap();
    assert_eq!(partition.check_exchange(&future), Ok(()));
}

const RECORDS: i64 = 5;

/// Fills a log in `/d/b` and puts it in the place of the one in `/d/a`, as far as the power lasts.
fn move_over(disk: &Disk, partition: &mut Partition) -> Result<(), AppendError> {
    let mut rng = Rng::from_seed(1);
    let name = name::future(&TopicPartition::new("t", 0), &mut rng);
    let mut future = log_on(Arc::new(disk.clone()), &Path::new("/d/b").join(name))?;
    try_to_fill(&mut future, partition)?;
    assert_eq!(partition.check_exchange(&future), Ok(()));
    future.promote()?;
    let (mut before, wakes) = partition.exchange(future);
    wakes.fire();
    before.rename_for_delete(&mut rng)?;
    disk.sync_dir(Path::new("/d/a")).map_err(StorageError::from)?;
    Ok(())
}

/// Where the partition lies, of `/d/a` and `/d/b`, by the names there.
fn places(disk: &Disk) -> Vec<PathBuf> {
    let current = |dir| dirs::scan(disk, Path::new(dir)).unwrap().current;
    ["/d/a", "/d/b"]
        .into_iter()
        .flat_map(current)
        .map(|found| found.path)
        .collect()
}

#[test]
fn a_power_cut_at_any_change_of_a_move_leaves_a_whole_log() {
    let mut seen = BTreeSet::new();
    for changes in 0.. {
        for seed in 0..20 {
            let context = format!("seed {seed}, cut after {changes} changes");
            let disk = Disk::with_dir(Path::new("/d"));
            for dir in ["/d/a", "/d/b"] {
                disk.create_dir(Path::new(dir)).unwrap();
            }
            disk.sync_dir(Path::new("/d")).unwrap();
            let first = log_on(Arc::new(disk.clone()), Path::new("/d/a/t-0")).unwrap();
            let mut partition = leading_with(first);
            (0..RECORDS).for_each(|_| append(&mut partition));
            partition.log_mut().flush(Instant::ZERO).unwrap();
            disk.cut_power_after(changes);
            let moved = move_over(&disk, &mut partition);
            drop(partition);
            let disk = disk.after_power_cut(&mut Rng::from_seed(changes << 8 | seed));
            let places = places(&disk);
            seen.insert(places.clone());
            assert!(!places.is_empty(), "{context}: no directory has the partition's name");
            for place in &places {
                let log = log_on(Arc::new(disk.clone()), place).unwrap_or_else(|error| panic!("{context}: {error}"));
                assert_eq!(log.log_end_offset(), Offset(RECORDS), "{context}: {}", place.display());
            }
            if moved.is_ok() && seed == 19 {
                let ways = [vec!["/d/a/t-0"], vec!["/d/a/t-0", "/d/b/t-0"], vec!["/d/b/t-0"]];
                let ways = ways.map(|way| way.into_iter().map(PathBuf::from).collect::<Vec<_>>());
                assert_eq!(seen, BTreeSet::from(ways), "each of them was met");
                return;
            }
        }
    }
}
