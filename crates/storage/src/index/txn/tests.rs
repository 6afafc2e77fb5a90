use super::*;
use base::fs::RealFs;
use tempfile::TempDir;

fn open(dir: &TempDir) -> TransactionIndex {
    try_open(dir, Offset::ZERO).expect("a sound index")
}

fn try_open(dir: &TempDir, base_offset: Offset) -> Result<TransactionIndex, TxnIndexError> {
    TransactionIndex::open(Arc::new(RealFs), dir.path().join("0.txnindex"), base_offset)
}

fn abort(first_offset: i64, last_offset: i64, last_stable_offset: i64) -> AbortedTxn {
    AbortedTxn {
        producer_id: ProducerId(6),
        first_offset: Offset(first_offset),
        last_offset: Offset(last_offset),
        last_stable_offset: Offset(last_stable_offset),
    }
}

fn filled(dir: &TempDir) -> TransactionIndex {
    let mut index = open(dir);
    for entry in [abort(0, 10, 11), abort(5, 20, 12), abort(18, 30, 31), abort(32, 50, 40)] {
        index.append(entry).expect("writable");
    }
    index
}

#[test]
fn an_index_by_kafka_is_read_and_written_byte_for_byte() {
    let by_kafka = include_bytes!("../fixtures/two-aborts.txnindex").as_slice();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut index = open(&dir);
    assert!(!RealFs.exists(index.path()), "absent until the first abort");
    index.append(abort(4, 7, 8)).expect("writable");
    index.append(abort(12, 15, 16)).expect("writable");
    assert_eq!(RealFs.read(index.path()).expect("readable"), by_kafka);
    assert_eq!(open(&dir).entries(), index.entries());
}

#[test]
fn a_read_gets_the_aborts_that_overlap_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let index = filled(&dir);
    let firsts = |from, to| {
        let collected = index.collect(Offset(from), Offset(to));
        (
            collected.aborted.iter().map(|it| it.first_offset.0).collect::<Vec<_>>(),
            collected.complete,
        )
    };
    assert_eq!(
        firsts(0, 100),
        (vec![0, 5, 18, 32], false),
        "later segments may hold more"
    );
    assert_eq!(firsts(0, 32), (vec![0, 5, 18], true));
    assert_eq!(
        firsts(0, 11),
        (vec![0], true),
        "the first abort's stable offset reaches the end"
    );
    assert_eq!(firsts(0, 12), (vec![0, 5], true));
    assert_eq!(firsts(11, 18), (vec![5], true));
    assert_eq!(firsts(31, 33), (vec![32], true));
}

#[test]
fn truncation_drops_the_markers_cut_off() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut index = filled(&dir);
    index.truncate_to(Offset(51)).expect("writable");
    assert_eq!(index.entries().len(), 4);
    index.truncate_to(Offset(30)).expect("writable");
    assert_eq!(index.entries().len(), 2);
    index.append(abort(40, 45, 46)).expect("writable");
    assert_eq!(open(&dir).entries(), index.entries());
    let index = TransactionIndex::reset(Arc::new(RealFs), index.path().to_owned()).expect("removable");
    assert!(index.entries().is_empty() && !RealFs.exists(index.path()));
}

#[test]
fn a_damaged_index_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = filled(&dir).path().to_owned();
    assert!(try_open(&dir, Offset(10)).is_ok());
    assert!(
        matches!(try_open(&dir, Offset(11)), Err(TxnIndexError::Corrupt { entry: 0, .. })),
        "below the segment"
    );
    let file = RealFs.open(&path, Open::Write).expect("there");
    file.set_len(3 * 34 + 5).expect("writable");
    assert!(
        matches!(try_open(&dir, Offset(0)), Err(TxnIndexError::Corrupt { entry: 3, .. })),
        "a torn entry"
    );
    file.set_len(3 * 34).expect("writable");
    file.write_at(&[0, 1], 34).expect("writable");
    assert!(
        matches!(try_open(&dir, Offset(0)), Err(TxnIndexError::Corrupt { entry: 1, .. })),
        "an unknown version"
    );
    file.write_at(&abort(0, 10, 11).encode(), 34).expect("writable");
    assert!(
        matches!(try_open(&dir, Offset(0)), Err(TxnIndexError::Corrupt { entry: 1, .. })),
        "not in order"
    );
}
