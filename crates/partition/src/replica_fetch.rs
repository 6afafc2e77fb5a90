//! The leader's side of replication: a follower's fetch tells how far it has come, and is answered from the log.

use crate::fetch::{FetchView, Parked};
use crate::leadership::{EpochError, Leading};
use crate::partition::Partition;
use crate::progress::Told;
use crate::proposal::IsrProposal;
use crate::wakes::{Signal, Wakes};
use base::{BrokerEpoch, Instant, LeaderEpoch, NodeId, Offset};
use std::sync::Arc;
use storage::EpochEndOffset;

/// A follower's fetch of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaFetch {
    /// Who fetches.
    pub replica: NodeId,
    /// The registration it has; [`BrokerEpoch::NONE`] from one that does not tell.
    pub broker_epoch: BrokerEpoch,
    /// The epoch it takes this replica to lead in; [`LeaderEpoch::NONE`] if it does not tell.
    pub current_leader_epoch: LeaderEpoch,
    /// It has everything below.
    pub offset: Offset,
    /// The epoch of its last record; [`LeaderEpoch::NONE`] if it does not tell.
    pub last_fetched_epoch: LeaderEpoch,
    /// Its log's start.
    pub log_start_offset: Offset,
}

/// The answer to a follower's fetch, to be read without the lock.
#[derive(Clone, Debug)]
pub struct ReplicaView {
    /// To be read from the follower's offset to the log's end, unless the logs diverge.
    pub view: FetchView,
    /// Where they do: then no records are sent.
    pub diverging: Option<EpochEndOffset>,
}

/// What a follower's fetch changed.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// To be sent in an AlterPartition: the follower has come into sync.
    pub proposal: Option<IsrProposal>,
    /// Who may go on.
    pub wakes: Wakes,
}

/// Why a fetch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaFetchRefused {
    /// FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH or NOT_LEADER_OR_FOLLOWER.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    /// UNKNOWN_LEADER_EPOCH if the follower named the leader's epoch (its metadata is ahead of ours: a reassignment that
    /// we have not heard of), else NOT_LEADER_OR_FOLLOWER.
    #[error("{0} is no replica that this leader knows")]
    UnknownReplica(NodeId),
    /// NOT_LEADER_OR_FOLLOWER: the broker has been registered anew since; what it acknowledges may be lost (KIP-903).
    #[error("the fetch comes from registration {0}, which is no longer the broker's")]
    StaleBrokerEpoch(BrokerEpoch),
    /// OFFSET_OUT_OF_RANGE.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

/// The offset, or the epoch of the last record before it, is not of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset} is not within [{start}, {end}], or its epoch is not known")]
pub struct OutOfRange {
    /// The offset asked for.
    pub offset: Offset,
    /// The log's start.
    pub start: Offset,
    /// The log's end.
    pub end: Offset,
}

/// A follower, as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follower {
    /// The replica.
    pub node: NodeId,
    /// Its log's end; [`Offset::NONE`] before it has fetched in this leader epoch.
    pub log_end_offset: Offset,
    /// Its log's start; [`Offset::NONE`] before it has fetched.
    pub log_start_offset: Offset,
    /// When it last had all that the leader had then.
    pub last_caught_up: Option<Instant>,
    /// Whether it is in sync, as the controller has committed it.
    pub is_in_sync: bool,
}

impl Follower {
    /// Whether a consumer may be sent there for what it asks at `offset` (KIP-392).
    pub fn can_serve(&self, offset: Offset) -> bool {
        self.is_in_sync && self.log_end_offset >= offset && self.log_start_offset <= offset
    }
}

impl Partition {
    /// Answers a follower's fetch, and counts it as its acknowledgement of everything below.
    pub fn replica_fetch(
        &mut self,
        fetch: &ReplicaFetch,
        now: Instant,
    ) -> Result<(ReplicaView, Acknowledged), ReplicaFetchRefused> {
        let found = self.replica_read(fetch)?;
        if found.diverging.is_some() {
            // It will cut its log: what it has is not what we have.
            return Ok((found, Acknowledged::default()));
        }
        if self.brokers.is_outdated(fetch.replica, fetch.broker_epoch) {
            return Err(ReplicaFetchRefused::StaleBrokerEpoch(fetch.broker_epoch));
        }
        let acknowledged = self.acknowledged(fetch, now);
        Ok((found, acknowledged))
    }

    /// Answers a follower's fetch that waited. What it told counted when it came.
    pub fn replica_read(&self, fetch: &ReplicaFetch) -> Result<ReplicaView, ReplicaFetchRefused> {
        self.role.leader_at(fetch.current_leader_epoch)?;
        let leading = self.role.leading().map_err(EpochError::NotLeader)?;
        if !leading.followers.contains_key(&fetch.replica) {
            return Err(ReplicaFetchRefused::UnknownReplica(fetch.replica));
        }
        let diverging = self.diverging(fetch.offset, fetch.last_fetched_epoch)?;
        if diverging.is_none() {
            self.check_range(fetch.offset)?;
        }
        Ok(ReplicaView {
            view: self.view(leading.leadership.epoch),
            diverging,
        })
    }

    fn acknowledged(&mut self, fetch: &ReplicaFetch, now: Instant) -> Acknowledged {
        let end = self.log.log_end_offset();
        let low_before = self.low_watermark();
        let Ok(leading) = self.role.leading_mut() else {
            return Acknowledged::default();
        };
        leading.tell_time(now);
        let told = Told {
            log_end: fetch.offset,
            log_start: fetch.log_start_offset,
            broker_epoch: fetch.broker_epoch,
        };
        if let Some(follower) = leading.followers.get_mut(&fetch.replica) {
            follower.fetched(told, end, now);
        }
        let proposal = self.expand_isr(fetch.replica);
        let mut wakes = self.advance_high_watermark();
        let low = self.low_watermark();
        if low > low_before {
            wakes.merge(self.deletes.reached(low));
        }
        Acknowledged { proposal, wakes }
    }

    /// Where the log of a fetcher whose last record is of `last_fetched_epoch` parts from this one, if it does.
    pub fn diverging(
        &self,
        offset: Offset,
        last_fetched_epoch: LeaderEpoch,
    ) -> Result<Option<EpochEndOffset>, OutOfRange> {
        if last_fetched_epoch < LeaderEpoch(0) {
            return Ok(None);
        }
        let end = self.log.end_offset_for_epoch(last_fetched_epoch);
        let is_unknown = end.epoch == LeaderEpoch::NONE || end.end_offset == Offset::NONE;
        if is_unknown || offset < self.log.log_start_offset() {
            return Err(self.out_of(offset));
        }
        let diverges = end.epoch < last_fetched_epoch || end.end_offset < offset;
        Ok(diverges.then_some(end))
    }

    fn check_range(&self, offset: Offset) -> Result<(), OutOfRange> {
        if offset < self.log.log_start_offset() || offset > self.log.log_end_offset() {
            Err(self.out_of(offset))
        } else {
            Ok(())
        }
    }

    fn out_of(&self, offset: Offset) -> OutOfRange {
        OutOfRange {
            offset,
            start: self.log.log_start_offset(),
            end: self.log.log_end_offset(),
        }
    }

    /// Parks a follower's fetch from `offset`, which is the log's end: the signal is raised once there is more. A high
    /// watermark that moves wakes nobody here: the follower hears of it with the next records.
    pub fn park_replica_fetch(&mut self, signal: &Arc<Signal>, offset: Offset) -> Parked {
        if self.role.leader().is_err() || self.log.log_end_offset() > offset {
            return Parked::DueNow;
        }
        self.replica_fetches.park(signal, offset.next());
        Parked::Waiting
    }

    /// The other replicas, if this one leads.
    pub fn followers(&self) -> impl Iterator<Item = Follower> {
        let leading = self.role.leading().ok();
        let end = self.log.log_end_offset();
        leading.into_iter().flat_map(move |leading| {
            let Leading {
                leadership, followers, ..
            } = leading;
            followers.iter().map(move |(node, follower)| Follower {
                node: *node,
                log_end_offset: follower.log_end,
                log_start_offset: follower.log_start,
                last_caught_up: follower.last_caught_up(end),
                is_in_sync: leadership.isr.contains(node),
            })
        })
    }
}
