//! The records that Apache Kafka 4.3 wrote for one transactional id, and that this machine writes for the same requests
//! at the same times.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod host;

use base::{ProducerId, TopicPartition};
use bytes::Bytes;
use host::{Host, producer};
use std::fmt::Write;
use transaction_coordinator::op::add_partitions::AddPartitions;
use transaction_coordinator::op::end_txn::EndTxn;
use transaction_coordinator::op::init_producer_id::InitProducerId;
use transaction_coordinator::{
    MarkerResult, TransactionEnd, TransactionRecord, TransactionSettings, TransactionVersion,
};

const KEY: &str = "0000000474782d31";

/// InitProducerId; then partition 0 of `g-txn` three times: committed, aborted, committed; and once more, aborted.
const VALUES: [&str; 13] = [
    "0001000000000000000600000000ea600000000001a20220ed4fffffffffffffffff0100080000000000000006",
    "0001000000000000000600000000ea60010206672d74786e020000000000000001a20220eeb1000001a20220eeb1020008000000000000000602020002",
    "0001000000000000000600010000ea60020206672d74786e020000000000000001a20220efb6000001a20220eeb1020008000000000000000602020002",
    "0001000000000000000600010000ea600401000001a20220efeb000001a20220eeb1020008000000000000000602020002",
    "0001000000000000000600010000ea60010206672d74786e020000000000000001a20220f403000001a20220f403020008000000000000000602020002",
    "0001000000000000000600020000ea60030206672d74786e020000000000000001a20220f442000001a20220f403020008000000000000000602020002",
    "0001000000000000000600020000ea600501000001a20220f443000001a20220f403020008000000000000000602020002",
    "0001000000000000000600020000ea60010206672d74786e020000000000000001a20220f468000001a20220f468020008000000000000000602020002",
    "0001000000000000000600030000ea60020206672d74786e020000000000000001a20220f46f000001a20220f468020008000000000000000602020002",
    "0001000000000000000600030000ea600401000001a20220f470000001a20220f468020008000000000000000602020002",
    "0001000000000000000600030000ea60010206672d74786e020000000000000001a20220f48e000001a20220f48e020008000000000000000602020002",
    "0001000000000000000600040000ea60030206672d74786e020000000000000001a20220f49b000001a20220f48e020008000000000000000602020002",
    "0001000000000000000600040000ea600501000001a20220f49d000001a20220f48e020008000000000000000602020002",
];

const ENDS: [TransactionEnd; 4] = [
    TransactionEnd::Commit,
    TransactionEnd::Abort,
    TransactionEnd::Commit,
    TransactionEnd::Abort,
];

fn bytes(hex: &str) -> Bytes {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hex(bytes: &Bytes) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn kafka_s_records_read_and_are_written_as_they_were() {
    for value in VALUES {
        let (key, value) = (bytes(KEY), bytes(value));
        let record = TransactionRecord::decode(&key, Some(&value)).unwrap().unwrap();
        assert_eq!(record.encode().unwrap(), (key, Some(value)));
    }
}

#[test]
fn the_same_requests_write_the_same_records() {
    // When each record was written, which it says itself.
    let times = VALUES.map(|value| {
        let record = TransactionRecord::decode(&bytes(KEY), Some(&bytes(value)));
        u64::try_from(record.unwrap().unwrap().value.unwrap().updated.0).unwrap()
    });
    let place = TopicPartition::new("g-txn", 0);
    let mut host = Host::new(TransactionSettings::default());
    host.millis = times[0];
    let init = InitProducerId {
        id: "tx-1".into(),
        timeout_ms: 60_000,
        expected: None,
    };
    host.init(&init, Some(ProducerId(6)));
    for ((epoch, end), times) in (0..).zip(ENDS).zip(times[1..].chunks(3)) {
        let producer = producer(6, epoch);
        let add = AddPartitions {
            id: "tx-1".into(),
            producer,
            partitions: vec![place.clone()],
            client: TransactionVersion::V2,
        };
        host.millis = times[0];
        host.add(&add);
        let end = EndTxn {
            id: "tx-1".into(),
            producer,
            end,
            client: TransactionVersion::V2,
        };
        host.millis = times[1];
        host.mood = host::LogMood::Holds;
        host.end(&end, None);
        // The record of the completion bears the time at which the decision was committed.
        host.millis = times[2];
        host.mood = host::LogMood::Commits;
        host.commit();
        let due = host.take_markers().remove(0);
        host.written("tx-1", due.run, &[(place.clone(), MarkerResult::Written)]);
    }
    let written: Vec<(String, String)> = host
        .log
        .iter()
        .map(|(key, value)| (hex(key), hex(value.as_ref().unwrap())))
        .collect();
    let wanted = VALUES.map(|value| (KEY.to_owned(), value.to_owned()));
    assert_eq!(written, wanted);
}
