//! AlterClientQuotas and DescribeClientQuotas.

use protocol::messages::alter_client_quotas_request::{AlterClientQuotasRequest, EntityData, EntryData, OpData};
use protocol::messages::describe_client_quotas_request::{ComponentData, DescribeClientQuotasRequest};

use super::text;
use crate::pair::Pair;

/// A kind of entity and its name; none for the default.
type Entity = (&'static str, Option<&'static str>);

/// A key and its value; none to remove it.
type Change = (&'static str, Option<f64>);

pub fn run(pair: &mut Pair) {
    alter(pair);
    // A change is answered when it is committed; the broker that describes it may follow a moment later.
    pair.settle_quota("last", "request_percentage", 77.0);
    describe(pair);
}

fn alters(entries: &[(&[Entity], &[Change])]) -> AlterClientQuotasRequest {
    let entity = |(kind, name): &Entity| EntityData {
        entity_type: text(kind),
        entity_name: name.map(text),
    };
    let change = |(key, value): &Change| OpData {
        key: text(key),
        value: value.unwrap_or(0.0),
        remove: value.is_none(),
    };
    let entry = |(entities, changes): &(&[Entity], &[Change])| EntryData {
        entity: entities.iter().map(entity).collect(),
        ops: changes.iter().map(change).collect(),
    };
    AlterClientQuotasRequest {
        entries: entries.iter().map(entry).collect(),
        validate_only: false,
    }
}

fn alter(pair: &mut Pair) {
    let cases: &[(&str, &[(&[Entity], &[Change])])] = &[
        (
            "a client",
            &[(
                &[("client-id", Some("c1"))],
                &[
                    ("producer_byte_rate", Some(1000.0)),
                    ("consumer_byte_rate", Some(2000.5)),
                ],
            )],
        ),
        (
            "a user",
            &[(&[("user", Some("u1"))], &[("request_percentage", Some(12.5))])],
        ),
        (
            "a user's client",
            &[(
                &[("user", Some("u1")), ("client-id", Some("c1"))],
                &[("controller_mutation_rate", Some(3.0))],
            )],
        ),
        (
            "the default client",
            &[(&[("client-id", None)], &[("producer_byte_rate", Some(9.0))])],
        ),
        (
            "the default user",
            &[(&[("user", None)], &[("producer_byte_rate", Some(8.0))])],
        ),
        (
            "an address",
            &[(&[("ip", Some("127.0.0.9"))], &[("connection_creation_rate", Some(5.0))])],
        ),
        (
            "an address that is none",
            &[(
                &[("ip", Some("not an address"))],
                &[("connection_creation_rate", Some(5.0))],
            )],
        ),
        (
            "an address and a user",
            &[(
                &[("ip", Some("127.0.0.9")), ("user", Some("u"))],
                &[("connection_creation_rate", Some(5.0))],
            )],
        ),
        (
            "a kind that is not",
            &[(&[("planet", Some("p"))], &[("producer_byte_rate", Some(1.0))])],
        ),
        ("no entity", &[(&[], &[("producer_byte_rate", Some(1.0))])]),
        (
            "an empty name",
            &[(&[("client-id", Some(""))], &[("producer_byte_rate", Some(1.0))])],
        ),
        (
            "a key that is not",
            &[(&[("client-id", Some("c2"))], &[("speed", Some(1.0))])],
        ),
        (
            "an address's key for a client",
            &[(&[("client-id", Some("c2"))], &[("connection_creation_rate", Some(1.0))])],
        ),
        (
            "a fraction of a byte",
            &[(&[("client-id", Some("c3"))], &[("producer_byte_rate", Some(0.5))])],
        ),
        (
            "zero",
            &[(&[("client-id", Some("c2"))], &[("producer_byte_rate", Some(0.0))])],
        ),
        (
            "a negative rate",
            &[(&[("client-id", Some("c2"))], &[("producer_byte_rate", Some(-1.0))])],
        ),
        (
            "not a number",
            &[(&[("client-id", Some("c2"))], &[("producer_byte_rate", Some(f64::NAN))])],
        ),
        (
            "removing",
            &[(&[("client-id", Some("c1"))], &[("consumer_byte_rate", None)])],
        ),
        (
            "removing what is not",
            &[(&[("client-id", Some("c9"))], &[("consumer_byte_rate", None)])],
        ),
        (
            "one entity twice",
            &[
                (&[("client-id", Some("c4"))], &[("producer_byte_rate", Some(1.0))]),
                (&[("client-id", Some("c4"))], &[("producer_byte_rate", Some(2.0))]),
            ],
        ),
        (
            "one kind twice",
            &[(
                &[("user", Some("a")), ("user", Some("b"))],
                &[("producer_byte_rate", Some(1.0))],
            )],
        ),
        ("nothing", &[]),
        (
            "the last",
            &[(&[("client-id", Some("last"))], &[("request_percentage", Some(77.0))])],
        ),
    ];
    for (case, entries) in cases {
        pair.every_version(&format!("alter quotas: {case}"), |_| alters(entries));
    }
    pair.every_version("alter quotas: validate only", |_| AlterClientQuotasRequest {
        validate_only: true,
        ..alters(&[(&[("client-id", Some("never"))], &[("producer_byte_rate", Some(1.0))])])
    });
}

fn describe(pair: &mut Pair) {
    let request = |components: &[(&str, i8, Option<&str>)], strict: bool| {
        let component = |(kind, how, name): &(&str, i8, Option<&str>)| ComponentData {
            entity_type: text(kind),
            match_type: *how,
            r#match: name.map(text),
        };
        DescribeClientQuotasRequest {
            components: components.iter().map(component).collect(),
            strict,
        }
    };
    let cases: &[(&str, &[(&str, i8, Option<&str>)])] = &[
        ("all", &[]),
        ("one client", &[("client-id", 0, Some("c1"))]),
        ("the default client", &[("client-id", 1, None)]),
        ("every client", &[("client-id", 2, None)]),
        ("every user", &[("user", 2, None)]),
        (
            "a user's client",
            &[("user", 0, Some("u1")), ("client-id", 0, Some("c1"))],
        ),
        ("every address", &[("ip", 2, None)]),
        ("one that is not", &[("user", 0, Some("nobody"))]),
        ("a kind that is not", &[("planet", 0, Some("p"))]),
        ("a kind twice", &[("user", 0, Some("u1")), ("user", 0, Some("u2"))]),
        ("a match that is not", &[("user", 7, None)]),
        ("an exact match of nothing", &[("user", 0, None)]),
        ("a default match with a name", &[("user", 1, Some("u1"))]),
        ("an address and a user", &[("ip", 2, None), ("user", 2, None)]),
        ("an empty kind", &[("", 0, Some("x"))]),
    ];
    for (case, components) in cases {
        pair.every_version(&format!("describe quotas: {case}"), |_| request(components, false));
        pair.every_version(&format!("describe quotas: {case}, strictly"), |_| {
            request(components, true)
        });
    }
}
