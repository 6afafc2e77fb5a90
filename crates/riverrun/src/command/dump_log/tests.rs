//! What Kafka 4.3's own tool printed for the same files is in `fixtures/*.txt`.

use super::super::Form;
use super::*;
use std::fs;
use tempfile::TempDir;

const SEGMENT: &str = "00000000000000000000.log";

/// A directory with `files`, and our output for `args`, in which `DIR/` stands for the directory.
struct Dumped {
    out: String,
    err: String,
    failed: Option<String>,
}

fn dumped(files: &[(&str, &[u8])], args: &str) -> Dumped {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let place = |text: &str| text.replace(&format!("{}/", dir.path().display()), "");
    let parsed = SYNTAX.parse(with_dir(args, &dir), Form::Script).unwrap();
    let request = read_request(parsed).unwrap().unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let failed = dump(&request, &mut out, &mut err)
        .err()
        .map(|error| place(&format!("{error:#}")));
    let text = |bytes| place(&String::from_utf8(bytes).unwrap());
    Dumped {
        out: text(out),
        err: text(err),
        failed,
    }
}

fn with_dir(args: &str, dir: &TempDir) -> Vec<String> {
    let dir = format!("{}/", dir.path().display());
    args.split(' ').map(|arg| arg.replace("DIR/", &dir)).collect()
}

fn check(files: &[(&str, &[u8])], args: &str, expected: &str) {
    let dumped = dumped(files, args);
    assert_eq!(dumped.failed, None, "{args}");
    assert_eq!(dumped.out, expected, "{args}");
    assert_eq!(dumped.err, "", "{args}");
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name)).as_slice()
    };
}

macro_rules! expected {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name))
    };
}

const NONE: &[u8] = include_bytes!("../../../../records/src/compression/fixtures/none.log");
const GZIP: &[u8] = include_bytes!("../../../../records/src/compression/fixtures/gzip.log");
const METADATA: &[u8] = include_bytes!("../../../../metadata/tests/fixtures/kafka-4.3.1-cluster-metadata.log");

#[test]
fn segments_are_printed_as_by_kafka() {
    let transactions = [("transactions/00000000000000000000.log", fixture!("transactions.log"))];
    let file = "--files DIR/transactions/00000000000000000000.log";
    check(
        &transactions,
        &format!("{file} --print-data-log"),
        expected!("transactions.txt"),
    );
    check(
        &transactions,
        &format!("{file} --print-data-log --skip-record-metadata"),
        expected!("transactions-bare.txt"),
    );
    let gzip = [("gzip/00000000000000000000.log", GZIP)];
    check(
        &gzip,
        "--files DIR/gzip/00000000000000000000.log",
        expected!("gzip.txt"),
    );
}

#[test]
fn coordinators_records_are_printed_as_by_kafka() {
    let groups = [
        (
            "consumer-group/00000000000000000000.log",
            fixture!("consumer-group.log"),
        ),
        ("classic-group/00000000000000000000.log", fixture!("classic-group.log")),
    ];
    let files = "DIR/consumer-group/00000000000000000000.log,DIR/classic-group/00000000000000000000.log";
    check(
        &groups,
        &format!("--offsets-decoder --files {files}"),
        expected!("groups.txt"),
    );
    let state = [(
        "transaction-state/00000000000000000000.log",
        fixture!("transaction-state.log"),
    )];
    let args = "--transaction-log-decoder --files DIR/transaction-state/00000000000000000000.log";
    check(&state, args, expected!("transaction-state.txt"));
}

#[test]
fn metadata_is_printed_as_by_kafka() {
    let checkpoints = [
        (
            "00000000000000000000-0000000000.checkpoint",
            fixture!("kraft.checkpoint"),
        ),
        ("bootstrap.checkpoint", fixture!("bootstrap.checkpoint")),
    ];
    let args =
        "--cluster-metadata-decoder --files DIR/00000000000000000000-0000000000.checkpoint,DIR/bootstrap.checkpoint";
    check(&checkpoints, args, expected!("checkpoints.txt"));
    let log = [("metadata/00000000000000000000.log", METADATA)];
    let args = "--cluster-metadata-decoder --max-bytes 3000 --files DIR/metadata/00000000000000000000.log";
    check(&log, args, expected!("metadata.txt"));
}

#[test]
fn indexes_are_held_against_the_log() {
    const INDEX: &str = "00000000000000000000.index";
    const TIME: &str = "00000000000000000000.timeindex";
    let all = format!("--files DIR/{INDEX},DIR/{TIME}");
    // What Kafka wrote for this log: offset 399 at 7878, time 1700000000399 for offset 399.
    let index = [0, 0, 1, 0x8f, 0, 0, 0x1e, 0xc6, 0, 0, 0, 0, 0, 0, 0, 0];
    let time = [0, 0, 1, 0x8b, 0xcf, 0xe5, 0x69, 0x8f, 0, 0, 1, 0x8f];
    let good = [(SEGMENT, NONE), (INDEX, index.as_slice()), (TIME, time.as_slice())];
    let entries = "offset: 399 position: 7878\n";
    let times = "timestamp: 1700000000399 offset: 399\n";
    check(
        &good,
        &all,
        &format!("Dumping {INDEX}\n{entries}Dumping {TIME}\n{times}"),
    );
    check(
        &good,
        &format!("{all} --verify-index-only"),
        &format!("Dumping {INDEX}\nDumping {TIME}\n"),
    );
    let sane = |name| format!("Dumping {name}\n{name} passed sanity check.\n");
    check(
        &good[..2],
        &format!("--files DIR/{INDEX} --verify-index-only"),
        &format!("Dumping {INDEX}\n"),
    );
    let checked = dumped(&good, &format!("{all} --index-sanity-check"));
    assert_eq!(checked.failed, None, "a preallocated tail of zeros is no damage");
    assert_eq!(checked.out, sane(INDEX) + &sane(TIME));

    let wrong_index = [0, 0, 0, 5, 0, 0, 0, 0];
    let early = [0, 0, 1, 0x8b, 0xcf, 0xe5, 0x69, 0x8e, 0, 0, 1, 0x8f];
    let elsewhere = [0, 0, 1, 0x8b, 0xcf, 0xe5, 0x69, 0x8e, 0, 0, 1, 0x8e];
    let err = |name, bytes: &[u8]| dumped(&[(SEGMENT, NONE), (name, bytes)], &format!("--files DIR/{name}")).err;
    assert_eq!(
        err(INDEX, &wrong_index),
        format!("Mismatches in :{INDEX}\n  Index offset: 5, log offset: 146\n")
    );
    assert_eq!(
        err(TIME, &early),
        format!(
            "Found timestamp mismatch in :{TIME}\n  Index timestamp: 1700000000398, log timestamp: 1700000000399\n"
        )
    );
    assert_eq!(
        err(TIME, &elsewhere),
        format!("The following indexed offsets are not found in :{TIME}\nIndexed offset: 398, found log offset: 399\n")
    );
    let torn = dumped(
        &[(SEGMENT, NONE), (INDEX, &index[..9])],
        &format!("--files DIR/{INDEX} --index-sanity-check"),
    );
    let message = format!("Index file {INDEX} is corrupt, found 9 bytes which is neither positive nor a multiple of 8");
    assert_eq!(torn.failed, Some(format!("{INDEX}: {message}")));
    check(
        &[(SEGMENT, NONE), (INDEX, &[])],
        &format!("--files DIR/{INDEX}"),
        &format!("Dumping {INDEX}\n{INDEX} is empty.\n"),
    );
}

#[test]
fn transaction_indexes_and_producer_snapshots_are_printed() {
    let index = include_bytes!("../../../../storage/src/index/fixtures/two-aborts.txnindex").as_slice();
    check(
        &[("00000000000000000000.txnindex", index)],
        "--files DIR/00000000000000000000.txnindex",
        "Dumping 00000000000000000000.txnindex\n\
         version: 0 producerId: 6 firstOffset: 4 lastOffset: 7 lastStableOffset: 8\n\
         version: 0 producerId: 6 firstOffset: 12 lastOffset: 15 lastStableOffset: 16\n",
    );
    let producer = include_bytes!("../../../../storage/src/producer_state/fixtures/idempotent.snapshot").as_slice();
    let after_marker =
        include_bytes!("../../../../storage/src/producer_state/fixtures/after-marker.snapshot").as_slice();
    check(
        &[("400.snapshot", producer), ("16.snapshot", after_marker)],
        "--files DIR/400.snapshot,DIR/16.snapshot",
        "Dumping 400.snapshot\n\
         producerId: 1 producerEpoch: 0 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty \
         lastTimestamp: 1700000000399 firstSequence: 147 lastSequence: 399 lastOffset: 399 offsetDelta: 252 \
         timestamp: 1700000000399\n\
         Dumping 16.snapshot\n\
         producerId: 6 producerEpoch: 4 coordinatorEpoch: 0 currentTxnFirstOffset: OptionalLong.empty \
         lastTimestamp: 1795332043937\n",
    );
    let torn = dumped(&[("400.snapshot", &producer[..55])], "--files DIR/400.snapshot");
    assert!(
        torn.err
            .starts_with("Snapshot is corrupt (CRC is no longer valid). Stored crc: 681441928."),
        "{}",
        torn.err
    );
}

#[test]
fn torn_and_foreign_files_are_said_to_be() {
    let mut torn = fixture!("transactions.log").to_vec();
    torn.extend_from_slice(b"the beginning of a batch");
    let at_the_end = dumped(&[(SEGMENT, &torn)], &format!("--files DIR/{SEGMENT}"));
    assert!(
        at_the_end
            .out
            .ends_with(&format!("Found 24 invalid bytes at the end of {SEGMENT}\n")),
        "{}",
        at_the_end.out
    );
    let room = [fixture!("transactions.log"), &[0; 100]].concat();
    let room = dumped(&[(SEGMENT, &room)], &format!("--files DIR/{SEGMENT}"));
    assert!(
        room.out
            .ends_with(&format!("Found 100 invalid bytes at the end of {SEGMENT}\n")),
        "{}",
        room.out
    );
    let zeros = [fixture!("transactions.log"), &[0; 100], b"!".as_slice()].concat();
    let refused = dumped(&[(SEGMENT, &zeros)], &format!("--files DIR/{SEGMENT}"));
    let message = "Found record size 0 smaller than minimum record overhead (14) in file";
    assert_eq!(refused.failed, Some(format!("{SEGMENT}: {message} {SEGMENT}")));
    let foreign = dumped(&[("meta.properties", b"")], "--files DIR/meta.properties");
    assert_eq!(foreign.err, "Ignoring unknown file meta.properties\n");
    let mut damaged = fixture!("transactions.log").to_vec();
    damaged[70] ^= 1;
    let damaged = dumped(&[(SEGMENT, &damaged)], &format!("--files DIR/{SEGMENT}"));
    assert_eq!(damaged.out.matches("isvalid: false").count(), 1);
}

#[test]
fn gaps_are_told() {
    let transactions = fixture!("transactions.log");
    // The first batch, then the third.
    let log = [&transactions[..94], &transactions[172..266]].concat();
    let dumped = dumped(&[(SEGMENT, &log)], &format!("--files DIR/{SEGMENT} --deep-iteration"));
    assert_eq!(
        dumped.err,
        format!("Non-consecutive offsets in {SEGMENT}\n  2 is followed by 4\n")
    );
}

#[test]
fn what_cannot_be_done_is_refused() {
    let refusal = |args: &str| {
        let args = args.split(' ').map(str::to_owned).collect();
        SYNTAX
            .parse(args, Form::Script)
            .and_then(read_request)
            .err()
            .map(|refusal| refusal.to_string())
    };
    assert_eq!(
        refusal("--print-data-log").as_deref(),
        Some("Missing required argument \"[files]\"")
    );
    assert_eq!(
        refusal("--files a --value-decoder-class com.example.Mine").as_deref(),
        Some(
            "value-decoder-class: com.example.Mine is a Java class that Riverrun cannot run; \
             org.apache.kafka.tools.api.StringDecoder, IntegerDecoder and LongDecoder are built in"
        )
    );
    assert!(refusal("--files a --remote-log-metadata-decoder").is_some());
    assert_eq!(
        refusal("--files a --max-bytes x").as_deref(),
        Some("Cannot parse argument 'x' of option max-bytes")
    );
}

#[test]
fn only_the_last_segment_may_end_amid_a_batch() {
    let mut torn = fixture!("transactions.log").to_vec();
    torn.extend_from_slice(b"the beginning of a batch");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SEGMENT);
    fs::write(&path, &torn).unwrap();
    let said = || {
        let mut out = Vec::new();
        verify::verify(std::slice::from_ref(&path), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(said().contains("no whole batch"), "a crash does that: {}", said());
    fs::write(dir.path().join("00000000000000009000.log"), b"").unwrap();
    assert!(said().contains("are no batch"), "others follow: {}", said());
}
