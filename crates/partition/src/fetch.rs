//! What a reader may see.

use crate::leadership::EpochError;
use crate::partition::Partition;
use crate::wakes::Signal;
use base::{LeaderEpoch, Offset};
use std::sync::Arc;
use storage::LogView;

/// Up to where a consumer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Up to the high watermark.
    ReadUncommitted,
    /// Up to the last stable offset, with the list of aborted transactions.
    ReadCommitted,
}

impl IsolationLevel {
    /// The value on the wire, if it is a legal one.
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::ReadUncommitted),
            1 => Some(Self::ReadCommitted),
            _ => None,
        }
    }
}

/// A partition as one fetch sees it: taken under the lock, read without it.
#[derive(Clone, Debug)]
pub struct FetchView {
    /// For reading.
    pub log: LogView,
    /// The epoch of the leader that answers.
    pub leader_epoch: LeaderEpoch,
    /// The high watermark.
    pub high_watermark: Offset,
    /// The last stable offset.
    pub last_stable_offset: Offset,
    /// The log's start.
    pub log_start_offset: Offset,
    /// The log's end.
    pub log_end_offset: Offset,
}

impl FetchView {
    /// The offset that a consumer of this isolation level does not read past.
    pub fn bound(&self, isolation: IsolationLevel) -> Offset {
        match isolation {
            IsolationLevel::ReadUncommitted => self.high_watermark,
            IsolationLevel::ReadCommitted => self.last_stable_offset,
        }
    }
}

/// Which replica a reader is content with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// The leader only.
    Leader,
    /// A follower will do (KIP-392): up to the high watermark that it has heard of.
    AnyReplica,
}

impl Partition {
    /// The partition as a reader sees it now, if this replica leads in the epoch that the reader knows.
    pub fn fetch_view(&self, requested: LeaderEpoch) -> Result<FetchView, EpochError> {
        let leader_epoch = self.role.leader_at(requested)?.epoch;
        Ok(self.view(leader_epoch))
    }

    /// The partition as a reader sees it now, if the epoch that the reader knows is the leader's, whoever that is.
    pub fn replica_view(&self, requested: LeaderEpoch) -> Result<FetchView, EpochError> {
        self.role.check_epoch(requested)?;
        Ok(self.view(self.role.epoch()))
    }

    pub(crate) fn view(&self, leader_epoch: LeaderEpoch) -> FetchView {
        FetchView {
            log: self.log.view(),
            leader_epoch,
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable_offset(),
            log_start_offset: self.log.log_start_offset(),
            log_end_offset: self.log.log_end_offset(),
        }
    }

    /// Whether this leader has yet to hear how far its predecessors had committed: until then nobody is told where the
    /// partition ends, lest a consumer goes back (KIP-207): OFFSET_NOT_AVAILABLE.
    pub fn is_end_unknown(&self) -> bool {
        self.role
            .leading()
            .is_ok_and(|leading| leading.epoch_start > self.high_watermark)
    }

    /// Parks a fetch that has read up to `bound`: the signal is raised once the isolation level's bound passes it. Answers
    /// whether it has passed it already, so that nothing is missed between the read and the parking.
    pub fn park_fetch(&mut self, signal: &Arc<Signal>, bound: Offset, isolation: IsolationLevel) -> Parked {
        self.park_read(signal, bound, isolation, ReadFrom::Leader)
    }

    /// As [`Partition::park_fetch`], for a reader that may be content with a follower.
    pub fn park_read(
        &mut self,
        signal: &Arc<Signal>,
        bound: Offset,
        isolation: IsolationLevel,
        from: ReadFrom,
    ) -> Parked {
        let (reached, waiting) = match isolation {
            IsolationLevel::ReadUncommitted => (self.high_watermark, &mut self.fetches),
            IsolationLevel::ReadCommitted => (self.last_stable_offset(), &mut self.stable_fetches),
        };
        let may_wait = from == ReadFrom::AnyReplica || self.role.leader().is_ok();
        if reached > bound || !may_wait {
            return Parked::DueNow;
        }
        waiting.park(signal, bound.next());
        Parked::Waiting
    }
}

/// Whether a parked fetch has to wait at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// It waits.
    Waiting,
    /// What it would wait for is there.
    DueNow,
}
