//! New topics, placed by hand and by the controller.

use crate::rig::{Rig, cluster, cluster_without_elr, manual, nodes, placed};
use controller::op::create_topics::create_topics;
use expect_test::expect;
use protocol::ErrorCode;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::create_topics_response::CreateTopicsResponse;
use protocol::metadata_records::MetadataRecord;

fn create(rig: &mut Rig, topics: Vec<CreatableTopic>) -> CreateTopicsResponse {
    let request = CreateTopicsRequest {
        topics,
        ..Default::default()
    };
    rig.run(|state, cx| create_topics(state, cx, &request))
}

/// The code and the message of the only topic.
fn answer(response: &CreateTopicsResponse) -> (ErrorCode, &str) {
    let [topic] = response.topics.as_slice() else {
        panic!("{response:?}")
    };
    (
        ErrorCode::from(topic.error_code),
        topic.error_message.as_deref().unwrap_or("null"),
    )
}

#[test]
fn what_is_refused_and_how() {
    let mut rig = cluster(2);
    rig.create("taken.name", &[&[1]], &[]);
    let mut unassigned = manual("t", &[&[1]], &[]);
    unassigned.replication_factor = 1;
    let mut counted = manual("t", &[&[1]], &[]);
    counted.num_partitions = 1;
    let mut twice = manual("t", &[&[1], &[2]], &[]);
    twice.assignments[1].partition_index = 0;
    let mut gap = manual("t", &[&[1], &[2]], &[]);
    gap.assignments[1].partition_index = 2;
    let mut null = placed("t", 1, 1, &[]);
    null.configs.push(CreatableTopicConfig {
        name: "retention.ms".to_owned(),
        value: Option::None,
    });
    use ErrorCode::*;
    let cases: Vec<(CreatableTopic, ErrorCode, &str)> = vec![
        (
            placed("", 1, 1, &[]),
            InvalidTopicException,
            "Topic name is invalid: the empty string is not allowed",
        ),
        (
            placed("..", 1, 1, &[]),
            InvalidTopicException,
            "Topic name is invalid: '..' is not allowed",
        ),
        (
            placed("taken.name", 1, 1, &[]),
            TopicAlreadyExists,
            "Topic 'taken.name' already exists.",
        ),
        (
            placed("taken_name", 1, 1, &[]),
            InvalidTopicException,
            "Topic 'taken_name' collides with existing topic: taken.name",
        ),
        (
            placed("t", 0, 1, &[]),
            InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            placed("t", 1, 0, &[]),
            InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (
            placed("t", 1, 3, &[]),
            InvalidReplicationFactor,
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because \
             only 2 broker(s) are registered or some brokers have all their log directories cordoned.",
        ),
        (
            unassigned,
            InvalidRequest,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ),
        (
            counted,
            InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            twice,
            InvalidReplicaAssignment,
            "Found multiple manual partition assignments for partition 0",
        ),
        (
            gap,
            InvalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            manual("t", &[&[]], &[]),
            InvalidReplicaAssignment,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            manual("t", &[&[1, 9]], &[]),
            InvalidReplicaAssignment,
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (
            manual("t", &[&[1, 1]], &[]),
            InvalidReplicaAssignment,
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            manual("t", &[&[1, 2], &[1]], &[]),
            InvalidReplicaAssignment,
            "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with \
             previous partitions, which have 2 replica(s).",
        ),
        (
            null,
            InvalidConfig,
            "Null value not supported for topic configs: retention.ms",
        ),
        (
            placed("t", 1, 1, &[("no.such", "1")]),
            InvalidConfig,
            "Unknown topic config name: no.such",
        ),
        (
            placed("t", 1, 1, &[("retention.ms", "soon")]),
            InvalidConfig,
            "Invalid value soon for configuration retention.ms: Not a number of type LONG",
        ),
        (
            placed("__cluster_metadata", 1, 1, &[]),
            InvalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
        (
            placed("t", 10_001, 1, &[]),
            PolicyViolation,
            "Excessively large number of partitions per request.",
        ),
    ];
    for (topic, code, message) in cases {
        let response = create(&mut rig, vec![topic.clone()]);
        assert_eq!(answer(&response), (code, message), "{topic:?}");
        assert_eq!(rig.written, [], "{topic:?}");
    }
}

#[test]
fn brokers_that_are_not_at_work_cannot_begin_a_partition() {
    let mut rig = cluster(2);
    rig.kill(2);
    let response = create(&mut rig, vec![manual("t", &[&[2]], &[])]);
    let message = "All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled shutdown.";
    assert_eq!(answer(&response), (ErrorCode::InvalidReplicaAssignment, message));
    rig.create("one", &[&[2, 1]], &[]);
    let partition = rig.partition("one", 0);
    assert_eq!(
        (partition.leader.0, &partition.isr, &partition.replicas),
        (1, &nodes(&[1]), &nodes(&[2, 1]))
    );
    rig.kill(1);
    let response = create(&mut rig, vec![placed("t", 1, 1, &[])]);
    let message = "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log \
                   directories cordoned.";
    assert_eq!(answer(&response), (ErrorCode::InvalidReplicationFactor, message));
}

#[test]
fn a_topic_is_its_records_in_kafkas_order() {
    let mut rig = cluster_without_elr(2);
    create(
        &mut rig,
        vec![manual("t", &[&[1, 2], &[2, 1]], &[("cleanup.policy", "compact")])],
    );
    let names: Vec<&str> = rig.written.iter().map(MetadataRecord::name).collect();
    assert_eq!(
        names,
        ["TopicRecord", "ConfigRecord", "PartitionRecord", "PartitionRecord"]
    );
    let second = rig.partition("t", 1);
    assert_eq!(
        (second.leader.0, second.leader_epoch.0, second.partition_epoch.0),
        (2, 0, 0)
    );
    assert_eq!(second.directories, [crate::rig::directory(2), crate::rig::directory(1)]);
    assert_eq!(rig.image().configs.topic("t").unwrap()["cleanup.policy"], "compact");
}

#[test]
fn the_answer_shows_ids_counts_and_configs() {
    let mut rig = cluster(1);
    let response = create(&mut rig, vec![placed("t", -1, -1, &[("retention.ms", "1000")])]);
    let topic = &response.topics[0];
    assert_eq!((topic.num_partitions, topic.replication_factor), (1, 1));
    assert_eq!(topic.topic_id, rig.topic_id("t"));
    let configs = topic.configs.as_ref().unwrap();
    let shown: Vec<String> = configs
        .iter()
        .filter(|it| ["retention.ms", "min.insync.replicas", "segment.bytes", "segment.ms"].contains(&it.name.as_str()))
        .map(|it| format!("{}={:?} from {}", it.name, it.value, it.config_source))
        .collect();
    expect![[r#"
        [
            "min.insync.replicas=Some(\"1\") from 3",
            "retention.ms=Some(\"1000\") from 1",
            "segment.bytes=Some(\"1073741824\") from 5",
            "segment.ms=Some(\"604800000\") from 5",
        ]
    "#]]
    .assert_debug_eq(&shown);
    assert!(configs.is_sorted_by(|left, right| left.name < right.name));
}

#[test]
fn one_topic_of_a_request_may_fail_while_others_are_created() {
    let mut rig = cluster(1);
    let topics = vec![
        placed("a", 1, 1, &[]),
        placed("b", 1, 9, &[]),
        placed("c", 1, 1, &[]),
        placed("c", 2, 1, &[]),
    ];
    let response = create(&mut rig, topics);
    let answers: Vec<(&str, ErrorCode)> = response
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), ErrorCode::from(topic.error_code)))
        .collect();
    use ErrorCode::*;
    assert_eq!(
        answers,
        [("a", None), ("b", InvalidReplicationFactor), ("c", InvalidRequest)]
    );
    assert_eq!(
        response.topics[2].error_message.as_deref(),
        Some("Duplicate topic name.")
    );
    assert_eq!(rig.image().topics.len(), 1);
}

#[test]
fn validating_writes_nothing() {
    let mut rig = cluster(1);
    let request = CreateTopicsRequest {
        topics: vec![placed("t", 3, 1, &[])],
        validate_only: true,
        ..Default::default()
    };
    let response = rig.run(|state, cx| create_topics(state, cx, &request));
    assert_eq!(
        (response.topics[0].error_code, response.topics[0].num_partitions),
        (0, 3)
    );
    assert!(rig.image().topics.is_empty());
}
