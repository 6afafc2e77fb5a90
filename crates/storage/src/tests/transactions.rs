use super::*;
use crate::{AbortedTransaction, AppendError, AppendOutcome};
use base::{ProducerEpoch, ProducerId};
use records::EndTxnMarker;
use records::control::TransactionOutcome;

fn data(producer: i64, sequence: i32) -> VerifiedBatch {
    let mut builder = BatchBuilder::new()
        .producer(ProducerId(producer), ProducerEpoch(0), sequence)
        .transactional();
    builder.append(NOW, None, Some(b"v"), &[]);
    builder.build()
}

fn idempotent(sequence: i32, count: usize) -> VerifiedBatch {
    let mut builder = BatchBuilder::new().producer(ProducerId(9), ProducerEpoch(0), sequence);
    (0..count).for_each(|_| builder.append(NOW, None, Some(b"v"), &[]));
    builder.build()
}

fn end(log: &mut Log, producer: i64, outcome: TransactionOutcome) -> crate::AppendInfo {
    let marker = EndTxnMarker {
        outcome,
        coordinator_epoch: 1,
    };
    let batch = marker.to_batch(ProducerId(producer), ProducerEpoch(0), NOW);
    log.append_as_leader(&[batch], EPOCH, Origin::Coordinator, NOW)
        .expect("appended")
}

fn aborted(log: &Log, from: i64, bound: i64) -> Vec<AbortedTransaction> {
    let request = ReadRequest {
        from: Offset(from),
        max_bytes: 1 << 20,
        bound: Offset(bound),
        min_one: MinOne::Whole,
    };
    let upper = log.view().read(request).expect("read").upper_bound;
    log.view().aborted_transactions(Offset(from), upper).expect("collected")
}

/// Two producers, one aborts and one commits, over several segments.
fn story(log: &mut Log) {
    append(log, data(1, 0)); // 0
    append(log, data(2, 0)); // 1
    append(log, data(1, 1)); // 2
    end(log, 1, TransactionOutcome::Abort); // 3
    append(log, data(2, 1)); // 4
    end(log, 2, TransactionOutcome::Commit); // 5
    append(log, data(1, 2)); // 6
    end(log, 1, TransactionOutcome::Abort); // 7
    append(log, data(2, 2)); // 8
}

fn check_story(log: &Log) {
    let txn = |producer, first| AbortedTransaction {
        producer_id: ProducerId(producer),
        first_offset: Offset(first),
    };
    assert_eq!(log.first_unstable_offset(), Some(Offset(8)));
    assert_eq!(aborted(log, 0, 3), [txn(1, 0)]);
    assert_eq!(aborted(log, 4, 5), []);
    let all = log
        .view()
        .aborted_transactions(Offset(0), Offset(9))
        .expect("collected");
    assert_eq!(all, [txn(1, 0), txn(1, 6)]);
    assert_eq!(
        log.view()
            .aborted_transactions(Offset(4), Offset(9))
            .expect("collected"),
        [txn(1, 6)]
    );
}

#[test]
fn aborted_transactions_survive_closing_crashing_and_truncation() {
    let config = LogConfig {
        segment_bytes: 200,
        ..LogConfig::default()
    };
    let bench = Bench::new(config);
    let mut log = bench.open();
    story(&mut log);
    assert_eq!(
        log.first_unstable_offset(),
        Some(Offset(0)),
        "nothing is replicated yet"
    );
    log.high_watermark_moved(Offset(9));
    check_story(&log);
    assert!(log.segment_count() > 2);
    drop(log);
    // A crash: whatever the files hold is checked and rebuilt.
    let mut log = bench.open();
    log.high_watermark_moved(Offset(9));
    check_story(&log);
    close(&mut log);
    let mut log = bench.open_clean();
    log.high_watermark_moved(Offset(9));
    check_story(&log);
    let _ = log.truncate_to(Offset(7), NOW).expect("truncated");
    assert_eq!(
        log.first_unstable_offset(),
        Some(Offset(6)),
        "the second abort is undone"
    );
    assert_eq!(
        log.view()
            .aborted_transactions(Offset(0), Offset(9))
            .expect("collected")
            .len(),
        1
    );
    end(&mut log, 1, TransactionOutcome::Abort);
    append(&mut log, data(2, 2));
    log.high_watermark_moved(Offset(9));
    check_story(&log);
}

#[test]
fn a_batch_sent_again_gets_its_first_offsets() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    append(&mut log, idempotent(0, 3));
    append(&mut log, idempotent(3, 2));
    let end = log.log_end_offset();
    let again = append(&mut log, idempotent(0, 3));
    assert_eq!(again.outcome, AppendOutcome::Duplicate);
    assert_eq!(
        (again.first_offset, again.last_offset, again.size),
        (Offset(0), Offset(2), 0)
    );
    assert_eq!(log.log_end_offset(), end);
    let gap = log.append_as_leader(&[idempotent(7, 1)], EPOCH, Origin::Client, NOW);
    assert!(matches!(gap, Err(AppendError::Producer(_))), "{gap:?}");
    close(&mut log);
    let mut log = bench.open_clean();
    assert_eq!(append(&mut log, idempotent(3, 2)).outcome, AppendOutcome::Duplicate);
    assert_eq!(append(&mut log, idempotent(5, 1)).first_offset, Offset(5));
    drop(log);
    assert_eq!(
        append(&mut bench.open(), idempotent(5, 1)).outcome,
        AppendOutcome::Duplicate
    );
}

#[test]
fn what_was_flushed_as_aborted_is_so_after_a_power_cut() {
    let dir = Path::new("/logs");
    let disk = sim::Disk::with_dir(dir);
    let open = |disk: &sim::Disk, recovery_point| {
        let place = (dir.join("topic-0"), TopicPartition::new("topic", 0));
        let options = LogOptions {
            recovery_point,
            ..LogOptions::new(Arc::new(disk.clone()), place.0, place.1, NOW)
        };
        Log::open(options).expect("opened")
    };
    let mut log = open(&disk, Offset(0));
    append(&mut log, data(1, 0));
    log.flush(Instant::ZERO).expect("flushed");
    // Only now is there an index of transactions.
    end(&mut log, 1, TransactionOutcome::Abort);
    log.flush(Instant::ZERO).expect("flushed");
    for seed in 0..20 {
        let left = disk.after_power_cut(&mut base::Rng::from_seed(seed));
        let mut log = open(&left, log.recovery_point());
        log.high_watermark_moved(Offset(2));
        let aborted = log.view().aborted_transactions(Offset(0), Offset(2));
        assert_eq!(aborted.expect("collected").len(), 1, "seed {seed}");
    }
}
