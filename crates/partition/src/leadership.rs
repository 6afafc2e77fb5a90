//! Whether this replica leads, in which epoch, and with whom.

use base::{LeaderEpoch, NodeId};

/// The leader's part of a partition's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// This node.
    pub node: NodeId,
    /// The epoch it leads in.
    pub epoch: LeaderEpoch,
    /// All replicas.
    pub replicas: Vec<NodeId>,
    /// The replicas in sync, as the controller has committed them.
    pub isr: Vec<NodeId>,
}

impl Leadership {
    /// How many replicas must be in sync before an acks=all append is taken: `min.insync.replicas`, but never more than
    /// there are replicas.
    pub fn effective_min_isr(&self, min_insync_replicas: usize) -> usize {
        min_insync_replicas.min(self.replicas.len())
    }
}

/// Who leads instead of this replica, as far as it knows: NOT_LEADER_OR_FOLLOWER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead; {leader} does, in epoch {epoch}")]
pub struct NotLeader {
    /// The leader, or none.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
}

/// Why a request that names a leader epoch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EpochError {
    /// NOT_LEADER_OR_FOLLOWER.
    #[error(transparent)]
    NotLeader(#[from] NotLeader),
    /// FENCED_LEADER_EPOCH: the client's metadata is older than ours.
    #[error("epoch {requested} is older than {current}")]
    Fenced {
        /// The client's.
        requested: LeaderEpoch,
        /// Ours.
        current: LeaderEpoch,
    },
    /// UNKNOWN_LEADER_EPOCH: the client's metadata is newer than ours.
    #[error("epoch {requested} is newer than {current}")]
    Unknown {
        /// The client's.
        requested: LeaderEpoch,
        /// Ours.
        current: LeaderEpoch,
    },
}

/// What this replica is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It leads.
    Leader(Leadership),
    /// Somebody else leads, or nobody.
    NotLeader(NotLeader),
}

impl Role {
    pub(crate) fn leader(&self) -> Result<&Leadership, NotLeader> {
        match self {
            Self::Leader(leadership) => Ok(leadership),
            Self::NotLeader(other) => Err(*other),
        }
    }

    /// Holds the epoch a client knows (one below 0 skips the check) against ours.
    pub(crate) fn leader_at(&self, requested: LeaderEpoch) -> Result<&Leadership, EpochError> {
        let leadership = self.leader()?;
        let current = leadership.epoch;
        if requested < LeaderEpoch(0) || requested == current {
            Ok(leadership)
        } else if requested < current {
            Err(EpochError::Fenced { requested, current })
        } else {
            Err(EpochError::Unknown { requested, current })
        }
    }
}
