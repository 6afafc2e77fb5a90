use super::*;
use crate::RoomStep;
use base::fs::{Fs, Overwritten};
use std::time::Duration;

/// Appends and flushes so many batches.
fn flushes(log: &mut Log, count: usize, size: usize) {
    for _ in 0..count {
        append(log, batch(1, size, 1));
        flush(log);
    }
}

fn make_room(log: &mut Log) {
    let room = log.wants_room().expect("flushes are small");
    assert!(log.wants_room().is_none(), "somebody makes it");
    loop {
        match log.make_room(&room).expect("there is space") {
            RoomStep::More => {}
            RoomStep::Written(file) => {
                file.sync().expect("synced");
                return log.room_is_safe(&room);
            }
            RoomStep::Void => panic!("nothing happened to the log"),
        }
    }
}

fn file_len(bench: &Bench, base: i64) -> u64 {
    let name = crate::names::SegmentFile::Log.name(Offset(base));
    RealFs.len(&bench.dir().join(name)).expect("a length")
}

/// What the next flush is to sync: whole files, and what was written over.
fn next_flush(log: &mut Log) -> (usize, Option<std::ops::Range<u64>>) {
    let prepared = log.prepare_flush().expect("prepared").expect("there is something");
    let files = prepared.synced_whole();
    let range = prepared.overwritten().map(|one: &Overwritten| one.range.clone());
    let result = prepared.run();
    log.finish_flush(prepared, result, Instant::ZERO);
    (files, range)
}

#[test]
fn small_flushes_get_room_and_large_ones_do_not() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    flushes(&mut log, 2, 100);
    assert!(log.wants_room().is_none(), "nobody knows yet");
    flushes(&mut log, 30, 300_000);
    assert!(log.wants_room().is_none(), "they are large");
    flushes(&mut log, 40, 100);
    make_room(&mut log);
    assert!(log.wants_room().is_none(), "there is room now");
    assert!(file_len(&bench, 0) >= log.size() + 500_000);
    assert!(file_len(&bench, 0) <= log.size() + 600_000, "it is not a small log");

    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    for second in 0..30 {
        append(&mut log, batch(1, 100, 1));
        log.flush(Instant::from_zero(Duration::from_secs(second)))
            .expect("flushed");
    }
    assert!(log.wants_room().is_none(), "they are seldom");

    let preallocated = Bench::new(LogConfig {
        preallocate: true,
        ..LogConfig::default()
    });
    let mut log = preallocated.open();
    flushes(&mut log, 30, 100);
    assert!(log.wants_room().is_none(), "it was told how long its file is to be");
}

#[test]
fn a_flush_within_the_room_writes_over_and_one_beyond_it_does_not() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    flushes(&mut log, 10, 100);
    append(&mut log, batch(1, 100, 1));
    assert_eq!(next_flush(&mut log), (1, None));
    make_room(&mut log);
    let before = log.size();
    append(&mut log, batch(1, 100, 1));
    assert_eq!(next_flush(&mut log), (0, Some(before..log.size())));
    let before = log.size();
    append(&mut log, batch(1, 10_000, 1));
    append(&mut log, batch(1, 10_000, 1));
    assert_eq!(next_flush(&mut log), (0, Some(before..log.size())));
    append(&mut log, batch(1, 30_000, 1));
    assert_eq!(next_flush(&mut log), (1, None), "the file grew");
    append(&mut log, batch(1, 100, 1));
    assert_eq!(next_flush(&mut log), (1, None), "and grows");
}

#[test]
fn what_is_cut_off_takes_the_room_with_it() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    flushes(&mut log, 10, 100);
    make_room(&mut log);
    let _ = log.truncate_to(Offset(5), NOW).expect("cut");
    assert_eq!(file_len(&bench, 0), log.size());
    append(&mut log, batch(1, 100, 1));
    let (files, over) = next_flush(&mut log);
    assert!(files >= 1 && over.is_none(), "the blocks are gone");
}

#[test]
fn room_that_was_being_made_when_the_log_was_cut_counts_for_nothing() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    flushes(&mut log, 10, 100);
    let room = log.wants_room().expect("flushes are small");
    while !matches!(log.make_room(&room), Ok(RoomStep::Written(_))) {}
    let _ = log.truncate_to(Offset(5), NOW).expect("cut");
    flushes(&mut log, 1, 100);
    log.room_is_safe(&room);
    append(&mut log, batch(1, 100, 1));
    assert!(next_flush(&mut log).1.is_none());
    let bench = Bench::new(LogConfig::default());
    let mut other = bench.open();
    flushes(&mut other, 10, 100);
    let room = other.wants_room().expect("flushes are small");
    other.roll(NOW).expect("rolled");
    assert!(matches!(other.make_room(&room), Ok(RoomStep::Void)), "another segment");
}

#[test]
fn a_crash_leaves_the_room_and_a_start_cuts_it_off() {
    let bench = Bench::new(LogConfig {
        segment_bytes: 1 << 20,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    flushes(&mut log, 30, 100);
    make_room(&mut log);
    flushes(&mut log, 3, 100);
    let (size, recovery_point) = (log.size(), log.recovery_point());
    assert_eq!(headers(&log).len(), 33, "what is appended lies in the room");
    drop(log);
    for point in [Offset::ZERO, recovery_point] {
        let mut options = bench.options.clone();
        options.recovery_point = point;
        let log = Log::open(options).expect("opened");
        assert_eq!((log.size(), headers(&log).len()), (size, 33));
        assert_eq!(file_len(&bench, 0), size);
        drop(log);
        // As after the crash, for the next one.
        let file = bench.dir().join(crate::names::SegmentFile::Log.name(Offset(0)));
        let file = RealFs.open(&file, base::fs::Open::Write).expect("there");
        file.set_len(size + 70_000).expect("longer");
    }
    let log = bench.open_clean();
    assert_eq!(
        log.size(),
        size,
        "also if the end was said to be clean, and the cut was lost"
    );
}

#[test]
fn room_that_a_complete_segment_still_has_costs_nothing_that_follows_and_what_is_missing_does() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    flushes(&mut log, 30, 100);
    log.roll(NOW).expect("rolled");
    flushes(&mut log, 3, 100);
    let size = log.size();
    drop(log);
    let path = bench.dir().join(crate::names::SegmentFile::Log.name(Offset(0)));
    let file = RealFs.open(&path, base::fs::Open::Write).expect("there");
    let len = file.len().expect("a length");
    for point in [Offset::ZERO, Offset(30)] {
        file.set_len(len + 3_000_000).expect("longer");
        let mut options = bench.options.clone();
        options.recovery_point = point;
        let log = Log::open(options).expect("opened");
        assert_eq!((log.segment_count(), log.size()), (2, size), "from {point}");
        assert_eq!(file.len().expect("a length"), len);
    }
    // The last batch was never written.
    file.write_at(&[0; 100], len - 100).expect("written");
    file.set_len(len + 3_000_000).expect("longer");
    assert_eq!(bench.open().segment_count(), 1);
}

#[test]
fn what_is_complete_and_what_is_closed_has_no_room() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    flushes(&mut log, 30, 100);
    make_room(&mut log);
    let first = log.size();
    log.roll(NOW).expect("rolled");
    assert_eq!(file_len(&bench, 0), first);
    flushes(&mut log, 2, 100);
    make_room(&mut log);
    assert!(file_len(&bench, 30) > log.size() - first);
    close(&mut log);
    assert_eq!(file_len(&bench, 30), log.size() - first);
    let (size, end) = (log.size(), log.log_end_offset());
    drop(log);
    let log = bench.open_clean();
    assert_eq!((log.size(), log.log_end_offset()), (size, end));
}

#[test]
fn where_there_is_no_space_for_room_the_log_goes_on_without() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    flushes(&mut log, 10, 100);
    let room = log.wants_room().expect("flushes are small");
    log.room_failed(&room);
    flushes(&mut log, 1, 100);
    assert!(log.wants_room().is_none(), "not at once again");
    flushes(&mut log, 10, 100);
    assert!(log.wants_room().is_some());
    assert!(!log.is_offline());
}

#[test]
fn readers_see_nothing_of_it_and_fsck_takes_it_for_a_torn_tail() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    flushes(&mut log, 30, 100);
    make_room(&mut log);
    let bytes = read_all(&log.view(), Offset::ZERO, 10_000_000);
    assert_eq!(bytes.len() as u64, log.size());
    let size = log.size();
    drop(log);
    let path = bench.dir().join(crate::names::SegmentFile::Log.name(Offset(0)));
    let (place, depth) = (crate::fsck::segment::Place::Last, crate::fsck::segment::Depth::Records);
    let mut walk = crate::fsck::segment::Walk::open(&RealFs, &path, Offset(0), place, depth).expect("opened");
    while walk.next_batch().expect("read").is_some() {}
    let findings = walk.take_findings();
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!(finding.position, Some(size), "to be cut off there, as a start does");
}
