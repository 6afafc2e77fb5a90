//! Offsets of partitions: the ends, and by time.

use super::{Each, millis};
use crate::cluster::{Cluster, Topics};
use crate::error::ClientError;
use crate::topic_metadata::TopicMetadata;
use base::{LeaderEpoch, NodeId, Offset, Timestamp, TopicPartition};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The end.
    Latest,
    /// The start.
    Earliest,
    /// The record with the highest timestamp (KIP-734).
    MaxTimestamp,
    /// The start of what is on the broker's own disks (KIP-405).
    EarliestLocal,
    /// The end of what is in remote storage (KIP-1005).
    LatestTiered,
    /// The start of what has not been copied to remote storage (KIP-1023).
    EarliestPendingUpload,
    /// The first record that is at least this young.
    At(Timestamp),
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::EarliestLocal => -4,
            Self::LatestTiered => -5,
            Self::EarliestPendingUpload => -6,
            Self::At(timestamp) => timestamp.0,
        }
    }

    /// The first version of the request that can ask for it.
    fn first_version(self) -> i16 {
        match self {
            Self::Latest | Self::Earliest | Self::At(_) => 1,
            Self::MaxTimestamp => 7,
            Self::EarliestLocal => 8,
            Self::LatestTiered => 9,
            Self::EarliestPendingUpload => 11,
        }
    }
}

/// Whether records of open and aborted transactions count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// They do.
    #[default]
    ReadUncommitted,
    /// They do not.
    ReadCommitted,
}

impl IsolationLevel {
    pub(crate) fn number(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset; [`Offset::NONE`] if no record answers the question.
    pub offset: Offset,
    /// The timestamp of the record, if one was asked for by time.
    pub timestamp: Timestamp,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: LeaderEpoch,
}

/// The offset of each partition that `spec` names, asked of the leaders.
pub async fn list_offsets(
    cluster: &Cluster,
    partitions: &[(TopicPartition, OffsetSpec)],
    isolation: IsolationLevel,
) -> Result<Each<TopicPartition, FoundOffset>, ClientError> {
    let mut left = partitions.to_vec();
    let mut found: Each<TopicPartition, FoundOffset> = Vec::with_capacity(partitions.len());
    let mut retry = cluster.retry("listOffsets");
    loop {
        let (answers, again) = attempt(cluster, &left, isolation).await?;
        found.extend(answers);
        let Some((_, _, error)) = again.first() else {
            return Ok(found);
        };
        if let Err(last) = retry.pause(error.clone()).await {
            found.extend(again.into_iter().map(|(partition, _, error)| match error {
                ClientError::Refused { .. } => (partition, Err(error)),
                _ => (partition, Err(last.clone())),
            }));
            return Ok(found);
        }
        for (partition, _, _) in &again {
            cluster.forget_topic(&partition.topic);
        }
        left = again
            .into_iter()
            .map(|(partition, spec, _)| (partition, spec))
            .collect();
    }
}

/// What is left to do, and why.
type Again = Vec<(TopicPartition, OffsetSpec, ClientError)>;

async fn attempt(
    cluster: &Cluster,
    left: &[(TopicPartition, OffsetSpec)],
    isolation: IsolationLevel,
) -> Result<(Each<TopicPartition, FoundOffset>, Again), ClientError> {
    let mut found = Vec::new();
    let mut again = Vec::new();
    let topics = topics_of(cluster, left).await?;
    let mut by_leader: BTreeMap<NodeId, Vec<(TopicPartition, OffsetSpec)>> = BTreeMap::new();
    for (partition, spec) in left {
        match leader(&topics, partition) {
            Ok(leader) => by_leader.entry(leader).or_default().push((partition.clone(), *spec)),
            Err(error) if error.is_retriable() && !is_missing(&error) => again.push((partition.clone(), *spec, error)),
            Err(error) => found.push((partition.clone(), Err(error))),
        }
    }
    for (leader, wanted) in by_leader {
        match ask(cluster, leader, &wanted, isolation).await {
            Ok(answers) => {
                for (partition, answer) in answers {
                    let spec = wanted
                        .iter()
                        .find(|(asked, _)| *asked == partition)
                        .map(|(_, spec)| *spec);
                    match (answer, spec) {
                        (Err(error), Some(spec)) if error.is_retriable() => again.push((partition, spec, error)),
                        (answer, _) => found.push((partition, answer)),
                    }
                }
            }
            Err(error) if error.is_retriable() => {
                again.extend(
                    wanted
                        .into_iter()
                        .map(|(partition, spec)| (partition, spec, error.clone())),
                );
            }
            Err(error) => found.extend(wanted.into_iter().map(|(partition, _)| (partition, Err(error.clone())))),
        }
    }
    Ok((found, again))
}

/// A partition that a topic does not have will not appear by waiting.
fn is_missing(error: &ClientError) -> bool {
    error.code() == Some(protocol::ErrorCode::UnknownTopicOrPartition)
}

async fn topics_of(
    cluster: &Cluster,
    partitions: &[(TopicPartition, OffsetSpec)],
) -> Result<Vec<Arc<TopicMetadata>>, ClientError> {
    let mut names: Vec<String> = partitions
        .iter()
        .map(|(partition, _)| partition.topic.to_string())
        .collect();
    names.sort();
    names.dedup();
    let known: Option<Vec<_>> = names.iter().map(|name| cluster.known_topic(name)).collect();
    match known {
        Some(known) => Ok(known),
        None => cluster.metadata(Topics::Named(&names)).await,
    }
}

fn leader(topics: &[Arc<TopicMetadata>], partition: &TopicPartition) -> Result<NodeId, ClientError> {
    let refused = |code: protocol::ErrorCode| ClientError::check(code.code(), None);
    let unknown = protocol::ErrorCode::UnknownTopicOrPartition;
    let found = topics.iter().find(|topic| topic.name == *partition.topic);
    let Some(topic) = found else {
        refused(unknown)?;
        unreachable!("an error code is a refusal");
    };
    refused(topic.error)?;
    let Some(found) = topic.partitions.iter().find(|found| found.index == partition.partition) else {
        refused(unknown)?;
        unreachable!("an error code is a refusal");
    };
    if found.leader == NodeId::NONE {
        refused(protocol::ErrorCode::LeaderNotAvailable)?;
    }
    Ok(found.leader)
}

async fn ask(
    cluster: &Cluster,
    leader: NodeId,
    wanted: &[(TopicPartition, OffsetSpec)],
    isolation: IsolationLevel,
) -> Result<Each<TopicPartition, FoundOffset>, ClientError> {
    let channel = cluster.node(leader).await?;
    let version = channel.version::<ListOffsetsRequest>()?;
    let first = wanted.iter().map(|(_, spec)| spec.first_version()).max().unwrap_or(1);
    if version < first {
        return Err(ClientError::UnsupportedVersion {
            address: channel.address().clone(),
            api: protocol::ApiKey::ListOffsets,
        });
    }
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (partition, spec) in wanted {
        topics.entry(&partition.topic).or_default().push(ListOffsetsPartition {
            partition_index: partition.partition,
            timestamp: spec.timestamp(),
            ..Default::default()
        });
    }
    let topic = |(name, partitions): (&str, _)| ListOffsetsTopic {
        name: name.to_owned(),
        partitions,
    };
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.number(),
        topics: topics.into_iter().map(topic).collect(),
        timeout_ms: millis(cluster.settings().request_timeout),
    };
    let answer = channel.send_at(&request, version).await?;
    let mut each = Vec::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        let partitions = topic.partitions.into_iter();
        each.extend(partitions.map(|found| {
            (
                TopicPartition::new(Arc::clone(&name), found.partition_index),
                found_offset(&found),
            )
        }));
    }
    Ok(each)
}

fn found_offset(found: &ListOffsetsPartitionResponse) -> Result<FoundOffset, ClientError> {
    ClientError::check(found.error_code, None)?;
    Ok(FoundOffset {
        offset: Offset(found.offset),
        timestamp: Timestamp(found.timestamp),
        leader_epoch: LeaderEpoch(found.leader_epoch),
    })
}
