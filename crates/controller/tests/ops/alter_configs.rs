//! Dynamic configuration: set, deleted, appended to, replaced, refused.

use crate::rig::{Rig, cluster, cluster_without_elr, nodes};
use base::NodeId;
use controller::Origin;
use controller::op::alter_configs::alter_configs;
use controller::op::incremental_alter_configs::incremental_alter_configs;
use protocol::ErrorCode;
use protocol::messages::alter_configs_request as legacy;
use protocol::messages::incremental_alter_configs_request as incremental;
use protocol::metadata_records::MetadataRecord;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Op<'a> = (&'a str, i8, Option<&'a str>);

fn alter_one(rig: &mut Rig, kind: i8, name: &str, ops: &[Op<'_>]) -> (ErrorCode, Option<String>) {
    let config = |(name, config_operation, value): &Op<'_>| incremental::AlterableConfig {
        name: (*name).to_owned(),
        config_operation: *config_operation,
        value: value.map(str::to_owned),
    };
    let resource = incremental::AlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configs: ops.iter().map(config).collect(),
    };
    let request = incremental::IncrementalAlterConfigsRequest {
        resources: vec![resource],
        validate_only: false,
    };
    let response = rig.run(|state, cx| incremental_alter_configs(state, cx, &request));
    let it = &response.responses[0];
    (ErrorCode::from(it.error_code), it.error_message.clone())
}

fn value<'a>(rig: &'a Rig, topic: &str, key: &str) -> Option<&'a str> {
    rig.image().configs.topic(topic)?.get(key).map(String::as_str)
}

#[test]
fn set_delete_append_and_subtract() {
    let mut rig = cluster(1);
    rig.create("t", &[&[1]], &[]);
    let done = (ErrorCode::None, None);
    assert_eq!(
        alter_one(&mut rig, TOPIC, "t", &[("retention.ms", SET, Some("7"))]),
        done
    );
    assert_eq!(value(&rig, "t", "retention.ms"), Some("7"));
    assert_eq!(
        alter_one(&mut rig, TOPIC, "t", &[("retention.ms", SET, Some("7"))]),
        done
    );
    assert_eq!(rig.written, [], "what is set already is not written again");
    // The default, delete, is where appending begins.
    assert_eq!(
        alter_one(&mut rig, TOPIC, "t", &[("cleanup.policy", APPEND, Some("compact"))]),
        done
    );
    assert_eq!(value(&rig, "t", "cleanup.policy"), Some("delete,compact"));
    assert_eq!(
        alter_one(&mut rig, TOPIC, "t", &[("cleanup.policy", SUBTRACT, Some("delete"))]),
        done
    );
    assert_eq!(value(&rig, "t", "cleanup.policy"), Some("compact"));
    let both = [("retention.ms", DELETE, None), ("cleanup.policy", DELETE, None)];
    assert_eq!(alter_one(&mut rig, TOPIC, "t", &both), done);
    assert_eq!(rig.image().configs.topic("t"), None);
}

#[test]
fn what_is_refused_and_how() {
    let mut rig = cluster(1);
    rig.create("t", &[&[1]], &[]);
    let long = "x".repeat(32_768);
    use ErrorCode::*;
    let cases: Vec<(i8, &str, Op<'_>, ErrorCode, &str)> = vec![
        (
            TOPIC,
            "u",
            ("retention.ms", SET, Some("7")),
            UnknownTopicOrPartition,
            "The topic 'u' does not exist.",
        ),
        (
            TOPIC,
            "",
            ("retention.ms", SET, Some("7")),
            InvalidRequest,
            "Default topic resources are not allowed.",
        ),
        (
            TOPIC,
            "a b",
            ("retention.ms", SET, Some("7")),
            InvalidTopicException,
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        (
            TOPIC,
            "t",
            ("no.such", SET, Some("7")),
            InvalidConfig,
            "Unknown topic config name: no.such",
        ),
        (
            TOPIC,
            "t",
            ("retention.ms", APPEND, Some("7")),
            InvalidConfig,
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        (
            TOPIC,
            "t",
            ("min.insync.replicas", SET, Some("0")),
            InvalidConfig,
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1",
        ),
        (
            TOPIC,
            "t",
            ("leader.replication.throttled.replicas", SET, Some(&long)),
            InvalidConfig,
            "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.",
        ),
        (
            BROKER,
            "x",
            ("log.cleaner.threads", SET, Some("2")),
            InvalidRequest,
            "Unable to parse broker name as a base 10 number.",
        ),
        (
            BROKER,
            "-3",
            ("log.cleaner.threads", SET, Some("2")),
            InvalidRequest,
            "Invalid negative broker ID.",
        ),
        (
            BROKER,
            "77",
            ("log.cleaner.threads", SET, Some("2")),
            BrokerIdNotRegistered,
            "No node with id 77 found.",
        ),
        (
            BROKER,
            "1",
            ("min.insync.replicas", SET, Some("2")),
            InvalidConfig,
            "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
        ),
        (
            BROKER,
            "",
            ("min.insync.replicas", DELETE, Option::None),
            InvalidConfig,
            "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
        ),
        (
            7,
            "t",
            ("retention.ms", SET, Some("7")),
            UnsupportedVersion,
            "Unknown resource type 7.",
        ),
        (
            32,
            "",
            ("consumer.session.timeout.ms", SET, Some("7")),
            InvalidRequest,
            "Default group resources are not allowed.",
        ),
    ];
    for (kind, name, op, code, message) in cases {
        let answer = alter_one(&mut rig, kind, name, &[op]);
        assert_eq!(answer, (code, Some(message.to_owned())), "{kind} {name} {op:?}");
        assert_eq!(rig.written, []);
    }
}

#[test]
fn another_min_isr_forgets_the_eligible_leaders() {
    let mut rig = cluster(2);
    rig.create("t", &[&[1, 2]], &[("min.insync.replicas", "2")]);
    rig.kill(2);
    assert_eq!(rig.partition("t", 0).elr, nodes(&[2]));
    alter_one(&mut rig, TOPIC, "t", &[("min.insync.replicas", SET, Some("1"))]);
    let names: Vec<&str> = rig.written.iter().map(MetadataRecord::name).collect();
    assert_eq!(names, ["ConfigRecord", "ClearElrRecord"]);
    assert_eq!(rig.partition("t", 0).elr, vec![]);
}

#[test]
fn cordoned_directories_are_the_brokers_to_name() {
    let mut rig = cluster_without_elr(1);
    let set = |dirs| [("cordoned.log.dirs", SET, Some(dirs))];
    assert_eq!(alter_one(&mut rig, BROKER, "1", &set("/a, /b")).0, ErrorCode::None);
    rig.origin = Origin::Direct;
    assert_eq!(alter_one(&mut rig, BROKER, "1", &set("/a")).0, ErrorCode::None);
    assert_eq!(
        alter_one(&mut rig, BROKER, "1", &set("/a,/c")).0,
        ErrorCode::InvalidConfig
    );
    assert_eq!(alter_one(&mut rig, BROKER, "1", &set("")).0, ErrorCode::None);
    assert_eq!(rig.image().configs.broker(NodeId(1)).unwrap()["cordoned.log.dirs"], "");
}

#[test]
fn the_old_way_replaces_everything() {
    let mut rig = cluster(1);
    rig.create("t", &[&[1]], &[("retention.ms", "7"), ("segment.ms", "9")]);
    let config = |name: &str, value: &str| legacy::AlterableConfig {
        name: name.into(),
        value: Some(value.into()),
    };
    let resource = legacy::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".to_owned(),
        configs: vec![config("segment.ms", "10"), config("flush.ms", "11")],
    };
    let twice = legacy::AlterConfigsResource {
        resource_name: "u".to_owned(),
        ..resource.clone()
    };
    let request = legacy::AlterConfigsRequest {
        resources: vec![resource, twice.clone(), twice],
        validate_only: false,
    };
    let response = rig.run(|state, cx| alter_configs(state, cx, &request));
    let answers: Vec<(&str, i16)> = response
        .responses
        .iter()
        .map(|it| (it.resource_name.as_str(), it.error_code))
        .collect();
    assert_eq!(answers, [("u", ErrorCode::InvalidRequest.code()), ("t", 0)]);
    assert_eq!(
        response.responses[0].error_message.as_deref(),
        Some("Duplicate resource.")
    );
    let now: Vec<(&str, &str)> = rig
        .image()
        .configs
        .topic("t")
        .unwrap()
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(now, [("flush.ms", "11"), ("segment.ms", "10")]);
}
