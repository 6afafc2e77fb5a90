//! What Kafka encodes, decodes here and encodes to the same bytes: every message in every version of Kafka 4.3.
//!
//! `vectors.txt` is written by `cargo xtask vectors`: name, version, bytes and, for records, JSON.

use bytes::Bytes;
use protocol::AnyMessage;
use std::collections::BTreeSet;

/// Messages without a vector: newer than Kafka 4.3, or (the entry of the transaction index) not a generated class there.
const WITHOUT_VECTOR: [&str; 6] = [
    "AbortedTxn",
    "StreamsGroupTopologyDescriptionUpdateRequest",
    "StreamsGroupTopologyDescriptionUpdateResponse",
    "UnregisterControllerRecord",
    "UnregisterControllerRequest",
    "UnregisterControllerResponse",
];

struct Vector {
    name: &'static str,
    version: i16,
    bytes: Bytes,
}

fn vectors() -> impl Iterator<Item = Vector> {
    include_str!("vectors.txt").lines().map(|line| {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().expect("name, version and bytes");
        Vector {
            name: word(),
            version: word().parse().expect("a version"),
            bytes: unhex(word()),
        }
    })
}

fn unhex(digits: &str) -> Bytes {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_vector_survives_a_round_trip() {
    let mut seen = BTreeSet::new();
    for Vector { name, version, bytes } in vectors() {
        let message = AnyMessage::named(name).unwrap_or_else(|| panic!("{name} has no schema"));
        assert_eq!(
            message.decode(version, &bytes),
            Ok(bytes.len()),
            "{name} {version} {}",
            hex(&bytes)
        );
        let again = message
            .round_trip(version, &bytes)
            .expect("it has just been decoded")
            .expect("it can be encoded");
        assert_eq!(hex(&again), hex(&bytes), "{name} {version}");
        seen.insert((name, version));
    }
    for message in AnyMessage::all() {
        let covered = message
            .versions
            .iter()
            .any(|version| seen.contains(&(message.name, version)));
        assert_eq!(covered, !WITHOUT_VECTOR.contains(&message.name), "{}", message.name);
    }
    for api in protocol::Api::all() {
        for version in api.versions.iter().flat_map(|versions| versions.iter()) {
            for kind in ["Request", "Response"] {
                let name = format!("{}{kind}", api.name);
                assert!(
                    seen.contains(&(name.as_str(), version)),
                    "{name} {version} has no vector"
                );
            }
        }
    }
}

#[test]
fn no_vector_can_be_cut_short() {
    for Vector { name, version, bytes } in vectors() {
        let message = AnyMessage::named(name).expect("it has a schema");
        for length in 0..bytes.len() {
            let outcome = message.decode(version, &bytes.slice(..length));
            assert!(
                outcome.is_err(),
                "{name} {version}: {} of {} bytes",
                length,
                bytes.len()
            );
        }
    }
}
