//! What groups have committed: looked at, set and taken away from outside of the group.

use super::{Each, outcome};
use crate::cluster::Cluster;
use crate::coordinator::{CoordinatorType, ask_coordinator, ask_coordinator_up_to, is_elsewhere};
use crate::error::ClientError;
use base::{LeaderEpoch, Offset, TopicPartition};
use protocol::ErrorCode;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup};
use protocol::messages::offset_fetch_response::OffsetFetchResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The last versions that name topics; later ones know only their ids (KIP-848).
const BY_NAME: i16 = 9;

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset.
    pub offset: Offset,
    /// The epoch of the record before it, if the group told.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the group said with it.
    pub metadata: String,
}

/// Everything that a group has committed, in the coordinator's order.
pub async fn list_group_offsets(
    cluster: &Cluster,
    group: &str,
) -> Result<Vec<(TopicPartition, CommittedOffset)>, ClientError> {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            member_id: None,
            member_epoch: -1,
            topics: None,
        }],
        require_stable: false,
        ..Default::default()
    };
    let of = (CoordinatorType::Group, group);
    let asked = ask_coordinator_up_to(cluster, "listConsumerGroupOffsets", of, &request, BY_NAME, check_fetch);
    let (_, answer) = asked.await?;
    let mut found = Vec::new();
    for topic in answer.groups.into_iter().flat_map(|group| group.topics) {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            // A topic that is gone is passed over, as in Kafka's admin client; -1 means that nothing is committed.
            if partition.error_code != 0 || partition.committed_offset < 0 {
                continue;
            }
            let epoch = LeaderEpoch(partition.committed_leader_epoch);
            found.push((
                TopicPartition::new(Arc::clone(&name), partition.partition_index),
                CommittedOffset {
                    offset: Offset(partition.committed_offset),
                    leader_epoch: (epoch.0 >= 0).then_some(epoch),
                    metadata: partition.metadata.unwrap_or_default(),
                },
            ));
        }
    }
    Ok(found)
}

fn check_fetch(answer: &OffsetFetchResponse) -> Result<(), ClientError> {
    outcome(answer.error_code, None)?;
    for group in &answer.groups {
        outcome(group.error_code, None)?;
        for partition in group.topics.iter().flat_map(|topic| &topic.partitions) {
            if ErrorCode::from(partition.error_code) == ErrorCode::UnstableOffsetCommit {
                outcome(partition.error_code, None)?;
            }
        }
    }
    Ok(())
}

/// Commits offsets for a group that has no members.
pub async fn alter_group_offsets(
    cluster: &Cluster,
    group: &str,
    offsets: &[(TopicPartition, Offset)],
) -> Result<Each<TopicPartition, ()>, ClientError> {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for (partition, offset) in offsets {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(OffsetCommitRequestPartition {
                partition_index: partition.partition,
                committed_offset: offset.0,
                committed_leader_epoch: -1,
                committed_metadata: Some(String::new()),
            });
    }
    let topic = |(name, partitions): (&str, _)| OffsetCommitRequestTopic {
        name: name.to_owned(),
        partitions,
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    };
    let of = (CoordinatorType::Group, group);
    let check = |answer: &protocol::messages::offset_commit_response::OffsetCommitResponse| {
        let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.try_for_each(|partition| check_place(partition.error_code))
    };
    let asked = ask_coordinator_up_to(cluster, "alterConsumerGroupOffsets", of, &request, BY_NAME, check);
    let (_, answer) = asked.await?;
    let each = answer.topics.into_iter().flat_map(|topic| {
        let name: Arc<str> = topic.name.into();
        topic.partitions.into_iter().map(move |partition| {
            (
                TopicPartition::new(Arc::clone(&name), partition.partition_index),
                outcome(partition.error_code, None),
            )
        })
    });
    Ok(each.collect())
}

/// The errors of one partition that mean the whole request went to the wrong place, or too early.
fn check_place(code: i16) -> Result<(), ClientError> {
    if is_elsewhere(ErrorCode::from(code)) {
        outcome(code, None)?;
    }
    Ok(())
}

/// Takes committed offsets away from a group that does not read those topics.
pub async fn delete_group_offsets(
    cluster: &Cluster,
    group: &str,
    partitions: &[TopicPartition],
) -> Result<Each<TopicPartition, ()>, ClientError> {
    let mut topics: BTreeMap<&str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
    for partition in partitions {
        let asked = OffsetDeleteRequestPartition {
            partition_index: partition.partition,
        };
        topics.entry(&partition.topic).or_default().push(asked);
    }
    let topic = |(name, partitions): (&str, _)| OffsetDeleteRequestTopic {
        name: name.to_owned(),
        partitions,
    };
    let request = OffsetDeleteRequest {
        group_id: group.to_owned(),
        topics: topics.into_iter().map(topic).collect(),
    };
    let of = (CoordinatorType::Group, group);
    let check =
        |answer: &protocol::messages::offset_delete_response::OffsetDeleteResponse| outcome(answer.error_code, None);
    let (_, answer) = ask_coordinator(cluster, "deleteConsumerGroupOffsets", of, &request, check).await?;
    let each = answer.topics.into_iter().flat_map(|topic| {
        let name: Arc<str> = topic.name.into();
        topic.partitions.into_iter().map(move |partition| {
            (
                TopicPartition::new(Arc::clone(&name), partition.partition_index),
                outcome(partition.error_code, None),
            )
        })
    });
    Ok(each.collect())
}
