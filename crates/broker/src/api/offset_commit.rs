//! OffsetCommit (key 8): where a group reads on.
//!
//! Errors, per partition: UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID (topics are ids from version 10, KIP-848),
//! OFFSET_METADATA_TOO_LARGE, GROUP_ID_NOT_FOUND (ILLEGAL_GENERATION before version 9), UNKNOWN_MEMBER_ID,
//! FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR,
//! COORDINATOR_NOT_AVAILABLE (not written in time). Whoever is not a member may commit while the group has none.

use crate::Broker;
use crate::coordinators::ask::{Patience, ask};
use base::Uuid;
use group_coordinator::Answer;
use group_coordinator::op::offset_commit::{UnknownGroup, offset_commit, refused};
use metadata::MetadataImage;
use metadata::image::TopicImage;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::offset_commit_request::{OffsetCommitRequest, OffsetCommitRequestTopic};
use protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use std::sync::Arc;

const GROUP_ID_NOT_FOUND_FROM: i16 = 9;
const TOPIC_IDS_FROM: i16 = 10;

/// Commits for what exists, and answers for the rest.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, mut request: OffsetCommitRequest) -> OffsetCommitResponse {
    let image = Arc::clone(&broker.image.borrow().image);
    let mut absent = Vec::new();
    let mut known = Vec::with_capacity(request.topics.len());
    for topic in std::mem::take(&mut request.topics) {
        known.extend(sort(&image, context, topic, &mut absent));
    }
    request.topics = known;
    if request.topics.is_empty() {
        return OffsetCommitResponse { topics: absent, ..Default::default() };
    }
    let unknown_group = if context.api_version < GROUP_ID_NOT_FOUND_FROM {
        UnknownGroup::AsGeneration
    } else {
        UnknownGroup::Said
    };
    let group = request.group_id.clone();
    let asked = request.clone();
    let operate =
        |coordinator: &mut _, state: &_, moment, token| offset_commit(coordinator, state, moment, asked, unknown_group, token);
    let mut response = match ask(broker, &group, Patience::ForCommit, operate).await {
        Ok(Answer::OffsetCommit(response)) => response,
        Ok(_) => refused(&request, ErrorCode::UnknownServerError),
        Err(error) => refused(&request, error),
    };
    for topic in absent {
        merge(&mut response.topics, topic);
    }
    if context.api_version < TOPIC_IDS_FROM {
        response.topics.iter_mut().for_each(|topic| topic.topic_id = Uuid::ZERO);
    }
    response
}

/// What of a topic exists, with both its names; the rest is answered.
fn sort(
    image: &MetadataImage,
    context: &RequestContext,
    mut topic: OffsetCommitRequestTopic,
    absent: &mut Vec<OffsetCommitResponseTopic>,
) -> Option<OffsetCommitRequestTopic> {
    let by_id = context.api_version >= TOPIC_IDS_FROM;
    let found: Option<&Arc<TopicImage>> =
        if by_id { image.topics.get_by_id(topic.topic_id) } else { image.topics.get(&topic.name) };
    let error = if found.is_none() && by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
    if let Some(found) = found {
        topic.name = found.name.to_string();
        topic.topic_id = found.id;
    }
    let exists = |index: i32| found.is_some_and(|found| found.partition(index).is_some());
    let (known, unknown): (Vec<_>, Vec<_>) =
        std::mem::take(&mut topic.partitions).into_iter().partition(|partition| exists(partition.partition_index));
    if !unknown.is_empty() {
        absent.push(OffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: if by_id { topic.topic_id } else { Uuid::ZERO },
            partitions: unknown
                .iter()
                .map(|partition| OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: error.code(),
                })
                .collect(),
        });
    }
    topic.partitions = known;
    (!topic.partitions.is_empty()).then_some(topic)
}

fn merge(topics: &mut Vec<OffsetCommitResponseTopic>, more: OffsetCommitResponseTopic) {
    match topics.iter_mut().find(|topic| topic.name == more.name && !more.name.is_empty()) {
        Some(topic) => topic.partitions.extend(more.partitions),
        None => topics.push(more),
    }
}
