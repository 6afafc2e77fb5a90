//! Replicas on the move: what moves, and moving more (KIP-455).

use super::{Each, millis, outcome};
use crate::cluster::Cluster;
use crate::error::ClientError;
use base::{NodeId, TopicPartition};
use protocol::messages::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use protocol::messages::list_partition_reassignments_request::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsTopics,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Replicas that are on the move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// All replicas, new and old.
    pub replicas: Vec<NodeId>,
    /// The ones being added.
    pub adding: Vec<NodeId>,
    /// The ones being removed.
    pub removing: Vec<NodeId>,
}

/// Whether a reassignment may leave a partition with more or fewer replicas than it has (KIP-860).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicationFactorChange {
    /// It may.
    Allowed,
    /// It is refused.
    Refused,
}

/// Replicas on the move: of `partitions`, or all.
pub async fn list_reassignments(
    cluster: &Cluster,
    partitions: Option<&[TopicPartition]>,
) -> Result<Vec<(TopicPartition, Reassignment)>, ClientError> {
    let nodes = |ids: Vec<i32>| ids.into_iter().map(NodeId).collect();
    let asked = |partitions: &[TopicPartition]| {
        let by_topic = by_topic(partitions.iter().map(|partition| (partition, partition.partition)));
        let topic = |(name, partition_indexes)| ListPartitionReassignmentsTopics {
            name,
            partition_indexes,
        };
        by_topic.into_iter().map(topic).collect()
    };
    let request = ListPartitionReassignmentsRequest {
        timeout_ms: millis(cluster.settings().request_timeout),
        topics: partitions.map(asked),
    };
    let answer = cluster
        .call_controller("listPartitionReassignments", &request, |answer| answer.error_code)
        .await?;
    outcome(answer.error_code, answer.error_message)?;
    let mut found = Vec::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let moving = Reassignment {
                replicas: nodes(partition.replicas),
                adding: nodes(partition.adding_replicas),
                removing: nodes(partition.removing_replicas),
            };
            found.push((
                TopicPartition::new(Arc::clone(&name), partition.partition_index),
                moving,
            ));
        }
    }
    Ok(found)
}

/// Moves replicas to where they are wanted; where nothing is said, what is on the move goes back.
pub async fn alter_reassignments(
    cluster: &Cluster,
    targets: &[(TopicPartition, Option<Vec<NodeId>>)],
    replication_factor: ReplicationFactorChange,
) -> Result<Each<TopicPartition, ()>, ClientError> {
    let partition = |(partition, target): &(TopicPartition, Option<Vec<NodeId>>)| ReassignablePartition {
        partition_index: partition.partition,
        replicas: target.as_ref().map(|nodes| nodes.iter().map(|node| node.0).collect()),
    };
    let topics = by_topic(targets.iter().map(|target| (&target.0, partition(target))));
    let topic = |(name, partitions)| ReassignableTopic { name, partitions };
    let request = AlterPartitionReassignmentsRequest {
        timeout_ms: millis(cluster.settings().request_timeout),
        allow_replication_factor_change: replication_factor == ReplicationFactorChange::Allowed,
        topics: topics.into_iter().map(topic).collect(),
    };
    let answer = cluster
        .call_controller("alterPartitionReassignments", &request, |answer| answer.error_code)
        .await?;
    outcome(answer.error_code, answer.error_message)?;
    let mut each = Vec::new();
    for topic in answer.responses {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let altered = outcome(partition.error_code, partition.error_message);
            each.push((
                TopicPartition::new(Arc::clone(&name), partition.partition_index),
                altered,
            ));
        }
    }
    Ok(each)
}

fn by_topic<'a, T>(items: impl Iterator<Item = (&'a TopicPartition, T)>) -> BTreeMap<String, Vec<T>> {
    let mut topics: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for (partition, item) in items {
        topics.entry(partition.topic.to_string()).or_default().push(item);
    }
    topics
}
