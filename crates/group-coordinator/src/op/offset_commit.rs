//! OffsetCommit (8): where a group reads on.
//! Errors: GROUP_ID_NOT_FOUND (ILLEGAL_GENERATION before version 9), UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID,
//! ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS; of consumer groups STALE_MEMBER_EPOCH, UNSUPPORTED_VERSION; per partition OFFSET_METADATA_TOO_LARGE.

use super::{answer, answer_with};
use crate::classic::group::Phase;
use crate::classic::{rebalance, validate};
use crate::completion::{Answer, Outcome};
use crate::consumer::commit::Commit;
use crate::consumer::group::ConsumerGroup;
use crate::coordinator::GroupCoordinator;
use crate::record::GroupRecord;
use crate::state::GroupState;
use base::ProducerId;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::internal::offset_commit_value::OffsetCommitValue;
use protocol::messages::offset_commit_request::{OffsetCommitRequest, OffsetCommitRequestPartition};
use protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use std::sync::Arc;

/// What a member of a group that does not exist is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownGroup {
    /// GROUP_ID_NOT_FOUND: from version 9, which knows consumer groups.
    Said,
    /// ILLEGAL_GENERATION: before, when there were no member epochs.
    AsGeneration,
}

/// Commits for every topic and partition of the request: the host has seen to it that they exist, and set each topic's
/// name and id.
pub fn offset_commit(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    request: OffsetCommitRequest,
    unknown_group: UnknownGroup,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    if let Err(error) = check(coordinator, state, &request, unknown_group) {
        return answer(token, Answer::OffsetCommit(refused(&request, error)));
    }
    let group: Arc<str> = request.group_id.as_str().into();
    let mut records = Vec::new();
    let mut response = OffsetCommitResponse::default();
    let longest = longest_metadata(coordinator);
    let expiry = match request.retention_time_ms {
        -1 => -1,
        retention => moment.wall.0.saturating_add(retention),
    };
    for topic in request.topics {
        let name: Arc<str> = topic.name.as_str().into();
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let partition_index = partition.partition_index;
            let error = if is_too_long(partition.committed_metadata.as_deref(), longest) {
                ErrorCode::OffsetMetadataTooLarge
            } else {
                ErrorCode::None
            };
            partitions.push(OffsetCommitResponsePartition {
                partition_index,
                error_code: error.code(),
            });
            if error == ErrorCode::None {
                let value = value(partition, topic.topic_id, moment.wall.0, expiry);
                records.push(GroupRecord::Offset {
                    group: Arc::clone(&group),
                    topic: Arc::clone(&name),
                    partition: partition_index,
                    value: Some(value),
                    producer: ProducerId::NONE,
                });
            }
        }
        response.topics.push(OffsetCommitResponseTopic {
            name: topic.name,
            topic_id: topic.topic_id,
            partitions,
        });
    }
    answer_with(records, token, Answer::OffsetCommit(response))
}

fn check(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    request: &OffsetCommitRequest,
    unknown_group: UnknownGroup,
) -> Result<(), ErrorCode> {
    let generation = request.generation_id_or_member_epoch;
    if let Some(group) = state.consumer(&request.group_id) {
        return check_consumer(group, request, unknown_group, longest_metadata(coordinator));
    }
    let Some((group, desk)) = coordinator.open(state, &request.group_id) else {
        // Whoever is not a member may commit for a group that has none: the record makes the group.
        return match unknown_group {
            _ if generation < 0 => Ok(()),
            UnknownGroup::Said => Err(ErrorCode::GroupIdNotFound),
            UnknownGroup::AsGeneration => Err(ErrorCode::IllegalGeneration),
        };
    };
    let instance_id = request.group_instance_id.as_deref();
    validate::offset_commit(group, &request.member_id, instance_id, generation)?;
    if matches!(group.phase, Phase::Stable | Phase::PreparingRebalance)
        && let Some(member) = group.member(&request.member_id)
    {
        rebalance::await_heartbeat(desk, &group.id, member);
    }
    Ok(())
}

/// Members of consumer groups commit by their epoch; an older one will do for partitions that the member has had since
/// (KIP-1251).
fn check_consumer(
    group: &ConsumerGroup,
    request: &OffsetCommitRequest,
    known: UnknownGroup,
    longest: usize,
) -> Result<(), ErrorCode> {
    let epoch = request.generation_id_or_member_epoch;
    let commit = Commit::of(group, &request.member_id, epoch)?;
    if commit.needs_epochs() && known == UnknownGroup::AsGeneration {
        return Err(ErrorCode::UnsupportedVersion);
    }
    for topic in &request.topics {
        let mut written = topic
            .partitions
            .iter()
            .filter(|partition| !is_too_long(partition.committed_metadata.as_deref(), longest));
        written.try_for_each(|partition| commit.check(topic.topic_id, partition.partition_index))?;
    }
    Ok(())
}

fn longest_metadata(coordinator: &GroupCoordinator) -> usize {
    coordinator.desk.settings.offset_metadata_max_bytes
}

/// Java counts the characters of UTF-16.
pub(crate) fn is_too_long(metadata: Option<&str>, longest: usize) -> bool {
    let metadata = metadata.unwrap_or("");
    metadata.len() > longest && metadata.encode_utf16().count() > longest
}

fn value(partition: OffsetCommitRequestPartition, topic_id: base::Uuid, now: i64, expiry: i64) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.unwrap_or_default(),
        commit_timestamp: now,
        expire_timestamp: expiry,
        topic_id,
    }
}

/// The same error for every partition.
pub fn refused(request: &OffsetCommitRequest, error: ErrorCode) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| OffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: error.code(),
            })
            .collect(),
    });
    OffsetCommitResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}
