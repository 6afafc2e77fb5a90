//! Topics: list, describe, create, delete, add partitions.

use super::{Each, millis, outcome};
use crate::cluster::{Cluster, Topics};
use crate::error::ClientError;
use crate::topic_metadata::TopicMetadata;
use base::{NodeId, Uuid};
use protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::describe_topic_partitions_request::{Cursor, DescribeTopicPartitionsRequest, TopicRequest};
use protocol::messages::describe_topic_partitions_response::DescribeTopicPartitionsResponseTopic;
use protocol::{ApiKey, ErrorCode};
use std::sync::Arc;

/// Where the replicas of a new topic go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The cluster chooses; what is not given is the cluster's default.
    Counts {
        /// How many partitions.
        partitions: Option<i32>,
        /// How many replicas each.
        replication_factor: Option<i16>,
    },
    /// These nodes, partition by partition.
    Given(Vec<Vec<NodeId>>),
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Its replicas.
    pub placement: Placement,
    /// Its settings.
    pub configs: Vec<(String, String)>,
}

/// A topic to add partitions to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartitions {
    /// The topic.
    pub topic: String,
    /// How many partitions it shall have in all.
    pub count: i32,
    /// Where the replicas of the new ones go, if it matters.
    pub placement: Option<Vec<Vec<NodeId>>>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id; zero from a broker too old to tell.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions, by number.
    pub partitions: Vec<TopicPartitionDescription>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitionDescription {
    /// Its number.
    pub index: i32,
    /// Its leader, if it has one.
    pub leader: Option<NodeId>,
    /// Its replicas.
    pub replicas: Vec<NodeId>,
    /// Its replicas in sync.
    pub isr: Vec<NodeId>,
    /// Its eligible leader replicas; none if the broker does not tell (KIP-966).
    pub elr: Option<Vec<NodeId>>,
    /// The last known eligible leader replicas; none if the broker does not tell.
    pub last_known_elr: Option<Vec<NodeId>>,
}

/// All topics, sorted by name.
pub async fn list_topics(cluster: &Cluster) -> Result<Vec<Arc<TopicMetadata>>, ClientError> {
    let mut topics = cluster.metadata(Topics::All).await?;
    topics.retain(|topic| topic.error == ErrorCode::None);
    topics.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(topics)
}

/// Describes topics, asking for at most `limit` partitions at a time; falls back to the metadata with old brokers.
pub async fn describe_topics(
    cluster: &Cluster,
    names: &[String],
    limit: i32,
) -> Result<Each<String, TopicDescription>, ClientError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut retry = cluster.retry("describeTopics");
    loop {
        let attempt = async {
            let channel = cluster.any().await?;
            if channel.version::<DescribeTopicPartitionsRequest>().is_ok() {
                describe_by_cursor(&channel, names, limit).await
            } else {
                describe_by_metadata(cluster, names).await
            }
        };
        match attempt.await {
            Ok(topics) => return Ok(topics),
            Err(error) => retry.pause(error).await?,
        }
    }
}

async fn describe_by_cursor(
    channel: &crate::Channel,
    names: &[String],
    limit: i32,
) -> Result<Each<String, TopicDescription>, ClientError> {
    let mut sorted: Vec<_> = names.to_vec();
    sorted.sort();
    let mut found: Each<String, TopicDescription> = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let from = cursor.as_ref().map_or("", |cursor| cursor.topic_name.as_str());
        let left = sorted.iter().filter(|name| name.as_str() >= from);
        let topics: Vec<_> = left.map(|name| TopicRequest { name: name.clone() }).collect();
        // No topics at all would mean every topic.
        if topics.is_empty() {
            return Ok(found);
        }
        let request = DescribeTopicPartitionsRequest {
            topics,
            response_partition_limit: limit,
            cursor,
        };
        let answer = channel.send(&request).await?;
        for topic in answer.topics {
            add_described(&mut found, topic);
        }
        let Some(next) = answer.next_cursor else {
            return Ok(found);
        };
        let next = Cursor {
            topic_name: next.topic_name,
            partition_index: next.partition_index,
        };
        if request.cursor.as_ref().is_some_and(|last| !goes_on(last, &next)) {
            return Err(ClientError::Malformed {
                address: channel.address().clone(),
                api: ApiKey::DescribeTopicPartitions,
                reason: String::from("the cursor does not move"),
            });
        }
        cursor = Some(next);
    }
}

fn goes_on(last: &Cursor, next: &Cursor) -> bool {
    (next.topic_name.as_str(), next.partition_index) > (last.topic_name.as_str(), last.partition_index)
}

fn add_described(found: &mut Each<String, TopicDescription>, topic: DescribeTopicPartitionsResponseTopic) {
    let nodes = |ids: Vec<i32>| ids.into_iter().map(NodeId).collect::<Vec<_>>();
    let name = topic.name.unwrap_or_default();
    if let Err(error) = outcome(topic.error_code, None) {
        found.push((name, Err(error)));
        return;
    }
    let partitions = topic.partitions.into_iter().map(|partition| TopicPartitionDescription {
        index: partition.partition_index,
        leader: (partition.leader_id >= 0).then_some(NodeId(partition.leader_id)),
        replicas: nodes(partition.replica_nodes),
        isr: nodes(partition.isr_nodes),
        elr: partition.eligible_leader_replicas.map(nodes),
        last_known_elr: partition.last_known_elr.map(nodes),
    });
    // A topic whose partitions do not fit one answer goes on in the next.
    if let Some((last, Ok(described))) = found.last_mut()
        && *last == name
    {
        described.partitions.extend(partitions);
        return;
    }
    let partitions = partitions.collect();
    let described = TopicDescription {
        name: name.clone(),
        id: topic.topic_id,
        is_internal: topic.is_internal,
        partitions,
    };
    found.push((name, Ok(described)));
}

async fn describe_by_metadata(
    cluster: &Cluster,
    names: &[String],
) -> Result<Each<String, TopicDescription>, ClientError> {
    let describe = |topic: Arc<TopicMetadata>| {
        let partitions = topic.partitions.iter().map(|partition| TopicPartitionDescription {
            index: partition.index,
            leader: (partition.leader != NodeId::NONE).then_some(partition.leader),
            replicas: partition.replicas.clone(),
            isr: partition.isr.clone(),
            elr: None,
            last_known_elr: None,
        });
        let described = outcome(topic.error.code(), None).map(|()| TopicDescription {
            name: topic.name.clone(),
            id: topic.id,
            is_internal: topic.is_internal,
            partitions: partitions.collect(),
        });
        (topic.name.clone(), described)
    };
    Ok(cluster
        .metadata(Topics::Named(names))
        .await?
        .into_iter()
        .map(describe)
        .collect())
}

/// Creates a topic.
pub async fn create_topics(cluster: &Cluster, topics: &[NewTopic]) -> Result<Each<String, Uuid>, ClientError> {
    let request = CreateTopicsRequest {
        topics: topics.iter().map(creatable).collect(),
        timeout_ms: millis(cluster.settings().request_timeout),
        validate_only: false,
    };
    let answer = cluster.call("createTopics", &request).await?;
    let each = answer.topics.into_iter().map(|topic| {
        let created = outcome(topic.error_code, topic.error_message).map(|()| topic.topic_id);
        (topic.name, created)
    });
    Ok(each.collect())
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let (num_partitions, replication_factor, assignments) = match &topic.placement {
        Placement::Counts {
            partitions,
            replication_factor,
        } => (partitions.unwrap_or(-1), replication_factor.unwrap_or(-1), Vec::new()),
        Placement::Given(placement) => {
            let assign = |(index, nodes): (i32, &Vec<NodeId>)| CreatableReplicaAssignment {
                partition_index: index,
                broker_ids: nodes.iter().map(|node| node.0).collect(),
            };
            (-1, -1, (0..).zip(placement).map(assign).collect())
        }
    };
    let config = |(name, value): &(String, String)| CreatableTopicConfig {
        name: name.clone(),
        value: Some(value.clone()),
    };
    CreatableTopic {
        name: topic.name.clone(),
        num_partitions,
        replication_factor,
        assignments,
        configs: topic.configs.iter().map(config).collect(),
    }
}

/// Deletes topics by name.
pub async fn delete_topics(cluster: &Cluster, names: &[String]) -> Result<Each<String, ()>, ClientError> {
    let state = |name: &String| DeleteTopicState {
        name: Some(name.clone()),
        topic_id: Uuid::ZERO,
    };
    let mut request = DeleteTopicsRequest {
        topics: names.iter().map(state).collect(),
        topic_names: Vec::new(),
        timeout_ms: millis(cluster.settings().request_timeout),
    };
    let mut retry = cluster.retry("deleteTopics");
    let answer = loop {
        let attempt = async {
            let channel = cluster.any().await?;
            // Before version 6 the names are in a field of their own.
            if channel.version::<DeleteTopicsRequest>()? < 6 {
                request.topics = Vec::new();
                request.topic_names = names.to_vec();
            }
            channel.send(&request).await
        };
        match attempt.await {
            Ok(answer) => break answer,
            Err(error) => retry.pause(error).await?,
        }
    };
    let each = answer.responses.into_iter();
    Ok(each
        .map(|topic| {
            (
                topic.name.unwrap_or_default(),
                outcome(topic.error_code, topic.error_message),
            )
        })
        .collect())
}

/// Adds partitions to topics.
pub async fn create_partitions(cluster: &Cluster, topics: &[NewPartitions]) -> Result<Each<String, ()>, ClientError> {
    let assignment = |nodes: &Vec<NodeId>| CreatePartitionsAssignment {
        broker_ids: nodes.iter().map(|node| node.0).collect(),
    };
    let topic = |topic: &NewPartitions| CreatePartitionsTopic {
        name: topic.topic.clone(),
        count: topic.count,
        assignments: topic
            .placement
            .as_ref()
            .map(|placement| placement.iter().map(assignment).collect()),
    };
    let request = CreatePartitionsRequest {
        topics: topics.iter().map(topic).collect(),
        timeout_ms: millis(cluster.settings().request_timeout),
        validate_only: false,
    };
    let answer = cluster.call("createPartitions", &request).await?;
    let each = answer.results.into_iter();
    Ok(each
        .map(|topic| (topic.name, outcome(topic.error_code, topic.error_message)))
        .collect())
}
