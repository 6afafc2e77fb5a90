use super::*;
use base::fs::RealFs;
use tempfile::TempDir;

fn open(dir: &TempDir) -> LeaderEpochCache {
    LeaderEpochCache::open(Arc::new(RealFs), dir.path().to_owned()).expect("a readable checkpoint")
}

fn cache(dir: &TempDir, entries: &[(i32, i64)]) -> LeaderEpochCache {
    let mut cache = open(dir);
    for (epoch, start_offset) in entries {
        cache
            .assign(LeaderEpoch(*epoch), Offset(*start_offset))
            .expect("writable");
    }
    cache
}

fn list(cache: &LeaderEpochCache) -> Vec<(i32, i64)> {
    cache
        .entries()
        .iter()
        .map(|entry| (entry.epoch.0, entry.start_offset.0))
        .collect()
}

#[test]
fn the_end_of_an_epoch_is_the_start_of_the_next() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cache = cache(&dir, &[(2, 10), (3, 20), (6, 30)]);
    let end_of = |epoch| {
        let end = cache.end_offset_for(LeaderEpoch(epoch), Offset(45));
        (end.epoch.0, end.end_offset.0)
    };
    assert_eq!(end_of(-1), (-1, -1));
    assert_eq!(end_of(0), (0, 10), "before the first: it ends where the first begins");
    assert_eq!(end_of(2), (2, 20));
    assert_eq!(end_of(3), (3, 30));
    assert_eq!(end_of(5), (3, 30), "between: the largest below");
    assert_eq!(end_of(6), (6, 45), "the latest: the log's end");
    assert_eq!(end_of(7), (-1, -1), "later than any");
}

#[test]
fn without_epochs_there_is_no_answer() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cache = open(&dir);
    assert_eq!(
        cache.end_offset_for(LeaderEpoch(0), Offset(9)),
        EpochEndOffset::UNDEFINED
    );
    assert_eq!(cache.epoch_for_offset(Offset(0)), None);
}

#[test]
fn a_new_epoch_removes_what_it_contradicts() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut cache = cache(&dir, &[(1, 0), (2, 10), (4, 20)]);
    cache.assign(LeaderEpoch(4), Offset(25)).expect("writable");
    assert_eq!(list(&cache), [(1, 0), (2, 10), (4, 20)], "known already");
    cache.assign(LeaderEpoch(5), Offset(20)).expect("writable");
    assert_eq!(list(&cache), [(1, 0), (2, 10), (5, 20)], "epoch 4 wrote nothing");
    cache.assign(LeaderEpoch(3), Offset(5)).expect("writable");
    assert_eq!(list(&cache), [(1, 0), (3, 5)], "an older leader cut the log");
    assert_eq!(list(&open(&dir)), [(1, 0), (3, 5)], "and the file agrees");
    let bytes = RealFs.read(&dir.path().join(FILE_NAME)).expect("readable");
    assert_eq!(bytes, b"0\n2\n1 0\n3 5\n");
}

#[test]
fn truncation_clips_both_ends() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut cache = cache(&dir, &[(1, 0), (2, 10), (4, 20)]);
    assert_eq!(cache.truncate_from_end(Offset(21)), Flush::Clean);
    assert_eq!(cache.truncate_from_end(Offset(20)), Flush::Due);
    assert_eq!(list(&cache), [(1, 0), (2, 10)]);
    assert_eq!(cache.truncate_from_start(Offset(0)), Flush::Clean);
    assert_eq!(cache.truncate_from_start(Offset(5)), Flush::Due);
    assert_eq!(list(&cache), [(1, 5), (2, 10)]);
    assert_eq!(cache.truncate_from_start(Offset(10)), Flush::Due);
    assert_eq!(list(&cache), [(2, 10)]);
    assert_eq!(cache.truncate_from_start(Offset(50)), Flush::Due);
    assert_eq!(list(&cache), [(2, 50)], "the current epoch stays known in an empty log");
    assert_eq!(list(&open(&dir)).len(), 3, "the file lags");
    cache.flush().expect("writable");
    assert_eq!(list(&open(&dir)), [(2, 50)]);
    assert_eq!(cache.truncate_from_end(Offset(0)), Flush::Due);
    assert_eq!(list(&cache), []);
}

#[test]
fn offsets_belong_to_epochs() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cache = cache(&dir, &[(2, 10), (4, 20)]);
    let epoch_of = |offset| cache.epoch_for_offset(Offset(offset)).map(|epoch| epoch.0);
    assert_eq!(epoch_of(9), None);
    assert_eq!(epoch_of(10), Some(2));
    assert_eq!(epoch_of(19), Some(2));
    assert_eq!(epoch_of(20), Some(4));
    assert_eq!(cache.previous(LeaderEpoch(4)).map(|entry| entry.epoch.0), Some(2));
    assert_eq!(cache.previous(LeaderEpoch(2)), None);
}

#[test]
fn a_malformed_file_is_an_error() {
    for text in ["0\n1\n1\n", "0\n1\n-1 0\n", "0\n1\n1 -5\n", "0\n2\n1 0\n"] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        RealFs
            .replace(&dir.path().join(FILE_NAME), text.as_bytes())
            .expect("writable");
        assert!(
            LeaderEpochCache::open(Arc::new(RealFs), dir.path().to_owned()).is_err(),
            "{text:?}"
        );
    }
}
