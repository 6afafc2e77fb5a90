use super::*;
use crate::ReadError;

fn request(from: i64, max_bytes: u32, bound: i64) -> ReadRequest {
    ReadRequest {
        from: Offset(from),
        max_bytes,
        bound: Offset(bound),
        min_one: MinOne::Whole,
    }
}

fn bases(bytes: &[u8]) -> Vec<i64> {
    batches(bytes)
        .map_while(Result::ok)
        .map(|batch| batch.header().base_offset.0)
        .collect()
}

#[test]
fn what_is_appended_is_read_with_offsets_and_epoch() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    let info = append(&mut log, batch(3, 10, 100));
    assert_eq!(
        (info.first_offset, info.last_offset, info.max_timestamp),
        (Offset(0), Offset(2), Timestamp(102))
    );
    let two = [batch(1, 10, 200), batch(2, 10, 300)];
    let info = log
        .append_as_leader(&two, EPOCH, Origin::Client, NOW)
        .expect("appended");
    assert_eq!((info.first_offset, info.last_offset), (Offset(3), Offset(5)));
    assert_eq!(log.log_end_offset(), Offset(6));
    let found: Vec<_> = headers(&log)
        .iter()
        .map(|header| (header.base_offset.0, header.record_count, header.partition_leader_epoch))
        .collect();
    assert_eq!(found, [(0, 3, EPOCH), (3, 1, EPOCH), (4, 2, EPOCH)]);
    let files = [
        "00000000000000000000.index",
        "00000000000000000000.log",
        "00000000000000000000.timeindex",
    ];
    assert_eq!(bench.files()[..3], files);
}

#[test]
fn reads_begin_at_the_batch_that_holds_the_offset_and_stop_at_the_bound() {
    let bench = Bench::new(LogConfig {
        index_interval_bytes: 0,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    for at in 0..200 {
        append(&mut log, batch(5, 20, at));
    }
    let view = log.view();
    let one = batch(5, 20, 0).size() as u32;
    let read = |request: ReadRequest| {
        let slice = view.read(request).expect("read");
        let bytes = slice.region.map_or(Vec::new(), |region| region.read().expect("bytes"));
        assert!(slice.bytes.is_none_or(|read| read == bytes), "{request:?}");
        bytes
    };
    for from in 0..1000 {
        let bytes = read(request(from, one, 1000));
        assert_eq!(bases(&bytes), [from / 5 * 5], "from {from}");
    }
    assert_eq!(bases(&read(request(12, one * 3, 1000))), [10, 15, 20]);
    assert_eq!(
        bases(&read(request(12, one * 3, 20))),
        [10, 15],
        "the bound is exclusive"
    );
    assert_eq!(
        bases(&read(request(12, one * 3, 18))),
        [10],
        "a batch is visible as a whole or not at all"
    );
    assert_eq!(
        bases(&read(request(12, one * 3, 13))),
        [] as [i64; 0],
        "not even the first"
    );
    assert_eq!(bases(&read(request(1000, one, 1000))), [] as [i64; 0]);
    assert_eq!(bases(&read(request(15, one, 15))), [] as [i64; 0]);
}

#[test]
fn a_little_at_the_tail_is_read_at_once() {
    let bench = Bench::new(LogConfig {
        segment_bytes: 5000,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    let size = batch(1, 100, 0).size();
    for at in 0..50 {
        append(&mut log, batch(1, 100, at));
        for behind in 0..=at.min(3) {
            let slice = log.view().read(request(at - behind, 1000, at + 1)).expect("read");
            let bytes = slice.region.expect("a region").read().expect("bytes");
            assert_eq!(bases(&bytes)[0], at - behind);
            assert!(slice.bytes.is_none_or(|read| read == bytes), "{behind} before {at}");
        }
        let last = log.view().read(request(at, 1000, at + 1)).expect("read");
        assert!(last.bytes.is_some(), "{at}");
    }
    // What was appended last is not what a cut leaves.
    let _ = log.truncate_to(Offset(49), NOW).expect("cut");
    append(&mut log, batch(1, 3000, 1));
    append(&mut log, batch(1, 100, 1));
    let read = |from| log.view().read(request(from, 1000, 51)).expect("read");
    assert_eq!(bases(&read(50).bytes.expect("read along")), [50]);
    assert_eq!(read(50).bytes.expect("read along").len(), size);
    let first = read(49);
    assert_eq!(bases(&first.region.expect("a region").read().expect("bytes")), [49]);
}

#[test]
fn the_first_batch_is_whole_or_absent() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    append(&mut log, batch(1, 5000, 1));
    append(&mut log, batch(1, 10, 1));
    let view = log.view();
    let size = batch(1, 5000, 1).size() as u32;
    let len = |min_one, max_bytes| {
        let request = ReadRequest {
            min_one,
            ..request(0, max_bytes, 2)
        };
        view.read(request).expect("read").region.map(|region| region.len)
    };
    assert_eq!(len(MinOne::Whole, 0), Some(size));
    assert_eq!(len(MinOne::Strict, 0), None);
    assert_eq!(len(MinOne::Strict, size - 1), None);
    assert_eq!(len(MinOne::Strict, size), Some(size));
    assert_eq!(
        len(MinOne::Strict, size + 7),
        Some(size + 7),
        "a cut second batch is the reader's to drop"
    );
}

#[test]
fn offsets_outside_the_log_are_told() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    append(&mut log, batch(10, 10, 1));
    append(&mut log, batch(10, 10, 1));
    log.advance_log_start(Offset(10)).expect("moved");
    let (start, end) = (Offset(10), Offset(20));
    for offset in [Offset(-1), Offset(9), Offset(21), Offset(i64::MAX)] {
        let result = log.view().read(ReadRequest {
            from: offset,
            ..request(0, 100, 20)
        });
        assert_eq!(result, Err(ReadError::OffsetOutOfRange { offset, start, end }));
    }
}

#[test]
fn a_view_stays_as_it_was() {
    let bench = Bench::new(LogConfig {
        segment_bytes: 1000,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    append(&mut log, batch(1, 300, 1));
    let view = log.view();
    let before = read_all(&view, Offset(0), 10_000);
    for _ in 0..10 {
        append(&mut log, batch(1, 300, 1));
    }
    assert_eq!(view.log_end_offset(), Offset(1));
    assert_eq!(read_all(&view, Offset(0), 10_000), before);
    log.high_watermark_moved(log.log_end_offset());
    log.advance_log_start(Offset(9)).expect("moved");
    let doomed = log.delete_old_segments(log.log_end_offset(), NOW).expect("deleted");
    assert!(doomed.segments > 0);
    assert_eq!(
        read_all(&view, Offset(0), 10_000),
        before,
        "renamed files are still read"
    );
}

#[test]
fn times_are_found() {
    let config = LogConfig {
        segment_bytes: 2000,
        index_interval_bytes: 100,
        ..LogConfig::default()
    };
    let bench = Bench::new(config);
    let mut log = bench.open();
    assert_eq!(log.view().max_timestamp(), Ok(None));
    for at in 0..100 {
        append(&mut log, batch(3, 30, at * 10));
    }
    let check = |log: &Log| {
        let find = |time| log.view().offset_for_timestamp(Timestamp(time)).expect("searched");
        assert!(log.segment_count() > 3);
        for time in 0..=992 {
            // Record r of batch b has time 10 b + r and offset 3 b + r.
            let (batch, record) = (time / 10, time % 10);
            let offset = if record < 3 {
                batch * 3 + record
            } else {
                (batch + 1) * 3
            };
            let found = find(time).expect("found");
            assert_eq!(found.offset, Offset(offset), "time {time}");
            assert_eq!(found.leader_epoch, EPOCH);
        }
        assert_eq!(find(993), None);
        let max = log.view().max_timestamp().expect("searched").expect("found");
        assert_eq!((max.timestamp, max.offset), (Timestamp(992), Offset(299)));
    };
    check(&log);
    close(&mut log);
    check(&bench.open_clean());
    check(&bench.open());
    log.advance_log_start(Offset(150)).expect("moved");
    let first = log
        .view()
        .offset_for_timestamp(Timestamp(0))
        .expect("searched")
        .expect("found");
    assert_eq!(first.offset, Offset(150), "nothing below the log start");
}
