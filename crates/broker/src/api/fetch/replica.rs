//! A follower's look at a partition: to the end of the log, and what it says of itself counts (KIP-595, KIP-903).

use super::looked::{End, Looked, Turn};
use crate::Broker;
use crate::api::list_offsets::epoch_error;
use crate::fetch_session::{Position, Wanted};
use crate::partitions::Hosted;
use crate::replication::PartitionId;
use base::{BrokerEpoch, LeaderEpoch, NodeId, Offset};
use partition::{ReplicaFetch, ReplicaFetchRefused, Wakes};
use protocol::ErrorCode;
use std::sync::Arc;

/// The fetch as the partition knows it.
pub(super) fn fetch(replica: NodeId, broker_epoch: BrokerEpoch, position: &Position) -> ReplicaFetch {
    ReplicaFetch {
        replica,
        broker_epoch,
        current_leader_epoch: LeaderEpoch(position.current_leader_epoch),
        offset: Offset(position.fetch_offset),
        last_fetched_epoch: LeaderEpoch(position.last_fetched_epoch),
        log_start_offset: Offset(position.log_start_offset),
    }
}

/// What the follower gets.
pub(super) fn look(
    broker: &Broker,
    hosted: &Arc<Hosted>,
    wanted: &Wanted,
    fetch: &ReplicaFetch,
    turn: Turn,
    wakes: &mut Wakes,
) -> Result<Looked, ErrorCode> {
    let mut partition = hosted.lock();
    // Before what the fetch acknowledges moves anything: that is told with the next answer.
    let glance = partition.glance();
    let refused = |refused| error_of(refused, fetch);
    let found = match turn {
        Turn::First => {
            let fetched = partition.replica_fetch(fetch, broker.clock.now());
            if fetched.is_err() {
                partition.heard_no_more(fetch.replica);
            }
            let (found, acknowledged) = fetched.map_err(refused)?;
            wakes.merge(acknowledged.wakes);
            if acknowledged.proposal.is_some() {
                broker.measures.replication.isr_expands.add(1);
                let id = PartitionId { topic: partition.topic_id(), index: wanted.key.index };
                broker.alterations.ask(id, hosted);
            }
            found
        }
        Turn::Again => partition.replica_read(fetch).map_err(refused)?,
    };
    let bound = found.view.log_end_offset;
    let end = match found.diverging {
        Some(end) => End::Diverging(end),
        None if is_held_back(broker, hosted, &partition, fetch.replica) => End::HeldBack,
        None => End::Records,
    };
    let is_settled = partition.is_settled(fetch.replica);
    Ok(Looked { view: found.view, bound, end, glance, is_settled })
}

/// Whoever is in sync is never throttled, lest it falls out.
fn is_held_back(broker: &Broker, hosted: &Hosted, partition: &partition::Partition, replica: NodeId) -> bool {
    let throttle = &broker.throttles.leader;
    hosted.throttled().as_leader
        && throttle.is_exceeded(broker.clock.now())
        && !partition.leadership().is_ok_and(|leadership| leadership.isr.contains(&replica))
}

/// The protocol's error for a follower that is refused.
fn error_of(refused: ReplicaFetchRefused, fetch: &ReplicaFetch) -> ErrorCode {
    match refused {
        ReplicaFetchRefused::Epoch(error) => epoch_error(error),
        // It has heard of a reassignment before us.
        ReplicaFetchRefused::UnknownReplica(_) if fetch.current_leader_epoch >= LeaderEpoch(0) => {
            ErrorCode::UnknownLeaderEpoch
        }
        ReplicaFetchRefused::UnknownReplica(_) | ReplicaFetchRefused::StaleBrokerEpoch(_) => {
            ErrorCode::NotLeaderOrFollower
        }
        ReplicaFetchRefused::OutOfRange(_) => ErrorCode::OffsetOutOfRange,
    }
}
