//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources.

use protocol::messages::alter_configs_request::{self, AlterConfigsRequest};
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::incremental_alter_configs_request::{self, IncrementalAlterConfigsRequest};
use protocol::messages::list_config_resources_request::ListConfigResourcesRequest;

use super::text;
use crate::pair::Pair;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub fn run(pair: &mut Pair) {
    pair.create("c", 1, &[("retention.ms", "5000"), ("cleanup.policy", "compact")]);
    pair.create("c-plain", 1, &[]);
    describe(pair);
    alter(pair);
    incremental(pair);
    brokers(pair);
    list(pair);
}

fn describes(resources: &[(i8, &str, Option<&[&str]>)]) -> DescribeConfigsRequest {
    let resource = |(kind, name, keys): &(i8, &str, Option<&[&str]>)| DescribeConfigsResource {
        resource_type: *kind,
        resource_name: text(name),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| text(key)).collect()),
    };
    DescribeConfigsRequest {
        resources: resources.iter().map(resource).collect(),
        ..Default::default()
    }
}

fn describe(pair: &mut Pair) {
    let cases: &[(&str, &[(i8, &str, Option<&[&str]>)])] = &[
        ("a topic", &[(TOPIC, "c", None)]),
        ("a broker", &[(BROKER, "1", None)]),
        ("all brokers", &[(BROKER, "", None)]),
        ("a group", &[(GROUP, "g", None)]),
        ("client metrics", &[(CLIENT_METRICS, "m", None)]),
        (
            "some keys",
            &[(TOPIC, "c", Some(&["retention.ms", "segment.bytes", "nothing.such"]))],
        ),
        ("no keys", &[(TOPIC, "c", Some(&[]))]),
        ("a topic that is not", &[(TOPIC, "nobody", None)]),
        ("a topic without a name", &[(TOPIC, "", None)]),
        ("a bad topic name", &[(TOPIC, "a/b", None)]),
        ("another broker", &[(BROKER, "2", None)]),
        ("a broker that is no number", &[(BROKER, "one", None)]),
        ("a group without a name", &[(GROUP, "", None)]),
        ("a type that is not", &[(3, "x", None)]),
        ("type zero", &[(0, "x", None)]),
        ("loggers of another broker", &[(BROKER_LOGGER, "2", None)]),
        ("loggers of no number", &[(BROKER_LOGGER, "", None)]),
        (
            "one of them twice",
            &[
                (TOPIC, "c", Some(&["retention.ms"])),
                (TOPIC, "c", Some(&["segment.ms"])),
            ],
        ),
        (
            "several",
            &[
                (TOPIC, "c", Some(&["retention.ms"])),
                (TOPIC, "nobody", None),
                (BROKER, "1", Some(&["node.id"])),
            ],
        ),
        ("nothing", &[]),
    ];
    for (case, resources) in cases {
        pair.every_version(&format!("describe configs: {case}"), |_| describes(resources));
        pair.every_version(&format!("describe configs: {case}, synonyms"), |_| {
            DescribeConfigsRequest {
                include_synonyms: true,
                ..describes(resources)
            }
        });
    }
    pair.every_version("describe configs: documentation", |_| DescribeConfigsRequest {
        include_documentation: true,
        ..describes(&[(TOPIC, "c", None)])
    });
}

fn alters(kind: i8, name: &str, configs: &[(&str, Option<&str>)]) -> AlterConfigsRequest {
    let config = |(name, value): &(&str, Option<&str>)| alter_configs_request::AlterableConfig {
        name: text(name),
        value: value.map(text),
    };
    let resource = alter_configs_request::AlterConfigsResource {
        resource_type: kind,
        resource_name: text(name),
        configs: configs.iter().map(config).collect(),
    };
    AlterConfigsRequest {
        resources: vec![resource],
        validate_only: false,
    }
}

fn alter(pair: &mut Pair) {
    let cases: &[(&str, i8, &str, &[(&str, Option<&str>)])] = &[
        ("a wrong value", TOPIC, "c", &[("retention.ms", Some("x"))]),
        ("an unknown key", TOPIC, "c", &[("nothing.such", Some("x"))]),
        ("a null value", TOPIC, "c", &[("retention.ms", None)]),
        ("a topic that is not", TOPIC, "nobody", &[("retention.ms", Some("1"))]),
        ("a bad topic name", TOPIC, "a/b", &[("retention.ms", Some("1"))]),
        ("another broker", BROKER, "2", &[("log.cleaner.threads", Some("2"))]),
        (
            "a broker that is no number",
            BROKER,
            "one",
            &[("log.cleaner.threads", Some("2"))],
        ),
        ("a read-only key", BROKER, "1", &[("node.id", Some("2"))]),
        ("a type that is not", 3, "x", &[]),
        ("loggers", BROKER_LOGGER, "1", &[("x", Some("INFO"))]),
        (
            "some",
            TOPIC,
            "c",
            &[("retention.ms", Some("7000")), ("segment.ms", Some("60000"))],
        ),
    ];
    for (case, kind, name, configs) in cases {
        pair.every_version(&format!("alter: {case}"), |_| alters(*kind, name, configs));
    }
    pair.settle_config(TOPIC, "c", "retention.ms", "7000");
    pair.every_version("alter: validate only", |_| AlterConfigsRequest {
        validate_only: true,
        ..alters(TOPIC, "c", &[("retention.ms", Some("1"))])
    });
    pair.every_version("alter: nothing", |_| AlterConfigsRequest {
        resources: Vec::new(),
        validate_only: false,
    });
    // The same resource twice is no case: Kafka leaves such a request unanswered for ever.
    pair.every_version("describe configs: after altering", |_| describes(&[(TOPIC, "c", None)]));
}

fn changes(kind: i8, name: &str, configs: &[(&str, i8, Option<&str>)]) -> IncrementalAlterConfigsRequest {
    let config =
        |(name, operation, value): &(&str, i8, Option<&str>)| incremental_alter_configs_request::AlterableConfig {
            name: text(name),
            config_operation: *operation,
            value: value.map(text),
        };
    let resource = incremental_alter_configs_request::AlterConfigsResource {
        resource_type: kind,
        resource_name: text(name),
        configs: configs.iter().map(config).collect(),
    };
    IncrementalAlterConfigsRequest {
        resources: vec![resource],
        validate_only: false,
    }
}

fn incremental(pair: &mut Pair) {
    let cases: &[(&str, i8, &str, &[(&str, i8, Option<&str>)])] = &[
        ("a wrong value", TOPIC, "c", &[("retention.ms", SET, Some("x"))]),
        ("an unknown key", TOPIC, "c", &[("nothing.such", SET, Some("x"))]),
        ("deleting an unknown key", TOPIC, "c", &[("nothing.such", DELETE, None)]),
        ("a null value", TOPIC, "c", &[("retention.ms", SET, None)]),
        ("an unknown operation", TOPIC, "c", &[("retention.ms", 9, Some("1"))]),
        (
            "appending to a number",
            TOPIC,
            "c",
            &[("retention.ms", APPEND, Some("1"))],
        ),
        (
            "subtracting from a number",
            TOPIC,
            "c",
            &[("retention.ms", SUBTRACT, Some("1"))],
        ),
        (
            "appending a wrong word",
            TOPIC,
            "c",
            &[("cleanup.policy", APPEND, Some("shred"))],
        ),
        (
            "a key twice",
            TOPIC,
            "c",
            &[("retention.ms", SET, Some("1")), ("retention.ms", DELETE, None)],
        ),
        (
            "a topic that is not",
            TOPIC,
            "nobody",
            &[("retention.ms", SET, Some("1"))],
        ),
        ("a topic without a name", TOPIC, "", &[("retention.ms", SET, Some("1"))]),
        ("a type that is not", 3, "x", &[("retention.ms", SET, Some("1"))]),
        (
            "another broker",
            BROKER,
            "2",
            &[("log.cleaner.threads", SET, Some("2"))],
        ),
        (
            "a broker that is no number",
            BROKER,
            "one",
            &[("log.cleaner.threads", SET, Some("2"))],
        ),
        ("a read-only key", BROKER, "1", &[("node.id", SET, Some("2"))]),
        (
            "a broker's wrong value",
            BROKER,
            "1",
            &[("log.cleaner.threads", SET, Some("x"))],
        ),
        (
            "a broker's value out of bounds",
            BROKER,
            "1",
            &[("log.cleaner.threads", SET, Some("0"))],
        ),
        (
            "more than twice as many threads",
            BROKER,
            "1",
            &[("num.io.threads", SET, Some("99"))],
        ),
        (
            "a key of one broker, of all",
            BROKER,
            "",
            &[("listeners", SET, Some("PLAINTEXT://:1"))],
        ),
        ("a broker's unknown key", BROKER, "1", &[("my.own.key", SET, Some("1"))]),
        (
            "a group's",
            GROUP,
            "g",
            &[("consumer.session.timeout.ms", SET, Some("50000"))],
        ),
        (
            "a group's wrong value",
            GROUP,
            "g",
            &[("consumer.session.timeout.ms", SET, Some("1"))],
        ),
        (
            "a group without a name",
            GROUP,
            "",
            &[("consumer.session.timeout.ms", SET, Some("50000"))],
        ),
        (
            "client metrics",
            CLIENT_METRICS,
            "m",
            &[("interval.ms", SET, Some("5000"))],
        ),
        (
            "client metrics, wrong value",
            CLIENT_METRICS,
            "m",
            &[("interval.ms", SET, Some("5"))],
        ),
        (
            "setting",
            TOPIC,
            "c",
            &[("retention.ms", SET, Some("8000")), ("flush.ms", SET, Some("99"))],
        ),
        ("appending", TOPIC, "c", &[("cleanup.policy", APPEND, Some("delete"))]),
        (
            "appending again",
            TOPIC,
            "c",
            &[("cleanup.policy", APPEND, Some("delete"))],
        ),
        (
            "subtracting what is not there",
            TOPIC,
            "c",
            &[("follower.replication.throttled.replicas", SUBTRACT, Some("0:1"))],
        ),
        (
            "subtracting all",
            TOPIC,
            "c",
            &[("cleanup.policy", SUBTRACT, Some("compact,delete"))],
        ),
        (
            "deleting what is not set",
            TOPIC,
            "c",
            &[("segment.bytes", DELETE, None)],
        ),
        (
            "setting min.insync.replicas too high",
            TOPIC,
            "c",
            &[("min.insync.replicas", SET, Some("3"))],
        ),
    ];
    for (case, kind, name, configs) in cases {
        pair.every_version(&format!("change: {case}"), |_| changes(*kind, name, configs));
    }
    pair.settle_config(TOPIC, "c", "retention.ms", "8000");
    pair.settle_config(TOPIC, "c", "min.insync.replicas", "3");
    pair.settle_config(GROUP, "g", "consumer.session.timeout.ms", "50000");
    pair.every_version("change: validate only", |_| IncrementalAlterConfigsRequest {
        validate_only: true,
        ..changes(TOPIC, "c", &[("retention.ms", SET, Some("9"))])
    });
    pair.every_version("change: nothing", |_| IncrementalAlterConfigsRequest {
        resources: Vec::new(),
        validate_only: false,
    });
    pair.every_version("change: deleting", |_| {
        changes(
            TOPIC,
            "c",
            &[("flush.ms", DELETE, None), ("min.insync.replicas", DELETE, None)],
        )
    });
    pair.settle_config(TOPIC, "c", "min.insync.replicas", "1");
    for resource in [(TOPIC, "c"), (GROUP, "g"), (CLIENT_METRICS, "m")] {
        pair.every_version(&format!("describe configs: after changing {resource:?}"), |_| {
            DescribeConfigsRequest {
                include_synonyms: true,
                ..describes(&[(resource.0, resource.1, None)])
            }
        });
    }
}

fn brokers(pair: &mut Pair) {
    pair.every_version("change: one broker", |_| {
        changes(BROKER, "1", &[("log.cleaner.threads", SET, Some("2"))])
    });
    pair.every_version("change: all brokers", |_| {
        changes(BROKER, "", &[("log.retention.ms", SET, Some("123456789"))])
    });
    pair.settle_config(BROKER, "1", "log.cleaner.threads", "2");
    pair.settle_config(TOPIC, "c-plain", "retention.ms", "123456789");
    for (kind, name) in [(BROKER, "1"), (BROKER, ""), (TOPIC, "c-plain")] {
        pair.every_version(&format!("describe configs: broker changes in {kind} {name:?}"), |_| {
            DescribeConfigsRequest {
                include_synonyms: true,
                ..describes(&[(kind, name, None)])
            }
        });
    }
    pair.every_version("change: one broker back", |_| {
        changes(BROKER, "1", &[("log.cleaner.threads", DELETE, None)])
    });
    pair.every_version("change: all brokers back", |_| {
        changes(BROKER, "", &[("log.retention.ms", DELETE, None)])
    });
    pair.settle_config(BROKER, "1", "log.cleaner.threads", "1");
    pair.settle_config(TOPIC, "c-plain", "retention.ms", "604800000");
}

fn list(pair: &mut Pair) {
    let cases: &[&[i8]] = &[
        &[],
        &[TOPIC],
        &[BROKER],
        &[GROUP],
        &[CLIENT_METRICS],
        &[BROKER_LOGGER],
        &[3],
        &[0],
        &[GROUP, CLIENT_METRICS],
    ];
    for types in cases {
        pair.every_version(&format!("list config resources: {types:?}"), |_| {
            ListConfigResourcesRequest {
                resource_types: types.to_vec(),
            }
        });
    }
}
