//! Epochs after a crash.

use super::*;

const NEXT: LeaderEpoch = LeaderEpoch(5);
const LAST: LeaderEpoch = LeaderEpoch(9);

fn flush(log: &mut Log) {
    log.flush(Instant::ZERO).expect("flushed");
}

fn append_in(log: &mut Log, epoch: LeaderEpoch, records: usize) {
    log.append_as_leader(&[batch(records, 10, 0)], epoch, unverified(Origin::Client), NOW)
        .expect("appended");
}

/// Where the log tells that each epoch ends.
fn ends(log: &Log) -> Vec<(LeaderEpoch, Offset)> {
    let end = |epoch| (epoch, log.end_offset_for_epoch(epoch).end_offset);
    [EPOCH, NEXT, LAST].map(end).to_vec()
}

/// What was deleted is there again, since where the log starts was not written down before the crash, and its epochs with it.
#[test]
fn a_start_that_goes_back_has_its_epochs() {
    let bench = Bench::new(LogConfig {
        segment_bytes: 200,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    for epoch in [EPOCH, EPOCH, NEXT, NEXT, LAST] {
        append_in(&mut log, epoch, 2);
    }
    flush(&mut log);
    let before = ends(&log);
    assert_eq!(before, [(EPOCH, Offset(4)), (NEXT, Offset(8)), (LAST, Offset(10))]);
    for start in [5, 9] {
        log.advance_log_start(Offset(start)).expect("deleted");
        flush(&mut log);
        assert_ne!(ends(&log), before);
        drop(log);
        log = bench.open();
        assert_eq!((log.log_start_offset(), ends(&log)), (Offset(0), before.clone()));
    }
    // Where it is written down, they are gone.
    log.advance_log_start(Offset(5)).expect("deleted");
    flush(&mut log);
    drop(log);
    let options = LogOptions {
        log_start_offset: Offset(5),
        ..bench.options.clone()
    };
    let log = Log::open(options).expect("opened");
    assert_eq!(log.epoch_for_offset(Offset(4)), None);
    assert_eq!(log.epoch_for_offset(Offset(5)), Some(NEXT));
}

/// As a follower has it whose leader's log starts within a batch.
#[test]
fn an_epoch_that_begins_amid_a_batch_is_known_after_a_crash() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    append_in(&mut log, EPOCH, 4);
    append_in(&mut log, EPOCH, 1);
    log.advance_log_start(Offset(2)).expect("deleted");
    flush(&mut log);
    drop(log);
    let options = LogOptions {
        recovery_point: Offset(2),
        log_start_offset: Offset(2),
        ..bench.options.clone()
    };
    let log = Log::open(options).expect("opened");
    assert_eq!(log.epoch_for_offset(Offset(2)), Some(EPOCH));
}
