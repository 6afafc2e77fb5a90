use super::*;
use base::fs::Fs;
use records::ReplicatedBatches;

/// Ten segments of two batches of two records; the batch at offset `o` has times `o` and `o + 1` seconds after 0.
fn ten(config: LogConfig) -> (Bench, Log) {
    let size = one(0).size() as u32;
    let bench = Bench::new(LogConfig {
        segment_bytes: size * 2,
        index_interval_bytes: 0,
        ..config
    });
    let mut log = bench.open();
    for at in 0..20 {
        append(&mut log, one(at * 2));
    }
    assert_eq!(log.segment_count(), 10);
    (bench, log)
}

fn one(offset: i64) -> VerifiedBatch {
    let mut builder = BatchBuilder::new();
    for at in offset..offset + 2 {
        builder.append(Timestamp(at * 1000), None, Some(&[b'v'; 50]), &[]);
    }
    builder.build()
}

fn ends(log: &Log) -> (i64, i64) {
    (log.log_start_offset().0, log.log_end_offset().0)
}

#[test]
fn old_segments_go_by_the_time_of_their_records() {
    let (bench, mut log) = ten(LogConfig {
        retention_ms: 10_000,
        ..LogConfig::default()
    });
    let all = Offset(40);
    assert!(
        log.delete_old_segments(all, Timestamp(13_000))
            .expect("deleted")
            .is_empty()
    );
    // The first segment's youngest record is 3 s.
    let doomed = log.delete_old_segments(all, Timestamp(13_001)).expect("deleted");
    assert_eq!((doomed.segments, ends(&log)), (1, (4, 40)));
    let names: Vec<_> = doomed
        .files
        .iter()
        .map(|file| file.file_name().expect("a name").to_owned())
        .collect();
    assert!(names.contains(&"00000000000000000000.log.deleted".into()), "{names:?}");
    assert!(doomed.files.iter().all(|file| RealFs.exists(file)));
    doomed.remove(&RealFs).expect("removed");
    doomed.remove(&RealFs).expect("gone already");
    assert!(bench.files().iter().all(|name| !name.ends_with(".deleted")));
    // Only what the high watermark has passed.
    let doomed = log
        .delete_old_segments(Offset(11), Timestamp(100_000))
        .expect("deleted");
    assert_eq!((doomed.segments, ends(&log)), (1, (8, 40)));
    // All of it: an empty segment remains.
    let doomed = log.delete_old_segments(all, Timestamp(100_000)).expect("deleted");
    assert_eq!(
        (doomed.segments, ends(&log), log.segment_count(), log.size()),
        (8, (40, 40), 1, 0)
    );
    assert_eq!(append(&mut log, one(40)).first_offset, Offset(40));
    drop(log);
    assert_eq!(ends(&bench.open()), (40, 42));
}

#[test]
fn surplus_bytes_go_by_whole_segments() {
    let segment = one(0).size() as i64 * 2;
    let (_bench, mut log) = ten(LogConfig {
        retention_ms: -1,
        retention_bytes: segment * 7 + 1,
        ..LogConfig::default()
    });
    let doomed = log
        .delete_old_segments(Offset(40), Timestamp(i64::MAX))
        .expect("deleted");
    assert_eq!((doomed.segments, ends(&log)), (2, (8, 40)));
    assert!(
        log.delete_old_segments(Offset(40), Timestamp(i64::MAX))
            .expect("deleted")
            .is_empty()
    );
}

#[test]
fn compacted_logs_lose_only_what_lies_below_their_start() {
    let config = LogConfig {
        retention_ms: 1,
        delete: false,
        compact: true,
        ..LogConfig::default()
    };
    let (mut bench, mut log) = ten(config);
    assert!(
        log.delete_old_segments(Offset(40), Timestamp(i64::MAX))
            .expect("deleted")
            .is_empty()
    );
    assert_eq!(log.advance_log_start(Offset(9)), Ok(true));
    assert_eq!(log.advance_log_start(Offset(9)), Ok(false));
    assert_eq!(log.advance_log_start(Offset(3)), Ok(false), "never back");
    assert_eq!(log.delete_old_segments(Offset(40), NOW).expect("deleted").segments, 2);
    assert_eq!((ends(&log), log.first_segment_base()), ((9, 40), Offset(8)));
    close(&mut log);
    bench.options.log_start_offset = Offset(9);
    assert_eq!(ends(&bench.open_clean()), (9, 40));
}

#[test]
fn truncation_cuts_everywhere() {
    for offset in 0..=40 {
        let (bench, mut log) = ten(LogConfig::default());
        flush(&mut log);
        let before = headers(&log);
        let doomed = log.truncate_to(Offset(offset), NOW).expect("truncated");
        assert_eq!(log.log_end_offset(), Offset(offset));
        assert!(log.recovery_point() <= Offset(offset));
        let kept = before
            .iter()
            .filter(|header| header.next_offset() <= Offset(offset))
            .count();
        let view = log.view();
        let bytes: u64 = view.segments.iter().map(|segment| segment.size()).sum();
        assert_eq!(bytes, kept as u64 * one(0).size() as u64, "at {offset}");
        doomed.remove(&RealFs).expect("removed");
        // It goes on there, and the result survives a crash.
        append(&mut log, one(offset));
        drop(log);
        let log = bench.open();
        let whole = offset % 2 == 0;
        let found = read_all(&log.view(), Offset(offset), 1);
        let last = *batches(&found).next().expect("found").expect("a batch").header();
        assert_eq!(
            (last.base_offset, last.max_timestamp),
            (Offset(offset), Timestamp(offset * 1000 + 1000))
        );
        assert!(!whole || headers(&log).len() == kept + 1, "at {offset}");
    }
}

#[test]
fn what_was_cut_off_stays_away_after_a_power_cut() {
    let dir = Path::new("/logs");
    let disk = sim::Disk::with_dir(dir);
    let open = |disk: &sim::Disk, recovery_point| {
        let (fs, partition) = (Arc::new(disk.clone()), TopicPartition::new("topic", 0));
        let mut options = LogOptions::new(fs, dir.join("topic-0"), partition, NOW);
        options.recovery_point = recovery_point;
        options.config = Arc::new(LogConfig {
            segment_bytes: one(0).size() as u32,
            ..LogConfig::default()
        });
        Log::open(options).expect("opened")
    };
    let mut log = open(&disk, Offset(0));
    for time in 0..10 {
        append(&mut log, one(time));
    }
    flush(&mut log);
    assert_eq!(log.segment_count(), 10);
    let _ = log.truncate_to(Offset(6), NOW).expect("truncated");
    append(&mut log, one(7));
    flush(&mut log);
    for seed in 0..20 {
        let left = disk.after_power_cut(&mut base::Rng::from_seed(seed));
        let log = open(&left, log.recovery_point());
        assert_eq!(ends(&log), (0, 8), "seed {seed}");
    }
}

#[test]
fn truncation_clips_epochs() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    for epoch in 0..4 {
        log.begin_epoch(LeaderEpoch(epoch)).expect("begun");
        log.append_as_leader(&[one(0)], LeaderEpoch(epoch), Origin::Client, NOW)
            .expect("appended");
    }
    let end = |log: &Log, epoch| log.end_offset_for_epoch(LeaderEpoch(epoch)).end_offset;
    assert_eq!(
        (end(&log, 0), end(&log, 2), end(&log, 3)),
        (Offset(2), Offset(6), Offset(8))
    );
    assert_eq!(end(&log, 4), Offset::NONE);
    let _ = log.truncate_to(Offset(4), NOW).expect("truncated");
    assert_eq!((log.latest_epoch(), end(&log, 1)), (Some(LeaderEpoch(1)), Offset(4)));
    drop(log);
    assert_eq!(bench.open().latest_epoch(), Some(LeaderEpoch(1)));
}

#[test]
fn a_follower_far_behind_begins_anew() {
    let (bench, mut log) = ten(LogConfig::default());
    let view = log.view();
    let doomed = log.truncate_fully_and_start_at(Offset(500), NOW).expect("truncated");
    assert_eq!(
        (doomed.segments, ends(&log), log.latest_epoch()),
        (10, (500, 500), None)
    );
    assert!(!read_all(&view, Offset(0), 1000).is_empty(), "old readers end in peace");
    append(&mut log, one(0));
    drop((log, doomed));
    assert_eq!(ends(&bench.open()), (500, 502));
    assert!(
        bench.files().iter().all(|name| !name.ends_with(".deleted")),
        "a restart removes what was to go"
    );
}

#[test]
fn a_follower_copies_its_leader_byte_for_byte() {
    let (bench, leader) = ten(LogConfig::default());
    let follower_bench = Bench {
        root: tempfile::tempdir().expect("a directory"),
        options: bench.options.clone(),
    };
    let mut options = follower_bench.options.clone();
    options.dir = follower_bench.root.path().join("topic-0");
    let mut follower = Log::open(options.clone()).expect("opened");
    let view = leader.view();
    while follower.log_end_offset() < view.log_end_offset() {
        let bytes = read_all(&view, follower.log_end_offset(), 300);
        let batches = ReplicatedBatches::verify(bytes.into()).expect("good");
        follower.append_as_follower(&batches, NOW).expect("appended");
        assert!(
            follower.append_as_follower(&batches, NOW).is_err(),
            "the same again does not fit"
        );
    }
    assert_eq!(headers(&follower), headers(&leader));
    assert_eq!(follower.latest_epoch(), Some(EPOCH));
    assert_eq!(names(&options.dir), bench.files());
}

#[test]
fn a_deleted_partition_is_renamed_and_still_read() {
    let (bench, mut log) = ten(LogConfig::default());
    let view = log.view();
    let to = log.rename_for_delete(&mut base::Rng::from_seed(1)).expect("renamed");
    assert!(to.file_name().expect("a name").to_string_lossy().ends_with("-delete"));
    assert!(!RealFs.exists(&bench.dir()));
    assert!(!read_all(&view, Offset(8), 1000).is_empty());
    assert_eq!(*log.dir(), *to);
}

#[test]
fn flushes_are_due_when_the_topic_says_so() {
    use std::time::Duration;
    let config = LogConfig {
        flush_messages: 10,
        flush_ms: 1000,
        ..LogConfig::default()
    };
    let bench = Bench::new(config);
    let mut log = bench.open();
    let at = |ms| Instant::from_zero(Duration::from_millis(ms));
    assert!(!log.flush_due(at(0)));
    append(&mut log, one(0));
    assert!(!log.flush_due(at(999)));
    assert!(log.flush_due(at(1000)));
    log.flush(at(1000)).expect("flushed");
    assert_eq!(log.recovery_point(), Offset(2));
    (0..4).for_each(|at| _ = append(&mut log, one(at)));
    assert!(!log.flush_due(at(1001)));
    append(&mut log, one(0));
    assert!(log.flush_due(at(1001)));
    let flush = log.prepare_flush().expect("opened").expect("something to do");
    append(&mut log, one(0));
    assert_eq!(flush.up_to(), Offset(12));
    let result = flush.run();
    log.finish_flush(flush, result, at(1001));
    assert_eq!(log.recovery_point(), Offset(12), "what came later is not safe yet");
    log.roll(NOW).expect("rolled");
    assert!(log.flush_due(at(1001)), "a completed segment is flushed");
}
