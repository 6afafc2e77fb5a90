//! What Kafka encodes, decodes here and encodes to the same bytes: every message in every version of Kafka 4.3.

mod vector;

use protocol::AnyMessage;
use std::collections::BTreeSet;
use vector::Vector;

/// Messages without a vector: newer than Kafka 4.3, or (the entry of the transaction index) not a generated class there.
const WITHOUT_VECTOR: [&str; 6] = [
    "AbortedTxn",
    "StreamsGroupTopologyDescriptionUpdateRequest",
    "StreamsGroupTopologyDescriptionUpdateResponse",
    "UnregisterControllerRecord",
    "UnregisterControllerRequest",
    "UnregisterControllerResponse",
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_vector_survives_a_round_trip() {
    let mut seen = BTreeSet::new();
    for Vector {
        message,
        version,
        bytes,
        ..
    } in vector::all()
    {
        let name = message.name;
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
    for Vector {
        message,
        version,
        bytes,
        ..
    } in vector::all()
    {
        for length in 0..bytes.len() {
            let outcome = message.decode(version, &bytes.slice(..length));
            assert!(
                outcome.is_err(),
                "{} {version}: {length} of {} bytes",
                message.name,
                bytes.len()
            );
        }
    }
}

#[test]
fn records_print_as_kafka_prints_them() {
    let mut count = 0;
    for Vector {
        message,
        version,
        bytes,
        json,
    } in vector::all()
    {
        let printed = message
            .to_json(version, &bytes)
            .map(|outcome| outcome.expect("it can be decoded"));
        let wanted = (!json.is_empty()).then(|| serde_json::from_str(json).expect("Kafka writes JSON"));
        assert_eq!(printed, wanted, "{} {version} {}", message.name, hex(&bytes));
        if let Some(printed) = printed {
            count += 1;
            // Floats aside, even the text is the same.
            if message.name != "ClientQuotaRecord" {
                assert_eq!(printed.to_string(), json, "{} {version}", message.name);
            }
        }
    }
    assert!(count > 200, "{count} records");
}
