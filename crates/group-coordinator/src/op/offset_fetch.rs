//! OffsetFetch (9): where a group reads on, for some partitions or for all it has.
//! Errors of a consumer group: UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH (ILLEGAL_GENERATION for its classic members).
//! An offset that is not there is -1, also for a group that does not exist. UNSTABLE_OFFSET_COMMIT (KIP-447) where a
//! transaction is open and the client wants to wait for it. An offset of another topic that had the same name is none.

use super::answer;
use crate::completion::{Answer, Outcome};
use crate::consumer::commit::check_fetch;
use crate::state::{CommittedOffset, GroupState, Place};
use base::Uuid;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use std::sync::Arc;

/// Whether offsets of open transactions are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// What is committed will do.
    AsCommitted,
    /// Unstable offsets are an error, and what is being written is waited for.
    Required,
}

/// What is committed: to be asked of the committed state.
pub fn offset_fetch(committed: &GroupState, request: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    look_up(committed, request, Stability::AsCommitted)
}

/// What is committed once everything written is: to be asked of the newest state.
pub fn stable_offset_fetch(state: &GroupState, request: &OffsetFetchRequestGroup, token: Token) -> Outcome {
    answer(token, Answer::OffsetFetch(look_up(state, request, Stability::Required)))
}

fn look_up(state: &GroupState, request: &OffsetFetchRequestGroup, stability: Stability) -> OffsetFetchResponseGroup {
    let group: Arc<str> = request.group_id.as_str().into();
    if let Some(consumer) = state.consumer(&group)
        && let Err(error) = check_fetch(consumer, request.member_id.as_deref(), request.member_epoch)
    {
        return OffsetFetchResponseGroup {
            group_id: request.group_id.clone(),
            error_code: error.code(),
            ..Default::default()
        };
    }
    let topics = match &request.topics {
        Some(topics) => topics
            .iter()
            .map(|topic| of_topic(state, &group, topic, stability))
            .collect(),
        None => all(state, &group, stability),
    };
    OffsetFetchResponseGroup {
        group_id: request.group_id.clone(),
        topics,
        ..Default::default()
    }
}

fn of_topic(
    state: &GroupState,
    group: &Arc<str>,
    topic: &OffsetFetchRequestTopics,
    stability: Stability,
) -> OffsetFetchResponseTopics {
    let name: Arc<str> = topic.name.as_str().into();
    let stored = state.group(group);
    let partitions = topic.partition_indexes.iter().map(|index| {
        let place = (Arc::clone(&name), *index);
        let committed = stored.and_then(|stored| stored.offsets.get(&place));
        let committed = committed.filter(|committed| is_of(committed, topic.topic_id));
        of_partition(state, group, &place, committed, stability)
    });
    OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}

fn is_of(committed: &CommittedOffset, topic: Uuid) -> bool {
    committed.topic_id == Uuid::ZERO || topic == Uuid::ZERO || committed.topic_id == topic
}

fn all(state: &GroupState, group: &Arc<str>, stability: Stability) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    let Some(stored) = state.group(group) else {
        return topics;
    };
    for (place, committed) in &stored.offsets {
        let partition = of_partition(state, group, place, Some(committed), stability);
        match topics.last_mut() {
            Some(topic) if topic.name == *place.0 => topic.partitions.push(partition),
            _ => topics.push(OffsetFetchResponseTopics {
                name: place.0.to_string(),
                topic_id: committed.topic_id,
                partitions: vec![partition],
            }),
        }
    }
    topics
}

fn of_partition(
    state: &GroupState,
    group: &Arc<str>,
    place: &Place,
    committed: Option<&CommittedOffset>,
    stability: Stability,
) -> OffsetFetchResponsePartitions {
    let nothing = OffsetFetchResponsePartitions {
        partition_index: place.1,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(String::new()),
        error_code: ErrorCode::None.code(),
    };
    match committed {
        _ if stability == Stability::Required && state.is_pending(group, place) => OffsetFetchResponsePartitions {
            error_code: ErrorCode::UnstableOffsetCommit.code(),
            ..nothing
        },
        None => nothing,
        Some(committed) => OffsetFetchResponsePartitions {
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            metadata: Some(committed.metadata.to_string()),
            ..nothing
        },
    }
}
