//! Asking the controller for things, in the bytes of the wire.

use crate::setup::{STATIC, call, config, lasting, register, start, unfence};
use base::NodeId;
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::create_topics_response::CreateTopicsResponse;
use protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData};
use protocol::messages::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use quorum::QuorumNode;

fn topics(names: &[&str]) -> CreateTopicsRequest {
    let topic = |name: &&str| CreatableTopic {
        name: (*name).to_owned(),
        num_partitions: 3,
        replication_factor: 1,
        ..Default::default()
    };
    CreateTopicsRequest {
        topics: names.iter().map(topic).collect(),
        timeout_ms: 1000,
        ..Default::default()
    }
}

async fn create(node: &QuorumNode, names: &[&str]) -> Vec<i16> {
    let response: CreateTopicsResponse = call(node, 7, &topics(names)).await;
    response.topics.iter().map(|topic| topic.error_code).collect()
}

async fn with_broker(node: &QuorumNode) {
    let registered = register(node, 1).await;
    assert_eq!(registered.error_code, 0, "{registered:?}");
    let heartbeat = unfence(node, registered.broker_epoch).await;
    assert!(!heartbeat.is_fenced, "{heartbeat:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_of_a_topic_finds_it_and_so_does_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[STATIC]);
    let node = start(&config);
    with_broker(&node).await;
    assert_eq!(create(&node, &["a", "b"]).await, [0, 0]);
    let image = node.published.borrow().image.clone();
    let partition = image.topics.partition("a", 2).unwrap();
    assert_eq!((partition.leader, partition.isr.to_vec()), (NodeId(1), vec![NodeId(1)]));
    assert_eq!(create(&node, &["a"]).await, [36], "TOPIC_ALREADY_EXISTS");

    let gone = DeleteTopicState {
        name: Some("b".to_owned()),
        ..Default::default()
    };
    let deleted = call(
        &node,
        6,
        &DeleteTopicsRequest {
            topics: vec![gone],
            ..Default::default()
        },
    )
    .await;
    assert_eq!(deleted.responses[0].error_code, 0);
    let image = node.published.borrow().image.clone();
    assert!(image.topics.get("b").is_none());
    node.stop().await.unwrap();

    let node = start(&config);
    assert_eq!(lasting(&node.published.borrow().image), lasting(&image));
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_once_are_each_answered_after_their_commit() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(dir.path(), &[STATIC]));
    with_broker(&node).await;
    let names: Vec<String> = (0..100).map(|number| format!("topic-{number}")).collect();
    let created = futures(&node, &names).await;
    assert!(created.iter().all(|codes| codes == &[0]), "{created:?}");
    assert_eq!(node.published.borrow().image.topics.len(), 100);
    node.stop().await.unwrap();
}

async fn futures(node: &QuorumNode, names: &[String]) -> Vec<Vec<i16>> {
    let mut tasks = Vec::new();
    for name in names {
        let (controller, published, name) = (node.controller.clone(), node.published.clone(), name.clone());
        tasks.push(tokio::spawn(async move {
            let response: CreateTopicsResponse = crate::setup::call_at(&controller, 7, &topics(&[&name])).await;
            assert!(
                published.borrow().image.topics.get(&name).is_some(),
                "{name} is there when its answer is"
            );
            response.topics.iter().map(|topic| topic.error_code).collect()
        }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_stop_there_is_no_controller() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(dir.path(), &[STATIC]));
    let controller = node.controller.clone();
    node.stop().await.unwrap();
    let body = protocol::Message::to_bytes(&topics(&["late"]), 7).unwrap();
    let answer = controller
        .request(crate::setup::broker(), protocol::ApiKey::CreateTopics, 7, body)
        .await;
    assert_eq!(answer, Err(quorum::RequestError::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quorum_describes_itself_and_takes_its_voters_into_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[STATIC]);
    let node = start(&config);
    let partition = PartitionData { partition_index: 0 };
    let topic = TopicData {
        topic_name: "__cluster_metadata".to_owned(),
        partitions: vec![partition],
    };
    let request = DescribeQuorumRequest { topics: vec![topic] };
    let described = call(&node, 2, &request).await;
    let partition = &described.topics[0].partitions[0];
    assert_eq!(
        (described.error_code, partition.leader_id, partition.leader_epoch),
        (0, 1, 1)
    );
    assert_eq!(partition.high_watermark, node.published.borrow().end.0);
    assert_eq!(partition.current_voters[0].replica_directory_id, base::Uuid::ZERO);

    let raised = FeatureUpdateKey {
        feature: "kraft.version".to_owned(),
        max_version_level: 1,
        upgrade_type: 1,
        ..Default::default()
    };
    let update = UpdateFeaturesRequest {
        feature_updates: vec![raised],
        timeout_ms: 1000,
        ..Default::default()
    };
    let updated = call(&node, 2, &update).await;
    assert_eq!(updated.error_code, 0, "{updated:?}");
    let described = call(&node, 2, &request).await;
    let voter = &described.topics[0].partitions[0].current_voters[0];
    assert_eq!(voter.replica_directory_id.to_string(), crate::setup::DIRECTORY);
    node.stop().await.unwrap();

    let node = start(&config);
    assert_eq!(node.published.borrow().kraft_version, 1);
    node.stop().await.unwrap();
    let state = std::fs::read_to_string(dir.path().join("__cluster_metadata-0/quorum-state")).unwrap();
    assert!(state.contains(r#""data_version":1"#), "{state}");
}
