//! What a follower asks of a leader.

use super::lane::Follow;
use super::session::{PartitionId, Plan, Position};
use crate::Broker;
use base::NodeId;
use client::{Channel, ClientError};
use metadata::MetadataVersion;
use partition::NextFetch;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, ReplicaState};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The first version in which a follower tells its registration too (KIP-903).
const STATES_FROM: i16 = 15;

/// The version in which to fetch: what the cluster's metadata.version lets brokers speak among themselves, and no more
/// than the leader knows.
pub(super) fn version(broker: &Broker, channel: &Channel) -> Result<i16, ClientError> {
    let agreed = agreed_version(broker.image.borrow().image.features.metadata_version_or_minimum());
    let known = channel.version::<FetchRequest>()?;
    Ok(agreed.min(known))
}

/// As Kafka's brokers choose it.
fn agreed_version(version: MetadataVersion) -> i16 {
    const BY_LEVEL: [(i16, i16); 5] = [(27, 18), (21, 17), (19, 16), (10, 15), (9, 14)];
    let found = BY_LEVEL.iter().find(|(level, _)| version.0 >= *level);
    found.map_or(13, |(_, fetch)| *fetch)
}

/// Where a partition stands; none if its directory has failed, it follows that leader no more, or its log is not yet
/// safe up to its end.
pub(super) fn position(source: NodeId, follow: &Follow, max_bytes: i32) -> Option<Position> {
    if follow.hosted.dir().is_offline() {
        return None;
    }
    let next = follow.hosted.lock_quietly().next_fetch();
    let NextFetch::At(at) = next else { return None };
    if at.leader != source || at.current_leader_epoch != follow.epoch {
        return None;
    }
    Some(Position {
        fetch_offset: at.offset.0,
        log_start_offset: at.log_start_offset.0,
        leader_epoch: follow.epoch.0,
        last_fetched_epoch: at.last_fetched_epoch.0,
        max_bytes,
    })
}

/// The request. It waits at the leader no longer than `until_due`, when a partition that pauses is to be asked for again.
pub(super) fn build(broker: &Broker, version: i16, plan: Plan, until_due: Option<Duration>) -> FetchRequest {
    let config = broker.config.load();
    let replication = &config.replication;
    let due_ms = until_due.map_or(i32::MAX, |due| i32::try_from(due.as_millis() + 1).unwrap_or(i32::MAX));
    let replica_epoch = broker.epoch.load(Ordering::Acquire);
    let (replica_id, replica_state) = if version >= STATES_FROM {
        let replica_id = broker.node.0;
        (
            -1,
            ReplicaState {
                replica_id,
                replica_epoch,
            },
        )
    } else {
        (broker.node.0, ReplicaState::default())
    };
    FetchRequest {
        replica_id,
        replica_state,
        max_wait_ms: replication.replica_fetch_wait_max_ms.min(due_ms),
        min_bytes: replication.replica_fetch_min_bytes,
        max_bytes: replication.replica_fetch_response_max_bytes,
        session_id: plan.session_id,
        session_epoch: plan.session_epoch,
        topics: topics(plan.named),
        forgotten_topics_data: forgotten(plan.forgotten),
        ..FetchRequest::default()
    }
}

/// Neighbours of one topic are named together; the order stays.
fn topics(named: Vec<(PartitionId, Position)>) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (id, position) in named {
        let partition = FetchPartition {
            partition: id.index,
            current_leader_epoch: position.leader_epoch,
            fetch_offset: position.fetch_offset,
            last_fetched_epoch: position.last_fetched_epoch,
            log_start_offset: position.log_start_offset,
            partition_max_bytes: position.max_bytes,
            ..FetchPartition::default()
        };
        match topics.last_mut().filter(|topic| topic.topic_id == id.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: String::new(),
                topic_id: id.topic,
                partitions: vec![partition],
            }),
        }
    }
    topics
}

fn forgotten(ids: Vec<PartitionId>) -> Vec<ForgottenTopic> {
    let mut topics: Vec<ForgottenTopic> = Vec::new();
    for id in ids {
        match topics.last_mut().filter(|topic| topic.topic_id == id.topic) {
            Some(topic) => topic.partitions.push(id.index),
            None => topics.push(ForgottenTopic {
                topic: String::new(),
                topic_id: id.topic,
                partitions: vec![id.index],
            }),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Uuid;

    #[test]
    fn the_fetch_version_follows_the_metadata_version() {
        let of = |level| agreed_version(MetadataVersion(level));
        assert_eq!(
            (of(7), of(9), of(10), of(18), of(19), of(21), of(26), of(30)),
            (13, 14, 15, 15, 16, 17, 17, 18)
        );
    }

    #[test]
    fn neighbours_of_a_topic_are_named_together() {
        let id = |topic, index| PartitionId {
            topic: Uuid([topic; 16]),
            index,
        };
        let topics = forgotten(vec![id(1, 0), id(1, 1), id(2, 0)]);
        let named: Vec<(Uuid, Vec<i32>)> = topics
            .into_iter()
            .map(|topic| (topic.topic_id, topic.partitions))
            .collect();
        assert_eq!(named, [(Uuid([1; 16]), vec![0, 1]), (Uuid([2; 16]), vec![0])]);
    }
}
