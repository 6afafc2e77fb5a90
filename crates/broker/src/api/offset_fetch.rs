//! OffsetFetch (key 9): where a group reads on.
//!
//! A partition without an offset is -1, as is every partition of a group that does not exist. Errors, per group:
//! COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR; per partition UNSTABLE_OFFSET_COMMIT (version 7 on, if stable offsets
//! are required, KIP-447) and UNKNOWN_TOPIC_ID (topics are ids from 10). All partitions of a group from 2, several groups
//! from 8 (KIP-709). Version 1 has no error of the response: its partitions carry it.

use crate::Broker;
use crate::coordinators::ask::{Patience, ask, look};
use base::Uuid;
use group_coordinator::Answer;
use group_coordinator::op::offset_fetch::{offset_fetch, stable_offset_fetch};
use metadata::MetadataImage;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use std::sync::Arc;

const ERROR_FROM: i16 = 2;
const GROUPS_FROM: i16 = 8;
const TOPIC_IDS_FROM: i16 = 10;

/// Answers for each group.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let image = Arc::clone(&broker.image.borrow().image);
    let stable = request.require_stable;
    if context.api_version < GROUPS_FROM {
        let group = old_group(request);
        let fetched = fetch(broker, &group, stable).await;
        return old_response(context.api_version, &group, fetched);
    }
    let mut groups = Vec::with_capacity(request.groups.len());
    for mut group in request.groups {
        if context.api_version < TOPIC_IDS_FROM {
            groups.push(fetch(broker, &group, stable).await);
            continue;
        }
        let unknown = resolve(&image, &mut group);
        let mut fetched = fetch(broker, &group, stable).await;
        if fetched.error_code == 0 {
            name_by_id(&image, &mut fetched);
            fetched.topics.extend(unknown);
        }
        groups.push(fetched);
    }
    OffsetFetchResponse { groups, ..Default::default() }
}

async fn fetch(broker: &Broker, group: &OffsetFetchRequestGroup, stable: bool) -> OffsetFetchResponseGroup {
    let fetched = if stable {
        let operate = |_: &mut _, state: &_, _, token| stable_offset_fetch(state, group, token);
        match ask(broker, &group.group_id, Patience::ForCommit, operate).await {
            Ok(Answer::OffsetFetch(fetched)) => Ok(fetched),
            Ok(_) => Err(ErrorCode::UnknownServerError),
            // Older consumers do not retry the error that this would be elsewhere.
            Err(ErrorCode::CoordinatorNotAvailable) => Err(ErrorCode::NotCoordinator),
            Err(error) => Err(error),
        }
    } else {
        look(broker, &group.group_id, |_, committed| offset_fetch(committed, group))
    };
    fetched.unwrap_or_else(|error| OffsetFetchResponseGroup {
        group_id: group.group_id.clone(),
        error_code: error.code(),
        ..Default::default()
    })
}

/// Gives topics that came as ids their names; answers for those that do not exist.
fn resolve(image: &MetadataImage, group: &mut OffsetFetchRequestGroup) -> Vec<OffsetFetchResponseTopics> {
    let mut unknown = Vec::new();
    let Some(topics) = &mut group.topics else { return unknown };
    topics.retain_mut(|topic| match image.topics.get_by_id(topic.topic_id) {
        Some(found) => {
            topic.name = found.name.to_string();
            true
        }
        None => {
            unknown.push(refused_topic(topic, ErrorCode::UnknownTopicId));
            false
        }
    });
    unknown
}

fn refused_topic(topic: &OffsetFetchRequestTopics, error: ErrorCode) -> OffsetFetchResponseTopics {
    let partitions = topic.partition_indexes.iter().map(|index| OffsetFetchResponsePartitions {
        partition_index: *index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(String::new()),
        error_code: error.code(),
    });
    OffsetFetchResponseTopics { name: topic.name.clone(), topic_id: topic.topic_id, partitions: partitions.collect() }
}

/// A topic that has no id any more cannot be named in this version.
fn name_by_id(image: &MetadataImage, group: &mut OffsetFetchResponseGroup) {
    group.topics.retain_mut(|topic| {
        if topic.topic_id == Uuid::ZERO {
            topic.topic_id = image.topics.id(&topic.name).unwrap_or(Uuid::ZERO);
        }
        topic.topic_id != Uuid::ZERO
    });
}

/// A request from before there were several groups.
fn old_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..Default::default()
        });
        topics.collect()
    });
    OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() }
}

fn old_response(version: i16, group: &OffsetFetchRequestGroup, mut fetched: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let error = ErrorCode::from(fetched.error_code);
    if version < ERROR_FROM && error != ErrorCode::None {
        let asked = group.topics.iter().flatten();
        fetched.topics = asked.map(|topic| refused_topic(topic, error)).collect();
        fetched.error_code = 0;
    }
    let topics = fetched.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(old_partition).collect(),
    });
    OffsetFetchResponse { topics: topics.collect(), error_code: fetched.error_code, ..Default::default() }
}

fn old_partition(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    }
}
