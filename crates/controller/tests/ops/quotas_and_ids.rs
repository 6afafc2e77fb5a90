//! Client quotas and blocks of producer ids.

use crate::rig::{Rig, cluster};
use controller::op::allocate_producer_ids::allocate_producer_ids;
use controller::op::alter_client_quotas::alter_client_quotas;
use protocol::ErrorCode;
use protocol::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use protocol::messages::alter_client_quotas_request::{AlterClientQuotasRequest, EntityData, EntryData, OpData};

type Entity<'a> = &'a [(&'a str, Option<&'a str>)];

fn entry(entity: Entity<'_>, key: &str, value: Option<f64>) -> EntryData {
    let part = |(kind, name): &(&str, Option<&str>)| EntityData {
        entity_type: (*kind).to_owned(),
        entity_name: name.map(str::to_owned),
    };
    let op = OpData {
        key: key.to_owned(),
        value: value.unwrap_or(0.0),
        remove: value.is_none(),
    };
    EntryData {
        entity: entity.iter().map(part).collect(),
        ops: vec![op],
    }
}

fn alter(rig: &mut Rig, entries: Vec<EntryData>) -> Vec<(ErrorCode, String)> {
    let request = AlterClientQuotasRequest {
        entries,
        validate_only: false,
    };
    let response = rig.run(|state, _| alter_client_quotas(state, &request));
    let answers = response.entries.into_iter();
    answers
        .map(|it| (ErrorCode::from(it.error_code), it.error_message.unwrap_or_default()))
        .collect()
}

#[test]
fn quotas_come_and_go() {
    let mut rig = cluster(0);
    let alice: Entity<'_> = &[("user", Some("alice")), ("client-id", None)];
    let done = [(ErrorCode::None, String::new())];
    assert_eq!(
        alter(&mut rig, vec![entry(alice, "producer_byte_rate", Some(1000.0))]),
        done
    );
    assert_eq!(
        alter(&mut rig, vec![entry(alice, "producer_byte_rate", Some(1000.0))]),
        done
    );
    assert_eq!(rig.written, []);
    let (_, quotas) = rig.image().client_quotas.iter().next().unwrap();
    assert_eq!(quotas["producer_byte_rate"], 1000.0);
    assert_eq!(alter(&mut rig, vec![entry(alice, "producer_byte_rate", None)]), done);
    assert_eq!(rig.image().client_quotas.iter().count(), 0);
}

#[test]
fn quotas_that_are_refused() {
    let mut rig = cluster(0);
    let user: Entity<'_> = &[("user", Some("alice"))];
    let cases: Vec<(EntryData, &str)> = vec![
        (
            entry(&[], "producer_byte_rate", Some(1.0)),
            "Invalid empty client quota entity",
        ),
        (
            entry(&[("group", Some("g"))], "x", Some(1.0)),
            "Unhandled client quota entity type: group",
        ),
        (
            entry(&[("user", Some(""))], "producer_byte_rate", Some(1.0)),
            "Empty user not supported",
        ),
        (
            entry(
                &[("ip", Some("1.2.3.4")), ("user", None)],
                "connection_creation_rate",
                Some(1.0),
            ),
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        ),
        (
            entry(&[("ip", Some("1.2.3"))], "connection_creation_rate", Some(1.0)),
            "1.2.3 is not a valid IP or resolvable host.",
        ),
        (
            entry(user, "no_such_rate", Some(1.0)),
            "Invalid configuration key no_such_rate",
        ),
        (
            entry(user, "connection_creation_rate", Some(1.0)),
            "Invalid configuration key connection_creation_rate",
        ),
        (
            entry(user, "request_percentage", Some(0.0)),
            "Quota request_percentage must be greater than 0",
        ),
        (
            entry(user, "producer_byte_rate", Some(1.5)),
            "producer_byte_rate cannot be a fractional value.",
        ),
        (
            entry(&[("ip", None)], "connection_creation_rate", Some(3e9)),
            "Proposed value for connection_creation_rate is too large for an INT.",
        ),
    ];
    for (entry, message) in cases {
        let answers = alter(&mut rig, vec![entry.clone()]);
        assert_eq!(answers, [(ErrorCode::InvalidRequest, message.to_owned())], "{entry:?}");
        assert_eq!(rig.written, []);
    }
}

#[test]
fn producer_ids_come_in_blocks() {
    let mut rig = cluster(1);
    let request = AllocateProducerIdsRequest {
        broker_id: 1,
        broker_epoch: rig.epoch(1).0,
    };
    for start in [0, 1000, 2000] {
        let response = rig.run(|state, _| allocate_producer_ids(state, &request));
        assert_eq!(
            (
                response.error_code,
                response.producer_id_start,
                response.producer_id_len
            ),
            (0, start, 1000)
        );
    }
    let stale = AllocateProducerIdsRequest {
        broker_epoch: 0,
        ..request
    };
    let response = rig.run(|state, _| allocate_producer_ids(state, &stale));
    assert_eq!(response.error_code, ErrorCode::StaleBrokerEpoch.code());
}
