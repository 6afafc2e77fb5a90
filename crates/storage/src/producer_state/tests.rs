use super::*;
use base::ProducerEpoch;
use base::fs::{Open, RealFs};
use tempfile::TempDir;

mod verification;

const P: ProducerId = ProducerId(7);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const NOW: Timestamp = Timestamp(1_000_000);

fn open(dir: &TempDir) -> ProducerStateManager {
    let entries = RealFs.list(dir.path()).expect("a readable directory");
    let snapshots = entries
        .iter()
        .filter_map(|entry| snapshot_offset(&entry.name))
        .collect();
    ProducerStateManager::open(Arc::new(RealFs), dir.path().to_owned(), snapshots, DAY)
}

/// `count` records of producer `P`, from sequence `first` on, at `offset`.
fn data(epoch: i16, first: i32, count: i32, offset: i64) -> ProducerBatch {
    let last = i64::from(first) + i64::from(count) - 1;
    let wrapped = if last > i64::from(i32::MAX) {
        last - i64::from(i32::MAX) - 1
    } else {
        last
    };
    ProducerBatch {
        producer_id: P,
        epoch: ProducerEpoch(epoch),
        base_sequence: first,
        last_sequence: i32::try_from(wrapped).expect("wrapped"),
        base_offset: Offset(offset),
        last_offset: Offset(offset + i64::from(count) - 1),
        max_timestamp: NOW,
        kind: BatchKind::Plain,
    }
}

fn transactional(epoch: i16, first: i32, count: i32, offset: i64) -> ProducerBatch {
    ProducerBatch {
        kind: BatchKind::Transactional,
        ..data(epoch, first, count, offset)
    }
}

fn marker(epoch: i16, result: TxnResult, coordinator_epoch: i32, rule: MarkerEpochRule, offset: i64) -> ProducerBatch {
    let kind = BatchKind::Marker {
        result,
        coordinator_epoch,
        rule,
    };
    ProducerBatch {
        base_sequence: -1,
        last_sequence: -1,
        kind,
        ..data(epoch, 0, 1, offset)
    }
}

fn commit(epoch: i16, offset: i64) -> ProducerBatch {
    marker(epoch, TxnResult::Commit, 0, MarkerEpochRule::AtLeastCurrent, offset)
}

fn try_append(
    state: &mut ProducerStateManager,
    origin: Origin,
    batch: &ProducerBatch,
) -> Result<Verdict, ProducerError> {
    let mut staged = Staged::new(origin).verified(Verification::Off);
    let verdict = state.check(&mut staged, batch)?;
    if verdict == Verdict::Append {
        state.apply(staged, batch.last_offset.next());
    }
    Ok(verdict)
}

fn append(state: &mut ProducerStateManager, batch: &ProducerBatch) -> Result<Verdict, ProducerError> {
    let origin = match batch.kind {
        BatchKind::Marker { .. } => Origin::Coordinator,
        BatchKind::Plain | BatchKind::Transactional => Origin::Client,
    };
    try_append(state, origin, batch)
}

fn duplicate(base_offset: i64, last_offset: i64) -> Result<Verdict, ProducerError> {
    Ok(Verdict::Duplicate {
        base_offset: Offset(base_offset),
        last_offset: Offset(last_offset),
        timestamp: NOW,
    })
}

fn out_of_order(epoch: i16, sequence: i32, last_sequence: i32) -> Result<Verdict, ProducerError> {
    Err(ProducerError::OutOfOrderSequence {
        producer_id: P,
        epoch: ProducerEpoch(epoch),
        sequence,
        last_sequence,
    })
}

fn invalid_epoch(epoch: i16, current: i16) -> Result<Verdict, ProducerError> {
    let (epoch, current) = (ProducerEpoch(epoch), ProducerEpoch(current));
    Err(ProducerError::InvalidProducerEpoch {
        producer_id: P,
        epoch,
        current,
    })
}

#[test]
fn sequences_continue_and_epochs_begin_at_zero() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    assert_eq!(
        append(&mut state, &data(3, 17, 2, 0)),
        Ok(Verdict::Append),
        "a producer never seen starts anywhere"
    );
    assert_eq!(append(&mut state, &data(3, 19, 1, 2)), Ok(Verdict::Append));
    assert_eq!(append(&mut state, &data(3, 21, 1, 3)), out_of_order(3, 21, 19), "a gap");
    assert_eq!(
        append(&mut state, &data(3, 18, 1, 3)),
        out_of_order(3, 18, 19),
        "within a kept batch, but not it"
    );
    assert_eq!(
        append(&mut state, &data(4, 20, 1, 3)),
        out_of_order(4, 20, -1),
        "a new epoch starts at 0"
    );
    assert_eq!(append(&mut state, &data(4, 0, 1, 3)), Ok(Verdict::Append));
    assert_eq!(
        append(&mut state, &data(3, 20, 1, 4)),
        invalid_epoch(3, 4),
        "the old epoch is over"
    );
    assert_eq!(
        append(&mut state, &data(4, 19, 1, 4)),
        out_of_order(4, 19, 0),
        "and so are its sequences"
    );
}

#[test]
fn sequences_wrap_around() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    assert_eq!(
        append(&mut state, &data(0, i32::MAX - 1, 4, 0)),
        Ok(Verdict::Append),
        "ends at sequence 1"
    );
    assert_eq!(append(&mut state, &data(0, i32::MAX - 1, 4, 4)), duplicate(0, 3));
    assert_eq!(
        append(&mut state, &data(0, 2, i32::MAX - 1, 4)),
        Ok(Verdict::Append),
        "ends at the last sequence"
    );
    assert_eq!(append(&mut state, &data(0, 1, 1, 9)), out_of_order(0, 1, i32::MAX));
    assert_eq!(append(&mut state, &data(0, 0, 1, 9)), Ok(Verdict::Append));
}

#[test]
fn the_last_five_batches_are_recognised() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    for number in 0..6 {
        let batch = data(0, number * 2, 2, 100 + i64::from(number) * 2);
        assert_eq!(append(&mut state, &batch), Ok(Verdict::Append));
    }
    for number in 1..6 {
        let offset = 100 + i64::from(number) * 2;
        assert_eq!(
            append(&mut state, &data(0, number * 2, 2, 200)),
            duplicate(offset, offset + 1),
            "batch {number}"
        );
    }
    assert_eq!(
        append(&mut state, &data(0, 0, 2, 200)),
        out_of_order(0, 0, 11),
        "the sixth back is forgotten"
    );
    assert_eq!(
        append(&mut state, &data(0, 10, 1, 200)),
        out_of_order(0, 10, 11),
        "another last sequence"
    );
    assert_eq!(
        append(&mut state, &data(1, 10, 2, 200)),
        out_of_order(1, 10, -1),
        "another epoch"
    );
    assert_eq!(state.map_end_offset(), Offset(112), "duplicates append nothing");
}

#[test]
fn later_batches_of_an_append_are_judged_by_earlier_ones() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    let mut staged = Staged::new(Origin::Client);
    assert_eq!(state.check(&mut staged, &data(0, 0, 2, 0)), Ok(Verdict::Append));
    assert_eq!(state.check(&mut staged, &data(0, 2, 1, 2)), Ok(Verdict::Append));
    assert_eq!(state.check(&mut staged, &data(0, 4, 1, 3)), out_of_order(0, 4, 2));
    assert!(state.is_empty(), "nothing is applied until the bytes are written");
    let mut staged = Staged::new(Origin::Client);
    let plain = ProducerBatch {
        producer_id: ProducerId::NONE,
        ..data(-1, -1, 1, 0)
    };
    assert_eq!(state.check(&mut staged, &plain), Ok(Verdict::Append));
    state.apply(staged, Offset(1));
    assert!(state.is_empty(), "a batch without a producer leaves none");
    assert_eq!(state.map_end_offset(), Offset(1));
}

#[test]
fn a_follower_takes_what_its_leader_took() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    for batch in [data(3, 0, 1, 0), data(3, 5, 1, 1), data(2, 9, 1, 2), data(2, 9, 1, 3)] {
        assert_eq!(try_append(&mut state, Origin::Replication, &batch), Ok(Verdict::Append));
    }
    assert_eq!(
        state.get(P).map(|entry| (entry.epoch, entry.last_sequence())),
        Some((ProducerEpoch(2), 9))
    );
}

#[test]
fn a_transaction_holds_readers_back_until_its_marker_is_replicated() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    assert_eq!(append(&mut state, &transactional(0, 0, 5, 10)), Ok(Verdict::Append));
    assert_eq!(append(&mut state, &transactional(0, 5, 5, 15)), Ok(Verdict::Append));
    assert_eq!(state.first_unstable_offset(), Some(Offset(10)));
    assert_eq!(state.oldest_transaction(), Some((Offset(10), NOW)));
    let first_offset = Offset(10);
    let plain = append(&mut state, &data(0, 10, 1, 20));
    assert_eq!(
        plain,
        Err(ProducerError::TransactionOpen {
            producer_id: P,
            first_offset
        })
    );

    let mut staged = Staged::new(Origin::Coordinator);
    assert_eq!(state.check(&mut staged, &commit(0, 20)), Ok(Verdict::Append));
    let applied = state.apply(staged, Offset(21));
    let completed = CompletedTxn {
        producer_id: P,
        first_offset,
        last_offset: Offset(20),
        result: TxnResult::Commit,
    };
    assert_eq!(
        applied,
        [AppliedTxn {
            completed,
            last_stable_offset: Offset(21)
        }]
    );
    assert_eq!(
        state.first_unstable_offset(),
        Some(first_offset),
        "the marker is not replicated yet"
    );
    state.on_high_watermark_updated(Offset(20));
    assert_eq!(state.first_unstable_offset(), Some(first_offset));
    state.on_high_watermark_updated(Offset(21));
    assert_eq!(state.first_unstable_offset(), None);
    assert_eq!(
        append(&mut state, &data(0, 10, 1, 21)),
        Ok(Verdict::Append),
        "sequences go on"
    );
}

#[test]
fn the_last_stable_offset_of_an_abort_is_the_oldest_other_transaction() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    let other = ProducerBatch {
        producer_id: ProducerId(8),
        ..transactional(0, 0, 5, 10)
    };
    assert_eq!(append(&mut state, &other), Ok(Verdict::Append));
    assert_eq!(append(&mut state, &transactional(0, 0, 5, 15)), Ok(Verdict::Append));
    let mut staged = Staged::new(Origin::Coordinator);
    let abort = marker(0, TxnResult::Abort, 0, MarkerEpochRule::AtLeastCurrent, 20);
    assert_eq!(state.check(&mut staged, &abort), Ok(Verdict::Append));
    let applied = state.apply(staged, Offset(21));
    assert_eq!(
        (applied[0].completed.result, applied[0].last_stable_offset),
        (TxnResult::Abort, Offset(10))
    );
}

#[test]
fn markers_keep_to_the_epochs_of_producer_and_coordinator() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    assert_eq!(append(&mut state, &transactional(5, 0, 1, 0)), Ok(Verdict::Append));
    assert_eq!(append(&mut state, &commit(4, 1)), invalid_epoch(4, 5));
    let second = |epoch, offset| marker(epoch, TxnResult::Commit, 2, MarkerEpochRule::AboveCurrent, offset);
    assert_eq!(
        append(&mut state, &second(5, 1)),
        invalid_epoch(5, 5),
        "transaction.version 2 bumps"
    );
    assert_eq!(append(&mut state, &second(6, 1)), Ok(Verdict::Append));
    assert_eq!(
        append(&mut state, &second(6, 2)),
        Ok(Verdict::Append),
        "sent again: nothing is open"
    );
    let fenced = Err(ProducerError::CoordinatorFenced {
        producer_id: P,
        epoch: 1,
        current: 2,
    });
    let late = marker(7, TxnResult::Commit, 1, MarkerEpochRule::AtLeastCurrent, 3);
    assert_eq!(append(&mut state, &late), fenced);
    assert_eq!(
        append(&mut state, &transactional(6, 1, 1, 3)),
        out_of_order(6, 1, -1),
        "the bump reset the sequence"
    );
    assert_eq!(append(&mut state, &transactional(6, 0, 1, 3)), Ok(Verdict::Append));
}

#[test]
fn silent_producers_are_forgotten_unless_a_transaction_is_open() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    let open_txn = ProducerBatch {
        producer_id: ProducerId(8),
        ..transactional(0, 0, 1, 1)
    };
    assert_eq!(append(&mut state, &data(0, 0, 1, 0)), Ok(Verdict::Append));
    assert_eq!(append(&mut state, &open_txn), Ok(Verdict::Append));
    let day = i64::try_from(DAY.as_millis()).expect("fits");
    state.remove_expired(Timestamp(NOW.0 + day - 1));
    assert_eq!(state.active_producers().len(), 2);
    state.remove_expired(Timestamp(NOW.0 + day));
    assert!(state.get(P).is_none());
    assert!(state.get(ProducerId(8)).is_some());
    assert_eq!(
        append(&mut state, &data(0, 44, 1, 2)),
        Ok(Verdict::Append),
        "forgotten, it may start anywhere"
    );
}

#[test]
fn a_snapshot_brings_the_state_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    assert_eq!(append(&mut state, &data(2, 0, 3, 0)), Ok(Verdict::Append));
    let open_txn = ProducerBatch {
        producer_id: ProducerId(8),
        ..transactional(0, 0, 1, 3)
    };
    assert_eq!(append(&mut state, &open_txn), Ok(Verdict::Append));
    assert_eq!(state.take_snapshot(Sync::Now).expect("writable"), Some(Offset(4)));
    assert_eq!(
        state.take_snapshot(Sync::Now).expect("writable"),
        None,
        "the same again is not worth writing"
    );

    let mut state = open(&dir);
    state.truncate_and_reload(Offset(0), Offset(10), NOW).expect("readable");
    assert_eq!(state.map_end_offset(), Offset(4), "replay starts here");
    assert_eq!(state.first_unstable_offset(), Some(Offset(3)));
    assert_eq!(append(&mut state, &data(2, 0, 3, 4)), duplicate(0, 2));
    assert_eq!(append(&mut state, &data(2, 4, 1, 4)), out_of_order(2, 4, 2));
    assert_eq!(append(&mut state, &data(2, 3, 1, 4)), Ok(Verdict::Append));

    let mut late = open(&dir);
    let day = i64::try_from(DAY.as_millis()).expect("fits");
    late.truncate_and_reload(Offset(0), Offset(10), Timestamp(NOW.0 + day))
        .expect("readable");
    assert_eq!(
        late.active_producers().map(|(id, _)| id).collect::<Vec<_>>(),
        [ProducerId(8)],
        "expired is not loaded"
    );
}

#[test]
fn damaged_and_outlying_snapshots_are_passed_over() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    for offset in 0..4 {
        let sequence = i32::try_from(offset).expect("small");
        assert_eq!(append(&mut state, &data(0, sequence, 1, offset)), Ok(Verdict::Append));
        state.take_snapshot(Sync::Later).expect("writable");
    }
    let file = RealFs
        .open(&snapshot_path(dir.path(), Offset(3)), Open::Write)
        .expect("there");
    file.write_at(&[0xff], 20).expect("writable");
    let mut state = open(&dir);
    state.truncate_and_reload(Offset(1), Offset(3), NOW).expect("readable");
    assert_eq!(
        state.map_end_offset(),
        Offset(2),
        "4 is past the end, 3 is damaged, 1 is at the start"
    );
    let left: Vec<_> = RealFs
        .list(dir.path())
        .expect("readable")
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(left, ["00000000000000000002.snapshot"]);
    state.truncate_and_reload(Offset(2), Offset(9), NOW).expect("readable");
    assert_eq!(
        state.map_end_offset(),
        Offset(2),
        "without a snapshot the replay starts at the log's start"
    );
    assert!(state.is_empty());
}

#[test]
fn a_state_at_the_end_is_kept() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut state = open(&dir);
    assert_eq!(append(&mut state, &data(0, 0, 5, 0)), Ok(Verdict::Append));
    state.truncate_and_reload(Offset(0), Offset(5), NOW).expect("readable");
    assert_eq!(append(&mut state, &data(0, 0, 5, 5)), duplicate(0, 4));
    state.truncate_fully_and_start_at(Offset(90)).expect("removable");
    assert!(state.is_empty());
    assert_eq!(state.map_end_offset(), Offset(90));
}

#[test]
fn stray_snapshots_go_but_the_one_past_all_segments_stays() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for offset in [5, 10, 15, 20, 25, 42] {
        RealFs
            .open(&snapshot_path(dir.path(), Offset(offset)), Open::Create)
            .expect("creatable");
    }
    let mut state = open(&dir);
    state
        .remove_stray_snapshots(&[Offset(0), Offset(10), Offset(20)])
        .expect("removable");
    let offsets = |state: &ProducerStateManager| state.snapshots.offsets().map(|offset| offset.0).collect::<Vec<_>>();
    assert_eq!(offsets(&state), [10, 20, 42]);
    state
        .remove_stray_snapshots(&[Offset(10), Offset(50)])
        .expect("removable");
    assert_eq!(offsets(&state), [10]);
    assert!(state.release_snapshot(Offset(10)) && !state.release_snapshot(Offset(11)));
    let deleted = rename_snapshot(&RealFs, dir.path(), Offset(10))
        .expect("renamable")
        .expect("there");
    assert_eq!(deleted, dir.path().join("00000000000000000010.snapshot.deleted"));
    assert!(RealFs.exists(&deleted));
    assert_eq!(offsets(&open(&dir)), Vec::<i64>::new(), "a deleted one is none");
}

#[test]
fn snapshots_by_kafka_are_read_and_written_byte_for_byte() {
    let after_marker = include_bytes!("fixtures/after-marker.snapshot").as_slice();
    let entries = snapshot::decode(after_marker).expect("Kafka's snapshot");
    let expected = SnapshotEntry {
        producer_id: ProducerId(6),
        epoch: ProducerEpoch(4),
        last_sequence: -1,
        last_offset: Offset::NONE,
        offset_delta: 0,
        timestamp: Timestamp(1_795_332_043_937),
        coordinator_epoch: 0,
        current_txn_first_offset: Offset::NONE,
    };
    assert_eq!(entries, [expected]);
    let idempotent = include_bytes!("fixtures/idempotent.snapshot").as_slice();
    for bytes in [after_marker, idempotent] {
        let entries = snapshot::decode(bytes).expect("Kafka's snapshot");
        let kept: Vec<_> = entries
            .iter()
            .map(|entry| SnapshotEntry::of(entry.producer_id, &entry.to_entry()))
            .collect();
        assert_eq!(snapshot::encode(&kept), bytes);
    }
}

#[test]
fn damaged_snapshots_are_refused() {
    let good = include_bytes!("fixtures/idempotent.snapshot").to_vec();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        assert!(snapshot::decode(&bytes).is_err(), "byte {at}");
        assert!(snapshot::decode(&good[..at]).is_err(), "{at} bytes");
    }
    let mut huge = good[..10].to_vec();
    huge[6..10].copy_from_slice(&i32::MAX.to_be_bytes());
    let checksum = records::checksum::crc32c(&huge[6..]);
    huge[2..6].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(
        snapshot::decode(&huge),
        Err(snapshot::SnapshotError::Length { len: 10 })
    );
}
