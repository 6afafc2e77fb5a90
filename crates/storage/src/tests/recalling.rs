use super::*;
use crate::{AppendError, AppendOutcome};
use base::{ProducerEpoch, ProducerId};

fn batch_of(producer: i64, sequence: i32, count: usize) -> VerifiedBatch {
    let mut builder = BatchBuilder::new().producer(ProducerId(producer), ProducerEpoch(0), sequence);
    (0..count).for_each(|_| builder.append(NOW, None, Some(b"v"), &[]));
    builder.build()
}

/// Batches of two records, each followed by one of another producer; answers where each of ours lies.
fn six(log: &mut Log) -> Vec<Offset> {
    let written = (0..6).map(|at| {
        let info = append(log, batch_of(9, 2 * at, 2));
        append(log, batch_of(7, at, 1));
        info.first_offset
    });
    written.collect()
}

/// Sends our batches again, the oldest that five batches reach first.
fn check_repeats(log: &mut Log, offsets: &[Offset]) {
    let end = log.log_end_offset();
    for at in 1..6 {
        let info = append(log, batch_of(9, 2 * at, 2));
        let wanted = (AppendOutcome::Duplicate, offsets[at as usize]);
        assert_eq!((info.outcome, info.first_offset), wanted, "batch {at}");
    }
    assert_eq!(log.log_end_offset(), end);
    assert_eq!(append(log, batch_of(9, 12, 1)).outcome, AppendOutcome::Appended);
}

fn refusal(log: &mut Log, sequence: i32, count: usize) -> AppendError {
    let repeated = batch_of(9, sequence, count);
    log.append_as_leader(&[repeated], EPOCH, unverified(Origin::Client), NOW)
        .expect_err("refused")
}

#[test]
fn five_batches_are_recognised_after_a_clean_end() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    let offsets = six(&mut log);
    close(&mut log);
    let mut log = bench.open_clean();
    check_repeats(&mut log, &offsets);
}

#[test]
fn five_batches_are_recognised_though_a_segment_and_its_snapshot_lie_between() {
    // A few batches fill a segment: the snapshot that a start loads is the last one's.
    let bench = Bench::new(LogConfig {
        segment_bytes: 250,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    let offsets = six(&mut log);
    flush(&mut log);
    drop(log);
    let mut log = bench.open();
    check_repeats(&mut log, &offsets);
}

#[test]
fn what_comes_after_the_start_is_known_as_well_as_what_was_there_before() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    let offsets = six(&mut log);
    close(&mut log);
    let mut log = bench.open_clean();
    append(&mut log, batch_of(9, 12, 2));
    let info = append(&mut log, batch_of(9, 4, 2));
    assert_eq!(
        (info.outcome, info.first_offset),
        (AppendOutcome::Duplicate, offsets[2])
    );
    assert_eq!(append(&mut log, batch_of(9, 12, 2)).outcome, AppendOutcome::Duplicate);
}

#[test]
fn what_is_not_there_is_out_of_order_as_before() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    six(&mut log);
    close(&mut log);
    let mut log = bench.open_clean();
    // Older than the last five, cut otherwise than it was, and ahead.
    for (sequence, count) in [(0, 2), (3, 2), (40, 1)] {
        let refused = refusal(&mut log, sequence, count);
        let is_out_of_order = matches!(
            refused,
            AppendError::Producer(crate::producer_state::ProducerError::OutOfOrderSequence { .. })
        );
        assert!(is_out_of_order, "{sequence}: {refused:?}");
    }
}
