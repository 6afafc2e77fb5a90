use super::*;
use crate::StorageError;
use base::fs::{Fs, Open};

fn path(bench: &Bench, name: &str) -> PathBuf {
    bench.dir().join(name)
}

fn write(bench: &Bench, name: &str, bytes: &[u8]) {
    let file = RealFs.open(&path(bench, name), Open::Truncate).expect("created");
    file.write_at(bytes, 0).expect("written");
}

fn read(bench: &Bench, name: &str) -> Vec<u8> {
    RealFs.read(&path(bench, name)).expect("read")
}

/// Several segments of several batches each.
fn filled() -> (Bench, Log) {
    let config = LogConfig {
        segment_bytes: 1000,
        index_interval_bytes: 200,
        ..LogConfig::default()
    };
    let bench = Bench::new(config);
    let mut log = bench.open();
    for at in 0..30 {
        append(&mut log, batch(2, 50, at));
    }
    (bench, log)
}

#[test]
fn a_closed_log_opens_as_it_was() {
    let (bench, mut log) = filled();
    let before = headers(&log);
    close(&mut log);
    let files = bench.files();
    let log = bench.open_clean();
    assert_eq!(headers(&log), before);
    assert_eq!((log.log_end_offset(), log.recovery_point()), (Offset(60), Offset(60)));
    assert_eq!(bench.files(), files, "opening writes nothing");
}

#[test]
fn a_torn_tail_is_cut_wherever_it_is_torn() {
    let (bench, log) = filled();
    let before = headers(&log);
    let name = crate::names::SegmentFile::Log.name(log.view().segments.last().expect("a segment").base());
    drop(log);
    let whole = read(&bench, &name);
    for cut in 1..whole.len() {
        write(&bench, &name, &whole[..whole.len() - cut]);
        let log = bench.open();
        let kept = headers(&log);
        assert_eq!(kept[..], before[..kept.len()], "cut by {cut}");
        assert_eq!(log.log_end_offset(), kept.last().expect("one at least").next_offset());
        assert!(
            cut > 200 || kept.len() >= before.len() - 2,
            "cut by {cut}: {} left",
            kept.len()
        );
    }
}

#[test]
fn a_flipped_bit_ends_the_log_there() {
    let (bench, log) = filled();
    let before = headers(&log);
    let second = log.view().segments[1].base();
    drop(log);
    let name = crate::names::SegmentFile::Log.name(second);
    let mut bytes = read(&bench, &name);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    write(&bench, &name, &bytes);
    let log = bench.open();
    let kept = headers(&log);
    assert_eq!(kept[..], before[..kept.len()]);
    assert_eq!(log.segment_count(), 2, "later segments are gone");
    let end = log.log_end_offset();
    assert!(second < end && end.0 < 60, "{end}");
    assert!(
        bench.files().iter().all(|name| !name.ends_with(".deleted")),
        "{:?}",
        bench.files()
    );
}

#[test]
fn only_what_lies_after_the_recovery_point_is_checked() {
    let (mut bench, mut log) = filled();
    flush(&mut log);
    let point = log.recovery_point();
    assert_eq!(point, Offset(60));
    drop(log);
    let name = "00000000000000000000.log";
    let mut bytes = read(&bench, name);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    write(&bench, name, &bytes);
    bench.options.recovery_point = point;
    assert_eq!(
        bench.open().log_end_offset(),
        Offset(60),
        "the first segment was synced and is trusted"
    );
    bench.options.recovery_point = Offset(0);
    assert!(bench.open().log_end_offset() < Offset(60));
}

#[test]
fn leftovers_are_cleared_away() {
    let (bench, mut log) = filled();
    close(&mut log);
    let before = bench.files();
    write(&bench, "00000000000000000099.log.deleted", b"x");
    write(&bench, "00000000000000000000.log.cleaned", b"x");
    write(&bench, "00000000000000000000.index.cleaned", b"x");
    write(&bench, "00000000000000000007.index", b"orphan");
    drop(bench.open_clean());
    assert_eq!(bench.files(), before);
}

#[test]
fn a_finished_swap_takes_the_place_of_its_inputs() {
    let (bench, mut log) = filled();
    close(&mut log);
    let bases: Vec<_> = log.view().segments.iter().map(|segment| segment.base()).collect();
    let name = |base: Offset| crate::names::SegmentFile::Log.name(base);
    // The first two segments compacted into one: here, simply put together.
    let merged = [read(&bench, &name(bases[0])), read(&bench, &name(bases[1]))].concat();
    write(&bench, &(name(bases[0]) + ".swap"), &merged);
    let before = headers(&log);
    drop(log);
    let log = bench.open_clean();
    assert_eq!(headers(&log), before);
    assert_eq!(log.segment_count(), bases.len() - 1);
    assert!(bench.files().iter().all(|name| !name.ends_with(".swap")));
}

#[test]
fn an_unfinished_swap_is_undone() {
    let (bench, mut log) = filled();
    close(&mut log);
    let before = headers(&log);
    drop(log);
    write(&bench, "00000000000000000000.log.cleaned", b"x");
    write(&bench, "00000000000000000000.log.swap", b"not even a batch");
    assert_eq!(headers(&bench.open_clean()), before);
}

#[test]
fn missing_indexes_are_built_anew() {
    let (bench, mut log) = filled();
    close(&mut log);
    drop(log);
    let files: Vec<_> = bench
        .files()
        .into_iter()
        .filter(|name| name.ends_with("index"))
        .collect();
    let before: Vec<_> = files.iter().map(|name| read(&bench, name)).collect();
    files
        .iter()
        .for_each(|name| RealFs.remove_file(&path(&bench, name)).expect("removed"));
    drop(bench.open_clean());
    let after: Vec<_> = files.iter().map(|name| read(&bench, name)).collect();
    assert_eq!(after, before);
}

#[test]
fn a_log_below_its_start_begins_anew() {
    let (mut bench, mut log) = filled();
    close(&mut log);
    bench.options.log_start_offset = Offset(1000);
    let mut log = bench.open_clean();
    assert_eq!(
        (log.log_start_offset(), log.log_end_offset()),
        (Offset(1000), Offset(1000))
    );
    assert_eq!(append(&mut log, batch(1, 10, 1)).first_offset, Offset(1000));
}

#[test]
fn preallocated_indexes_of_a_crashed_kafka_do_no_harm() {
    let (bench, mut log) = filled();
    close(&mut log);
    let before = headers(&log);
    let base = log.view().segments.last().expect("a segment").base();
    drop(log);
    for kind in [
        crate::names::SegmentFile::OffsetIndex,
        crate::names::SegmentFile::TimeIndex,
    ] {
        let file = RealFs
            .open(&path(&bench, &kind.name(base)), Open::Write)
            .expect("opened");
        file.set_len(10 * 1024 * 1024).expect("extended");
    }
    assert_eq!(headers(&bench.open_clean()), before);
    assert_eq!(headers(&bench.open()), before);
}

#[test]
fn a_failed_write_makes_the_log_offline() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    append(&mut log, batch(1, 10, 1));
    close(&mut log);
    // The file is opened again when it is next needed, and is a directory now.
    RealFs
        .remove_file(&path(&bench, "00000000000000000000.log"))
        .expect("removed");
    RealFs
        .create_dir(&path(&bench, "00000000000000000000.log"))
        .expect("created");
    let result = log.append_as_leader(&[batch(1, 10, 1)], EPOCH, Origin::Client, NOW);
    assert!(
        matches!(result, Err(crate::AppendError::Storage(StorageError::Io(_)))),
        "{result:?}"
    );
    assert!(log.is_offline());
    assert_eq!(log.log_end_offset(), Offset(1));
    let result = log.append_as_leader(&[batch(1, 10, 1)], EPOCH, Origin::Client, NOW);
    assert_eq!(result, Err(crate::AppendError::Storage(StorageError::Offline)));
    assert!(matches!(log.truncate_to(Offset(0), NOW), Err(StorageError::Offline)));
}

#[test]
fn idle_logs_hold_no_files_and_little_memory() {
    let (bench, mut log) = filled();
    close(&mut log);
    drop(log);
    let log = bench.open_clean();
    for segment in log.view().segments.iter() {
        assert!(segment.is_at_rest(), "segment {}", segment.base());
    }
    let per_log = size_of::<Log>() + size_of::<crate::segment::Segment>();
    assert!(per_log < 1500, "{per_log} bytes");
}

#[test]
fn what_was_flushed_is_not_read_again_after_a_crash() {
    let config = LogConfig {
        index_interval_bytes: 100,
        ..LogConfig::default()
    };
    let name = "00000000000000000000.log";
    for (crashed_at, is_trusted) in [(600, true), (610, true), (900, true), (900, false)] {
        let mut bench = Bench::new(config.clone());
        let mut log = bench.open();
        let more = |log: &mut Log, until: i64| {
            while log.log_end_offset() < Offset(until) {
                let time = log.log_end_offset().0;
                append(log, batch(1, 50, time));
            }
        };
        more(&mut log, 600);
        flush(&mut log);
        bench.options.recovery_point = log.recovery_point();
        more(&mut log, crashed_at);
        let (end, size) = (log.log_end_offset(), log.size());
        drop(log);
        // Damage in a record that was on stable storage: a start that is bounded by the tail does not see it.
        let mut bytes = read(&bench, name);
        bytes[100] ^= 1;
        write(&bench, name, &bytes);
        if !is_trusted {
            // A page of the index that never reached the disk.
            let mut index = read(&bench, "00000000000000000000.index");
            index[16..400].fill(0);
            write(&bench, "00000000000000000000.index", &index);
        }
        let log = bench.open();
        if !is_trusted {
            assert!(
                log.log_end_offset() < Offset(crashed_at),
                "everything was read, and the damage found"
            );
            continue;
        }
        assert_eq!((log.log_end_offset(), log.size()), (end, size));
        for at in 0..crashed_at {
            let found = log.view().segments[0].find_batch(Offset(at), log.size());
            assert_eq!(found.expect("found").expect("there").header.base_offset, Offset(at));
        }
    }
}

#[test]
fn the_producers_of_a_long_segment_are_written_down_now_and_then() {
    let mut bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    let snapshots = |bench: &Bench| -> Vec<String> {
        let files = bench.files().into_iter();
        files.filter(|name| name.ends_with(".snapshot")).collect()
    };
    for at in 0..80 {
        append(&mut log, batch(1, 1 << 20, at));
        flush(&mut log);
    }
    let newest = snapshots(&bench);
    assert_eq!(newest.len(), 1, "of those amid a segment the newest stays: {newest:?}");
    assert!(newest[0].as_str() > "00000000000000000060", "{newest:?}");
    bench.options.recovery_point = log.recovery_point();
    drop(log);
    assert_eq!(bench.open().log_end_offset(), Offset(80));
    assert_eq!(snapshots(&bench), newest, "a start after a crash replays from there");
}

fn flush_records(log: &mut Log) {
    let flush = log
        .prepare_flush_of_records()
        .expect("prepared")
        .expect("there are records");
    let result = flush.run();
    log.finish_flush(flush, result, Instant::ZERO);
}

#[test]
fn the_noted_recovery_point_does_not_pass_an_epoch_that_no_file_names() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    append(&mut log, batch(2, 10, 0));
    flush_records(&mut log);
    assert_eq!(
        (log.recovery_point(), log.noted_recovery_point()),
        (Offset(2), Offset(0))
    );
    let (file, contents) = log.epochs_due().expect("an epoch began");
    assert!(!file.exists(), "nobody who waited for the records waited for that");
    RealFs.replace(&file, &contents).expect("written");
    log.epochs_written(&contents);
    assert_eq!((log.epochs_due(), log.noted_recovery_point()), (None, Offset(2)));

    let next = LeaderEpoch(EPOCH.0 + 2);
    log.append_as_leader(&[batch(2, 10, 0)], next, Origin::Client, NOW)
        .expect("appended");
    flush_records(&mut log);
    log.epochs_written(&contents);
    let noted = log.noted_recovery_point();
    assert_eq!(
        (log.recovery_point(), noted),
        (Offset(4), Offset(2)),
        "what was written is older"
    );
    // A crash: the batches beyond what was noted tell their epoch.
    drop(log);
    let options = LogOptions {
        recovery_point: noted,
        ..bench.options.clone()
    };
    let mut log = Log::open(options).expect("opened");
    let epochs = |log: &Log| {
        let end = log.end_offset_for_epoch(EPOCH).end_offset;
        (log.latest_epoch(), end, log.log_end_offset())
    };
    assert_eq!(epochs(&log), (Some(next), Offset(2), Offset(4)));
    assert_eq!(log.noted_recovery_point(), Offset(2));
    // A clean end writes everything.
    close(&mut log);
    assert_eq!((log.epochs_due(), log.noted_recovery_point()), (None, Offset(4)));
    assert_eq!(epochs(&bench.open_clean()), (Some(next), Offset(2), Offset(4)));
}

/// A flush that began before a segment was completed and ends after it knows nothing of its indexes.
#[test]
fn a_completed_segment_is_looked_at_until_its_indexes_are_safe() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    append(&mut log, batch(3, 10, 0));
    let under_way = log.prepare_flush().expect("opened").expect("something to do");
    log.roll(NOW).expect("rolled");
    let result = under_way.run();
    log.finish_flush(under_way, result, Instant::ZERO);
    let noted = log.noted_recovery_point();
    assert_eq!((log.recovery_point(), noted), (Offset(3), Offset(2)));
    // The power goes, and the indexes of the first segment with it. What was noted last may be of before it was completed.
    let time_index = log.dir().join("00000000000000000000.timeindex");
    for recovery_point in [noted, log.recovery_point()] {
        let emptied = RealFs.open(&time_index, Open::Write).and_then(|file| file.set_len(0));
        emptied.expect("emptied");
        let options = LogOptions {
            recovery_point,
            ..bench.options.clone()
        };
        log = Log::open(options).expect("opened");
        let length = RealFs.len(&time_index).expect("there");
        assert!(length > 0, "the time of its last record is known again");
    }
    flush(&mut log);
    assert_eq!(log.noted_recovery_point(), Offset(3));
    append(&mut log, batch(1, 10, 0));
    log.roll(NOW).expect("rolled");
    flush(&mut log);
    assert_eq!(log.noted_recovery_point(), Offset(4), "both went with one flush");
}
