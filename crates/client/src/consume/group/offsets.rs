//! What a member has committed, and committing.

use super::membership::Identity;
use super::settings::{GroupProtocol, GroupSettings};
use crate::admin::IsolationLevel;
use crate::cluster::Cluster;
use crate::coordinator::{CoordinatorType, ask_coordinator_up_to, is_elsewhere};
use crate::error::ClientError;
use base::{LeaderEpoch, Offset, TopicPartition};
use protocol::ErrorCode;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::offset_commit_response::OffsetCommitResponse;
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::offset_fetch_response::OffsetFetchResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The last versions that name topics (KIP-848).
const BY_NAME: i16 = 9;

/// A position to commit.
pub(super) type Position = (TopicPartition, Offset, LeaderEpoch);

/// The committed offsets of some partitions; those that have none are left out.
pub(super) async fn committed(
    cluster: &Cluster,
    settings: &GroupSettings,
    identity: &Identity,
    isolation: IsolationLevel,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    let topic = |(name, partition_indexes): (&str, _)| OffsetFetchRequestTopics {
        name: name.to_owned(),
        partition_indexes,
        ..Default::default()
    };
    let (member_id, member_epoch) = match settings.protocol {
        GroupProtocol::Classic => (None, -1),
        GroupProtocol::Consumer => (Some(identity.member_id.clone()), identity.epoch),
    };
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: settings.group_id.clone(),
            member_id,
            member_epoch,
            topics: Some(topics.into_iter().map(topic).collect()),
        }],
        // An offset of an open transaction may yet be taken back.
        require_stable: isolation == IsolationLevel::ReadCommitted,
        ..Default::default()
    };
    let of = (CoordinatorType::Group, settings.group_id.as_str());
    let asked = ask_coordinator_up_to(cluster, "committed offsets", of, &request, BY_NAME, check_fetch);
    let (_, answer) = asked.await?;
    let mut found = BTreeMap::new();
    for topic in answer.groups.into_iter().flat_map(|group| group.topics) {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            if partition.committed_offset >= 0 {
                let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                found.insert(key, Offset(partition.committed_offset));
            }
        }
    }
    Ok(found)
}

fn check_fetch(answer: &OffsetFetchResponse) -> Result<(), ClientError> {
    ClientError::check(answer.error_code, None)?;
    for group in &answer.groups {
        ClientError::check(group.error_code, None)?;
        for partition in group.topics.iter().flat_map(|topic| &topic.partitions) {
            ClientError::check(partition.error_code, None)?;
        }
    }
    Ok(())
}

/// Commits positions.
pub(super) async fn commit(
    cluster: &Cluster,
    settings: &GroupSettings,
    identity: &Identity,
    positions: &[Position],
) -> Result<(), ClientError> {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for (partition, offset, epoch) in positions {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(OffsetCommitRequestPartition {
                partition_index: partition.partition,
                committed_offset: offset.0,
                committed_leader_epoch: epoch.0,
                committed_metadata: Some(String::new()),
            });
    }
    let topic = |(name, partitions): (&str, _)| OffsetCommitRequestTopic {
        name: name.to_owned(),
        partitions,
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: settings.group_id.clone(),
        generation_id_or_member_epoch: identity.epoch,
        member_id: identity.member_id.clone(),
        group_instance_id: settings.instance_id.clone(),
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    };
    let of = (CoordinatorType::Group, settings.group_id.as_str());
    let asked = ask_coordinator_up_to(cluster, "the commit of offsets", of, &request, BY_NAME, check_commit);
    let (_, answer) = asked.await?;
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.try_for_each(|partition| ClientError::check(partition.error_code, None))
}

fn check_commit(answer: &OffsetCommitResponse) -> Result<(), ClientError> {
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.try_for_each(|partition| {
        if is_elsewhere(ErrorCode::from(partition.error_code)) {
            ClientError::check(partition.error_code, None)?;
        }
        Ok(())
    })
}
