//! Who holds the replicas of which partitions, and in which directories.

use super::Failure;
use crate::command::java_exception::thrown;
use base::{NodeId, TopicPartition};
use client::admin;
use client::{ClientError, Cluster};
use protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The replicas of partitions.
pub(super) type Assignment = BTreeMap<TopicPartition, Vec<NodeId>>;

/// How many partitions are asked for at a time.
const PARTITIONS: i32 = 2000;

/// A replica; in Kafka's order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Replica {
    pub(super) node: NodeId,
    pub(super) partition: TopicPartition,
}

impl Replica {
    pub(super) fn new(partition: &TopicPartition, node: NodeId) -> Self {
        Self {
            node,
            partition: partition.clone(),
        }
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.partition, self.node)
    }
}

/// Ids, separated by commas.
pub(super) fn listed<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> String {
    nodes.into_iter().map(NodeId::to_string).collect::<Vec<_>>().join(",")
}

/// The replicas of all partitions of `topics`; what is not there is left out.
pub(super) async fn of_known_topics(cluster: &Cluster, topics: &BTreeSet<String>) -> Result<Assignment, Failure> {
    described(cluster, topics, |_, error| match error.code() {
        Some(ErrorCode::UnknownTopicOrPartition) => Ok(()),
        _ => Err(error.into()),
    })
    .await
}

/// The replicas of all partitions of `topics`.
pub(super) async fn of_topics(cluster: &Cluster, topics: &BTreeSet<String>) -> Result<Assignment, Failure> {
    described(cluster, topics, |topic, error| match error.code() {
        Some(ErrorCode::UnknownTopicOrPartition) => Err(unknown(format!("Topic {topic} not found."))),
        _ => Err(error.into()),
    })
    .await
}

async fn described(
    cluster: &Cluster,
    topics: &BTreeSet<String>,
    refused: impl Fn(&str, ClientError) -> Result<(), Failure>,
) -> Result<Assignment, Failure> {
    let names: Vec<String> = topics.iter().cloned().collect();
    let mut assignment = Assignment::new();
    for (topic, described) in admin::describe_topics(cluster, &names, PARTITIONS).await? {
        match described {
            Err(error) => refused(&topic, error)?,
            Ok(described) => {
                let partitions = described.partitions.into_iter();
                assignment
                    .extend(partitions.map(|found| (TopicPartition::new(topic.as_str(), found.index), found.replicas)));
            }
        }
    }
    Ok(assignment)
}

/// The replicas of `partitions`, which all must be there.
pub(super) async fn of_partitions(
    cluster: &Cluster,
    partitions: &BTreeSet<TopicPartition>,
) -> Result<Assignment, Failure> {
    let mut found = of_topics(cluster, &topics(partitions)).await?;
    found.retain(|partition, _| partitions.contains(partition));
    let missing: Vec<String> = partitions
        .iter()
        .filter(|partition| !found.contains_key(partition))
        .map(TopicPartition::to_string)
        .collect();
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(unknown(format!("Unable to find partition: {}", missing.join(", "))))
    }
}

fn unknown(message: String) -> Failure {
    Failure::Error(thrown(&ClientError::Refused {
        code: ErrorCode::UnknownTopicOrPartition,
        message,
    }))
}

/// The topics of partitions.
pub(super) fn topics<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> BTreeSet<String> {
    let partitions = partitions.into_iter();
    partitions.map(|partition| partition.topic.to_string()).collect()
}

/// Where a replica lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directories {
    /// In which directory, if in any that works.
    pub(super) current: Option<String>,
    /// Into which one it is on its way.
    pub(super) future: Option<String>,
}

/// The directories of replicas.
pub(super) async fn directories(
    cluster: &Cluster,
    replicas: &BTreeSet<Replica>,
) -> Result<BTreeMap<Replica, Directories>, ClientError> {
    let nodes: BTreeSet<NodeId> = replicas.iter().map(|replica| replica.node).collect();
    let mut found: BTreeMap<Replica, Directories> = replicas
        .iter()
        .map(|replica| (replica.clone(), Directories::default()))
        .collect();
    for node in nodes {
        for dir in admin::describe_log_dirs(cluster, node).await? {
            for held in &dir.replicas {
                if let Some(directories) = found.get_mut(&Replica::new(&held.partition, node)) {
                    let place = if held.is_future {
                        &mut directories.future
                    } else {
                        &mut directories.current
                    };
                    *place = Some(dir.path.clone());
                }
            }
        }
    }
    Ok(found)
}

/// The current directories of all replicas of an assignment on brokers that live.
pub(super) async fn current_directories(
    cluster: &Cluster,
    assignment: &Assignment,
) -> Result<BTreeMap<Replica, String>, ClientError> {
    let live: BTreeSet<NodeId> = admin::describe_cluster(cluster)
        .await?
        .nodes
        .iter()
        .map(|node| node.id)
        .collect();
    let replicas = assignment.iter().flat_map(|(partition, nodes)| {
        let nodes = nodes.iter().filter(|node| live.contains(node));
        nodes.map(|node| Replica::new(partition, *node))
    });
    let found = directories(cluster, &replicas.collect()).await?.into_iter();
    Ok(found
        .filter_map(|(replica, directories)| Some((replica, directories.current?)))
        .collect())
}
