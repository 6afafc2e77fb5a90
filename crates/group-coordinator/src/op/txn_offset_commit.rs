//! TxnOffsetCommit (28): where a group reads on, once the transaction is committed.
//! Errors: ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID; per partition OFFSET_METADATA_TOO_LARGE. KIP-98,
//! KIP-447: members are known from version 3 on, before it anybody may commit. A group that does not exist is made.

use super::offset_commit::is_too_long;
use super::{answer, answer_with};
use crate::classic::validate;
use crate::completion::{Answer, Outcome};
use crate::consumer::commit::Commit;
use crate::consumer::group::ConsumerGroup;
use crate::coordinator::GroupCoordinator;
use crate::record::GroupRecord;
use crate::state::GroupState;
use base::ProducerId;
use coordinator_runtime::{Moment, Token};
use protocol::ErrorCode;
use protocol::internal::offset_commit_value::OffsetCommitValue;
use protocol::messages::txn_offset_commit_request::{TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition};
use protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use std::sync::Arc;

/// Writes the offsets down as those of the producer's transaction: the host has seen to it that the partitions exist, set
/// each topic's id, and knows from the transaction coordinator that the transaction is under way.
pub fn txn_offset_commit(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    request: TxnOffsetCommitRequest,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    if let Err(error) = check(coordinator, state, &request) {
        return answer(token, Answer::TxnOffsetCommit(refused(&request, error)));
    }
    let group: Arc<str> = request.group_id.as_str().into();
    let longest = coordinator.desk.settings.offset_metadata_max_bytes;
    let mut records = Vec::new();
    let mut response = TxnOffsetCommitResponse::default();
    for topic in request.topics {
        let name: Arc<str> = topic.name.as_str().into();
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let fits = !is_too_long(partition.committed_metadata.as_deref(), longest);
            let error = if fits {
                ErrorCode::None
            } else {
                ErrorCode::OffsetMetadataTooLarge
            };
            partitions.push(TxnOffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: error.code(),
            });
            if fits {
                records.push(GroupRecord::Offset {
                    group: Arc::clone(&group),
                    topic: Arc::clone(&name),
                    partition: partition.partition_index,
                    value: Some(value(partition, moment.wall.0)),
                    producer: ProducerId(request.producer_id),
                });
            }
        }
        response.topics.push(TxnOffsetCommitResponseTopic {
            name: topic.name,
            topic_id: topic.topic_id,
            partitions,
        });
    }
    answer_with(records, token, Answer::TxnOffsetCommit(response))
}

fn check(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    request: &TxnOffsetCommitRequest,
) -> Result<(), ErrorCode> {
    let generation = request.generation_id_or_member_epoch;
    if let Some(group) = state.consumer(&request.group_id) {
        return check_consumer(coordinator, group, request);
    }
    let Some((group, _)) = coordinator.open(state, &request.group_id) else {
        return if generation < 0 {
            Ok(())
        } else {
            Err(ErrorCode::IllegalGeneration)
        };
    };
    validate::txn_offset_commit(
        group,
        &request.member_id,
        request.group_instance_id.as_deref(),
        generation,
    )
}

/// Members of consumer groups commit by their epoch, as in OffsetCommit; what is wrong with it is ILLEGAL_GENERATION, which
/// producers know.
fn check_consumer(
    coordinator: &GroupCoordinator,
    group: &ConsumerGroup,
    request: &TxnOffsetCommitRequest,
) -> Result<(), ErrorCode> {
    let epoch = request.generation_id_or_member_epoch;
    let longest = coordinator.desk.settings.offset_metadata_max_bytes;
    if epoch == -1 && request.member_id.is_empty() && request.group_instance_id.is_none() {
        return Ok(());
    }
    let told = |error| match error {
        ErrorCode::StaleMemberEpoch => ErrorCode::IllegalGeneration,
        other => other,
    };
    let commit = Commit::of(group, &request.member_id, epoch).map_err(told)?;
    for topic in &request.topics {
        for partition in &topic.partitions {
            if !is_too_long(partition.committed_metadata.as_deref(), longest) {
                commit.check(topic.topic_id, partition.partition_index).map_err(told)?;
            }
        }
    }
    Ok(())
}

fn value(partition: TxnOffsetCommitRequestPartition, now: i64) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.unwrap_or_default(),
        commit_timestamp: now,
        expire_timestamp: -1,
        // These requests name topics by their names alone, and Kafka adds no id, other than to an OffsetCommit's record.
        topic_id: base::Uuid::ZERO,
    }
}

/// The same error for every partition.
pub fn refused(request: &TxnOffsetCommitRequest, error: ErrorCode) -> TxnOffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| TxnOffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| TxnOffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: error.code(),
            })
            .collect(),
    });
    TxnOffsetCommitResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}
