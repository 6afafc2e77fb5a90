//! Partition directories that Apache Kafka 4.3 wrote: opened, read, and rebuilt byte for byte.

use super::*;
use base::fs::{Fs, Open};
use records::compression::{Codec, decompress};
use records::{BatchView, Records};

const ALL: [(&str, i64); 9] = [
    ("g-none-0", 400),
    ("g-gzip-0", 400),
    ("g-snappy-0", 400),
    ("g-lz4-0", 400),
    ("g-zstd-0", 400),
    ("g-txn-0", 16),
    ("g-logappend-0", 5),
    ("g-compact-0", 20),
    ("__consumer_offsets-46", 5),
];

/// When Kafka wrote them, so that no producer counts as expired.
const THEN: Timestamp = Timestamp(1_785_000_000_000);

fn copy(name: &str) -> Bench {
    let mut bench = Bench::new(LogConfig::default());
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    RealFs.create_dir(&bench.dir()).expect("created");
    for file in names(&from) {
        let bytes = RealFs.read(&from.join(&file)).expect("read");
        let to = RealFs.open(&bench.dir().join(&file), Open::Truncate).expect("created");
        to.write_at(&bytes, 0).expect("written");
    }
    bench.options.now = THEN;
    bench
}

fn contents(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let bytes = RealFs.read(&bench.dir().join(&name)).expect("read");
        (name, bytes)
    };
    bench.files().into_iter().map(read).collect()
}

/// Reads every record and returns how many there are.
fn count_records(log: &Log) -> i64 {
    let view = log.view();
    let mut count = 0;
    let mut next = view.log_start_offset();
    while next < view.log_end_offset() {
        let bytes = read_all(&view, next, u32::MAX);
        for batch in batches(&bytes) {
            let batch = batch.expect("a batch");
            batch.check().expect("a good checksum");
            count += records_in(&batch);
            next = batch.header().next_offset();
        }
    }
    count
}

fn records_in(batch: &BatchView<'_>) -> i64 {
    let codec = Codec::from_id(batch.header().attributes.codec_id()).expect("a codec");
    let mut block = Vec::new();
    decompress(codec, batch.body(), 1 << 20, &mut block).expect("decompressed");
    let records = Records::new(&block, batch.header().record_count);
    records.map(|record| record.map(|_| 1).expect("a record")).sum()
}

#[test]
fn kafkas_directories_open_and_read() {
    for (name, end) in ALL {
        let bench = copy(name);
        let log = bench.open_clean();
        assert_eq!(log.log_end_offset(), Offset(end), "{name}");
        assert_eq!(count_records(&log), end, "{name}");
        assert_eq!(log.recovery_point(), Offset(end), "{name}");
        assert_eq!(log.latest_epoch(), Some(LeaderEpoch(0)), "{name}");
    }
}

#[test]
fn opening_and_closing_leaves_kafkas_files_as_they_are() {
    for (name, _) in ALL {
        let bench = copy(name);
        let before = contents(&bench);
        close(&mut bench.open_clean());
        assert!(contents(&bench) == before, "{name}: {:?}", bench.files());
    }
}

#[test]
fn recovery_builds_the_files_that_kafka_built() {
    for (name, _) in ALL {
        let bench = copy(name);
        let before = contents(&bench);
        for file in bench.files() {
            if !file.ends_with(".log") && file != "partition.metadata" {
                RealFs.remove_file(&bench.dir().join(file)).expect("removed");
            }
        }
        let mut log = bench.open();
        close(&mut log);
        for ((file, bytes), (found, rebuilt)) in before.into_iter().zip(contents(&bench)) {
            assert_eq!(file, found, "{name}");
            assert!(bytes == rebuilt, "{name}/{file}: Kafka {bytes:?}, rebuilt {rebuilt:?}");
        }
    }
}

#[test]
fn appending_to_kafkas_directories_goes_on_where_kafka_stopped() {
    for (name, end) in ALL {
        let bench = copy(name);
        let mut log = bench.open_clean();
        assert_eq!(
            append(&mut log, batch(2, 10, THEN.0)).first_offset,
            Offset(end),
            "{name}"
        );
        close(&mut log);
        assert_eq!(count_records(&bench.open_clean()), end + 2, "{name}");
    }
}

#[test]
fn kafkas_aborted_transactions_are_found() {
    let bench = copy("g-txn-0");
    let log = bench.open_clean();
    let view = log.view();
    let request = ReadRequest {
        from: Offset(0),
        max_bytes: 1 << 20,
        bound: Offset(16),
        min_one: MinOne::Whole,
    };
    let upper = view.read(request).expect("read").upper_bound;
    let aborted = view.aborted_transactions(Offset(0), upper).expect("collected");
    assert_eq!(aborted.len(), 2, "{aborted:?}");
    assert_eq!(log.first_unstable_offset(), None);
}
