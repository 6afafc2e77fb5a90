//! Fetch, as a leader answers the replicas that pull its log.

use crate::config::Now;
use crate::effect::Effect;
use crate::log_shape::{Divergence, LogPosition};
use crate::raft::Raft;
use crate::replica::ReplicaKey;
use crate::snapshot_id::SnapshotId;
use crate::state::State;
use base::{LeaderEpoch, NodeId, Offset};

/// What the leader has for a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchAnswer {
    /// Records from the asked offset on, up to the end of the log, committed or not; none yet if the replica is at the
    /// end.
    Records {
        /// The high watermark to report; -1 while unknown.
        high_watermark: Offset,
    },
    /// The replica's log leaves ours: it truncates to this position.
    Diverging(LogPosition),
    /// The replica needs this snapshot.
    Snapshot(SnapshotId),
}

/// Why a replica gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchRefusal {
    /// This replica does not lead.
    #[error("not the leader of the metadata quorum")]
    NotLeader {
        /// Who does, if known.
        leader: NodeId,
        /// The current epoch.
        epoch: LeaderEpoch,
    },
    /// The request is of an older epoch.
    #[error("the request's epoch is older than {epoch}")]
    FencedEpoch {
        /// The current epoch.
        epoch: LeaderEpoch,
    },
    /// The request is of a newer epoch.
    #[error("the request's epoch is newer than {epoch}")]
    UnknownEpoch {
        /// The current epoch.
        epoch: LeaderEpoch,
    },
    /// Numbers that no replica has.
    #[error("the fetch position is not one a replica can have")]
    Invalid,
}

impl Raft {
    /// A replica asks for the log from `position` on, believing that `epoch` is current (-1: it does not say).
    /// `replica` is `None` for a reader that is no replica, such as a tool. What it has may move the high watermark.
    ///
    /// # Errors
    /// Why it gets nothing.
    pub fn on_fetch(
        &mut self,
        now: Now,
        replica: Option<ReplicaKey>,
        epoch: LeaderEpoch,
        position: LogPosition,
        out: &mut Vec<Effect>,
    ) -> Result<FetchAnswer, FetchRefusal> {
        self.check_leads_in(epoch)?;
        let newest = self.state.epoch();
        let negative = position.offset < Offset::ZERO || position.epoch < LeaderEpoch(0);
        if negative || position.epoch > newest {
            return Err(FetchRefusal::Invalid);
        }
        let divergence = self.shape.divergence(position);
        if let Some(replica) = replica.filter(|replica| replica.id != self.config.own.id) {
            let end = (divergence == Divergence::None).then_some(position.offset);
            self.on_pull(now, replica, end, out);
        }
        Ok(match divergence {
            Divergence::At(position) => FetchAnswer::Diverging(position),
            Divergence::Snapshot(id) => FetchAnswer::Snapshot(id),
            Divergence::None => FetchAnswer::Records {
                high_watermark: self
                    .leader()
                    .and_then(|leader| leader.high_watermark())
                    .unwrap_or(Offset::NONE),
            },
        })
    }

    /// A replica asks for a piece of a snapshot, which the host has if anyone: that shows that the replica lives.
    ///
    /// # Errors
    /// Why it gets nothing.
    pub fn on_fetch_snapshot(
        &mut self,
        now: Now,
        replica: Option<ReplicaKey>,
        epoch: LeaderEpoch,
        out: &mut Vec<Effect>,
    ) -> Result<(), FetchRefusal> {
        self.check_leads_in(epoch)?;
        if let Some(replica) = replica.filter(|replica| replica.id != self.config.own.id) {
            self.on_pull(now, replica, None, out);
        }
        Ok(())
    }

    fn check_leads_in(&self, epoch: LeaderEpoch) -> Result<(), FetchRefusal> {
        self.check_epoch(epoch)?;
        match &self.state {
            State::Leader(_) => Ok(()),
            State::Unattached(_)
            | State::Prospective(_)
            | State::Candidate(_)
            | State::Follower(_)
            | State::Resigned(_) => Err(FetchRefusal::NotLeader {
                leader: self.leadership().leader.unwrap_or(NodeId::NONE),
                epoch: self.state.epoch(),
            }),
        }
    }

    /// Whether a request of `epoch` (-1: any) is of the current one.
    ///
    /// # Errors
    /// That it is older, or newer.
    pub fn check_epoch(&self, epoch: LeaderEpoch) -> Result<(), FetchRefusal> {
        let current = self.state.epoch();
        if epoch == LeaderEpoch::NONE || epoch == current {
            return Ok(());
        }
        if epoch < current {
            return Err(FetchRefusal::FencedEpoch { epoch: current });
        }
        Err(FetchRefusal::UnknownEpoch { epoch: current })
    }
}
