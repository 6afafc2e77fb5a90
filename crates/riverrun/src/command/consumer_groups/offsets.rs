//! Partitions, their leaders and their offsets, with the errors that Kafka's tool shows.

use crate::command::java_exception::{thrown, thrown_by_waiting};
use anyhow::anyhow;
use base::{NodeId, Offset, TopicPartition};
use client::admin::{IsolationLevel, OffsetSpec, list_offsets};
use client::{ClientError, Cluster, Topics};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every partition of the topics of `partitions`, with its leader.
pub async fn partitions_of(
    cluster: &Cluster,
    partitions: &[TopicPartition],
) -> anyhow::Result<BTreeMap<TopicPartition, NodeId>> {
    let mut topics: Vec<String> = partitions.iter().map(|partition| partition.topic.to_string()).collect();
    topics.sort();
    topics.dedup();
    let found = all_of(cluster, &topics).await;
    Ok(found
        .map_err(|error| anyhow!(thrown_by_waiting(&error)))?
        .into_iter()
        .collect())
}

/// Every partition of `topics` in that order, with its leader; a topic that does not exist is an error.
pub async fn all_of(cluster: &Cluster, topics: &[String]) -> Result<Vec<(TopicPartition, NodeId)>, ClientError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    let found = cluster.metadata(Topics::Named(topics)).await?;
    for name in topics {
        let Some(topic) = found.iter().find(|topic| topic.name == *name) else {
            continue;
        };
        ClientError::check(topic.error.code(), None)?;
        let name: Arc<str> = topic.name.as_str().into();
        let partitions = topic.partitions.iter();
        all.extend(partitions.map(|found| (TopicPartition::new(Arc::clone(&name), found.index), found.leader)));
    }
    Ok(all)
}

/// The ends of partitions.
pub async fn ends(
    cluster: &Cluster,
    partitions: &[TopicPartition],
) -> anyhow::Result<BTreeMap<TopicPartition, Offset>> {
    found(cluster, partitions, OffsetSpec::Latest).await
}

/// The offset of each partition that `spec` names; [`Offset::NONE`] where no record answers the question.
pub async fn found(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
) -> anyhow::Result<BTreeMap<TopicPartition, Offset>> {
    let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answers = list_offsets(cluster, &asked, IsolationLevel::ReadUncommitted).await;
    let answers = answers.map_err(|error| anyhow!(thrown_by_waiting(&error)))?;
    let offset = |(partition, answer): (TopicPartition, Result<client::admin::FoundOffset, ClientError>)| {
        let answer = answer.map_err(|error| anyhow!(refusal(&partition, &error)))?;
        Ok((partition, answer.offset))
    };
    answers.into_iter().map(offset).collect()
}

/// Kafka's admin client says more of a partition that does not exist.
fn refusal(partition: &TopicPartition, error: &ClientError) -> String {
    if error.code() != Some(protocol::ErrorCode::UnknownTopicOrPartition) {
        return thrown_by_waiting(error);
    }
    let said = ClientError::Refused {
        code: protocol::ErrorCode::UnknownTopicOrPartition,
        message: format!(
            "Failed to fetch metadata for partition {partition} because metadata for topic `{}` could not be found",
            partition.topic
        ),
    };
    format!("java.util.concurrent.ExecutionException: {}", thrown(&said))
}
