//! Directories that Kafka wrote, whole and damaged.

use super::partition;
use super::repair::repair;
use super::segment::Depth;
use super::{Finding, Problem, Remedy};
use base::fs::{Fs, Open, RealFs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const ALL: [&str; 9] = [
    "g-none-0",
    "g-gzip-0",
    "g-snappy-0",
    "g-lz4-0",
    "g-zstd-0",
    "g-txn-0",
    "g-logappend-0",
    "g-compact-0",
    "__consumer_offsets-46",
];

fn copy(name: &str) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let dir = root.path().join(name);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    RealFs.create_dir(&dir).expect("created");
    for entry in RealFs.list(&from).expect("listed") {
        let bytes = RealFs.read(&from.join(&entry.name)).expect("read");
        let to = RealFs.open(&dir.join(&entry.name), Open::Truncate).expect("created");
        to.write_at(&bytes, 0).expect("written");
    }
    (root, dir)
}

fn check(dir: &Path, depth: Depth) -> Vec<Finding> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let mut findings = Vec::new();
    partition::check(&fs, dir, depth, &mut findings).expect("it can be read");
    findings
}

fn only_segment(dir: &Path) -> PathBuf {
    let logs = RealFs.list(dir).expect("listed");
    let mut logs = logs.into_iter().filter(|entry| entry.name.ends_with(".log"));
    let log = logs.next_back().expect("a segment");
    dir.join(log.name)
}

#[test]
fn nothing_is_wrong_with_what_kafka_wrote() {
    for name in ALL {
        let (_root, dir) = copy(name);
        assert_eq!(check(&dir, Depth::Records), Vec::new(), "{name}");
        assert_eq!(check(&dir, Depth::Checksums), Vec::new(), "{name}");
    }
}

#[test]
fn every_rotten_byte_that_a_checksum_covers_is_found_where_it_is() {
    let (_root, dir) = copy("g-txn-0");
    let path = only_segment(&dir);
    let good = RealFs.read(&path).expect("read");
    let first = 12 + u32::from_be_bytes(good[8..12].try_into().expect("four bytes")) as usize;
    for at in 21..first {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        let file = RealFs.open(&path, Open::Write).expect("opened");
        file.write_at(&bytes, 0).expect("written");
        let found = check(&dir, Depth::Checksums);
        let [finding] = found.as_slice() else {
            panic!("byte {at}: {found:?}")
        };
        assert_eq!(
            (finding.position, finding.remedy),
            (Some(0), Remedy::Replica),
            "byte {at}"
        );
        assert!(
            matches!(finding.problem, Problem::Batch { offset: 0, .. }),
            "byte {at}: {finding}"
        );
    }
}

#[test]
fn a_torn_tail_is_cut_off_and_nothing_else() {
    let (_root, dir) = copy("g-none-0");
    let path = only_segment(&dir);
    let good = RealFs.read(&path).expect("read");
    for torn in [&good[..40], &[0; 700][..]] {
        let file = RealFs.open(&path, Open::Write).expect("opened");
        file.write_at(torn, good.len() as u64).expect("written");
        let found = check(&dir, Depth::Records);
        let [finding] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(finding.position, Some(good.len() as u64));
        assert!(matches!(finding.problem, Problem::TornTail { len, .. } if len == torn.len() as u64));
        assert_eq!(repair(&RealFs, finding).expect("repaired"), Some("cut off"));
        assert_eq!(RealFs.read(&path).expect("read"), good);
    }
    assert_eq!(check(&dir, Depth::Records), Vec::new());
}

#[test]
fn an_index_that_lies_is_removed() {
    // The last byte of an offset entry is its position's, the fifth before the end of a time entry its timestamp's.
    for (kind, from_end) in [("index", 1), ("timeindex", 5)] {
        let (_root, dir) = copy("g-none-0");
        let path = only_segment(&dir).with_extension(kind);
        let mut bytes = RealFs.read(&path).expect("read");
        assert!(!bytes.is_empty(), "the golden segment has entries in its {kind}");
        let at = bytes.len() - from_end;
        bytes[at] = bytes[at].checked_sub(1).expect("not zero");
        let file = RealFs.open(&path, Open::Write).expect("opened");
        file.write_at(&bytes, 0).expect("written");
        let found = check(&dir, Depth::Checksums);
        let [finding] = found.as_slice() else {
            panic!("{kind}: {found:?}")
        };
        assert!(matches!(finding.problem, Problem::Index(_)), "{finding}");
        assert!(repair(&RealFs, finding).expect("repaired").is_some());
        assert!(!RealFs.exists(&path));
    }
}

#[test]
fn what_only_a_replica_has_is_left_alone() {
    let (_root, dir) = copy("g-none-0");
    let finding = Finding {
        path: only_segment(&dir),
        position: Some(0),
        problem: Problem::Batch {
            offset: 0,
            what: String::new(),
        },
        remedy: Remedy::Replica,
    };
    let before = RealFs.read(&finding.path).expect("read");
    assert_eq!(repair(&RealFs, &finding).expect("nothing to do"), None);
    assert_eq!(RealFs.read(&finding.path).expect("read"), before);
}
