//! OffsetDelete (47): forgets offsets of topics that no member reads.
//! Errors: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP (unless consumers, whose topics are known), INVALID_GROUP_ID; per
//! partition GROUP_SUBSCRIBED_TO_TOPIC. KIP-496.

use super::{answer, answer_with};
use crate::classic::group::Phase;
use crate::completion::{Answer, Outcome};
use crate::coordinator::GroupCoordinator;
use crate::record::GroupRecord;
use crate::state::GroupState;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::messages::offset_delete_request::OffsetDeleteRequest;
use protocol::messages::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use std::sync::Arc;

/// Deletes for every partition of the request: the host has seen to it that they exist.
pub fn offset_delete(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    request: OffsetDeleteRequest,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    let consumer = state.consumer(&request.group_id);
    let error = match coordinator.open(state, &request.group_id) {
        _ if request.group_id.is_empty() => ErrorCode::InvalidGroupId,
        _ if consumer.is_some() => ErrorCode::None,
        None => ErrorCode::GroupIdNotFound,
        Some((group, _)) if group.phase != Phase::Empty && !group.uses_consumer_protocol() => ErrorCode::NonEmptyGroup,
        Some(_) => ErrorCode::None,
    };
    if error != ErrorCode::None {
        let response = OffsetDeleteResponse {
            error_code: error.code(),
            ..Default::default()
        };
        return answer(token, Answer::OffsetDelete(response));
    }
    let id: Arc<str> = request.group_id.as_str().into();
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let name: Arc<str> = topic.name.as_str().into();
        let classic = coordinator.groups.get(&id);
        let is_read = consumer.is_some_and(|group| group.is_subscribed_to(&name))
            || classic.is_some_and(|group| group.is_subscribed_to(&name));
        let error = if is_read {
            ErrorCode::GroupSubscribedToTopic
        } else {
            ErrorCode::None
        };
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let partition_index = partition.partition_index;
            let place = (Arc::clone(&name), partition_index);
            let is_there = state.group(&id).is_some_and(|group| group.offsets.contains_key(&place));
            if !is_read && (is_there || state.is_pending(&id, &place)) {
                records.push(GroupRecord::no_offset(&id, &name, partition_index));
            }
            partitions.push(OffsetDeleteResponsePartition {
                partition_index,
                error_code: error.code(),
            });
        }
        topics.push(OffsetDeleteResponseTopic {
            name: topic.name,
            partitions,
        });
    }
    answer_with(
        records,
        token,
        Answer::OffsetDelete(OffsetDeleteResponse {
            topics,
            ..Default::default()
        }),
    )
}
