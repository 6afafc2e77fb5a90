//! OffsetDelete (key 47): a group forgets where it was in some partitions (KIP-496).
//!
//! Errors: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP (members of a protocol other than consumers'), INVALID_GROUP_ID,
//! COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR; per partition GROUP_SUBSCRIBED_TO_TOPIC, UNKNOWN_TOPIC_OR_PARTITION.

use crate::Broker;
use crate::coordinators::ask::{Patience, ask};
use group_coordinator::Answer;
use group_coordinator::op::offset_delete::offset_delete;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::offset_delete_request::{OffsetDeleteRequest, OffsetDeleteRequestTopic};
use protocol::messages::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use std::sync::Arc;

/// Deletes for what exists, and answers for the rest.
pub async fn handle(broker: &Arc<Broker>, _context: &RequestContext, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let image = Arc::clone(&broker.image.borrow().image);
    let group = request.group_id;
    let mut absent = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let exists = |index: i32| image.topics.partition(&topic.name, index).is_some();
        let (known, unknown): (Vec<_>, Vec<_>) =
            topic.partitions.into_iter().partition(|partition| exists(partition.partition_index));
        if !unknown.is_empty() {
            let partitions = unknown.iter().map(|partition| OffsetDeleteResponsePartition {
                partition_index: partition.partition_index,
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
            });
            absent.push(OffsetDeleteResponseTopic { name: topic.name.clone(), partitions: partitions.collect() });
        }
        if !known.is_empty() {
            topics.push(OffsetDeleteRequestTopic { name: topic.name, partitions: known });
        }
    }
    let known = OffsetDeleteRequest { group_id: group.clone(), topics };
    let operate = |coordinator: &mut _, state: &_, moment, token| offset_delete(coordinator, state, moment, known, token);
    let mut response = match ask(broker, &group, Patience::ForCommit, operate).await {
        Ok(Answer::OffsetDelete(response)) => response,
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(error) => refused(error),
    };
    if response.error_code == 0 {
        merge(&mut response, absent);
    }
    response
}

fn refused(error: ErrorCode) -> OffsetDeleteResponse {
    OffsetDeleteResponse { error_code: error.code(), ..Default::default() }
}

fn merge(response: &mut OffsetDeleteResponse, absent: Vec<OffsetDeleteResponseTopic>) {
    for more in absent {
        match response.topics.iter_mut().find(|topic| topic.name == more.name) {
            Some(topic) => topic.partitions.extend(more.partitions),
            None => response.topics.push(more),
        }
    }
}
