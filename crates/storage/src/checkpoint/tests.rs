use super::*;
use base::fs::{Open, RealFs};

fn check(text: &str) -> Result<Vec<(String, i64)>, String> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join(OffsetCheckpoint::HighWatermark.file_name());
    let file = RealFs.open(&path, Open::Create).expect("the directory is writable");
    file.write_at(text.as_bytes(), 0).expect("the file is writable");
    match OffsetCheckpoint::HighWatermark.read(&RealFs, dir.path()) {
        Ok(offsets) => Ok(offsets
            .into_iter()
            .map(|(at, offset)| (at.to_string(), offset.0))
            .collect()),
        Err(CheckpointError::Malformed { line, .. }) => Err(format!("line {line}")),
        Err(CheckpointError::Version { version, .. }) => Err(format!("version {version}")),
        Err(CheckpointError::Count { expected, found, .. }) => Err(format!("{found} of {expected}")),
        Err(CheckpointError::Io { source, .. }) => Err(source.to_string()),
    }
}

#[test]
fn entries_are_read() {
    let entries = vec![("a-b-0".to_owned(), 17), ("t-12".to_owned(), 0)];
    assert_eq!(check("0\n2\nt 12 0\na-b 0 17\n"), Ok(entries));
    for empty in ["", "0", "0\n0\n"] {
        assert_eq!(check(empty), Ok(Vec::new()), "{empty:?}");
    }
}

#[test]
fn anything_strange_makes_the_file_invalid() {
    for (text, error) in [
        ("1\n0\n", "version 1"),
        ("x\n0\n", "line 1"),
        ("0\n-1\n", "line 2"),
        ("0\n2\nt 0 1\n", "1 of 2"),
        ("0\n1\nt 0 1\nt 1 1\n", "2 of 1"),
        ("0\n99999999999\n", "0 of 99999999999"),
        ("0\n1\nt 0\n", "line 3"),
        ("0\n2\nt 0 1\nt 0 1 2\n", "line 4"),
        ("0\n1\nt x 1\n", "line 3"),
        ("0\n1\n\n", "line 3"),
    ] {
        assert_eq!(check(text), Err(error.to_owned()), "{text:?}");
    }
}

#[test]
fn a_file_is_written_as_kafka_writes_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let offsets = BTreeMap::from([
        (TopicPartition::new("t", 0), Offset(5)),
        (TopicPartition::new("t", 10), Offset(7)),
    ]);
    let kind = OffsetCheckpoint::RecoveryPoint;
    assert_eq!(
        kind.read(&RealFs, dir.path()).expect("an absent file is empty"),
        BTreeMap::new()
    );
    kind.write(&RealFs, dir.path(), offsets.iter().map(|(at, offset)| (at, *offset)))
        .expect("writable");
    let bytes = RealFs
        .read(&dir.path().join("recovery-point-offset-checkpoint"))
        .expect("readable");
    assert_eq!(bytes, b"0\n2\nt 0 5\nt 10 7\n");
    assert_eq!(kind.read(&RealFs, dir.path()).expect("readable"), offsets);
}
