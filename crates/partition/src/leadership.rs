//! Whether this replica leads, in which epoch, and with whom.

use crate::progress::Progress;
use crate::proposal::Pending;
use base::{Instant, LeaderEpoch, NodeId, Offset, PartitionEpoch};
use std::collections::BTreeMap;

/// The leader's part of a partition's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// This node.
    pub node: NodeId,
    /// The epoch it leads in.
    pub epoch: LeaderEpoch,
    /// Which state of the partition's registration this is.
    pub partition_epoch: PartitionEpoch,
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

/// The follower's part of a partition's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Following {
    /// Who leads; [`NodeId::NONE`] if nobody does.
    pub leader: NodeId,
    /// The epoch it leads in.
    pub epoch: LeaderEpoch,
    /// Which state of the partition's registration this is.
    pub partition_epoch: PartitionEpoch,
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

/// The last leadership of this replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resigned {
    /// Its epoch.
    pub(crate) epoch: LeaderEpoch,
    /// What was committed when it ended: that stays so.
    pub(crate) high_watermark: Offset,
    pub(crate) successor: Successor,
}

/// What became of the records above the high watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Successor {
    /// Others may have gone on: nothing is said of them.
    Somebody,
    /// This replica was alone in sync and nobody leads since: what it has is what there is.
    Nobody,
}

/// What this replica is.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// It leads.
    Leader(Box<Leading>),
    /// Somebody else leads, or nobody.
    NotLeader(NotLeader),
}

/// What a leader keeps beside its log.
#[derive(Clone, Debug)]
pub(crate) struct Leading {
    pub(crate) leadership: Leadership,
    /// Where its epoch begins in its log.
    pub(crate) epoch_start: Offset,
    /// The other replicas.
    pub(crate) followers: BTreeMap<NodeId, Progress>,
    /// The change of the in-sync replicas that the controller was asked for.
    pub(crate) pending: Option<Box<Pending>>,
    /// The latest time it was told.
    pub(crate) now: Instant,
}

impl Leading {
    /// A leadership that begins.
    pub(crate) fn new(leadership: Leadership, epoch_start: Offset, now: Instant) -> Self {
        let mut leading = Self {
            leadership,
            epoch_start,
            followers: BTreeMap::new(),
            pending: None,
            now,
        };
        leading.meet_followers();
        leading
    }

    /// Takes note of replicas that came or went. Of one that came nothing is known until it fetches.
    pub(crate) fn meet_followers(&mut self) {
        let Leadership {
            node, replicas, isr, ..
        } = &self.leadership;
        self.followers.retain(|follower, _| replicas.contains(follower));
        for follower in replicas.iter().filter(|replica| *replica != node) {
            let caught_up = isr.contains(follower).then_some(self.now);
            self.followers
                .entry(*follower)
                .or_insert_with(|| Progress::unknown(caught_up));
        }
    }

    /// Time only goes on.
    pub(crate) fn tell_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// The replicas that must have a record before it is committed: those in sync, and one that is being let in, since
    /// the controller may have done so already.
    pub(crate) fn maximal_isr(&self) -> &[NodeId] {
        match &self.pending {
            Some(pending) => pending.maximal(&self.leadership.isr),
            None => &self.leadership.isr,
        }
    }
}

impl Role {
    pub(crate) fn leader(&self) -> Result<&Leadership, NotLeader> {
        self.leading().map(|leading| &leading.leadership)
    }

    pub(crate) fn leading(&self) -> Result<&Leading, NotLeader> {
        match self {
            Self::Leader(leading) => Ok(leading),
            Self::NotLeader(other) => Err(*other),
        }
    }

    pub(crate) fn leading_mut(&mut self) -> Result<&mut Leading, NotLeader> {
        match self {
            Self::Leader(leading) => Ok(leading),
            Self::NotLeader(other) => Err(*other),
        }
    }

    /// The epoch of whoever leads.
    pub(crate) fn epoch(&self) -> LeaderEpoch {
        match self {
            Self::Leader(leading) => leading.leadership.epoch,
            Self::NotLeader(other) => other.epoch,
        }
    }

    /// Holds the epoch a client knows (one below 0 skips the check) against ours, whether or not we lead.
    pub(crate) fn check_epoch(&self, requested: LeaderEpoch) -> Result<(), EpochError> {
        let current = self.epoch();
        if requested < LeaderEpoch(0) || requested == current || current == LeaderEpoch::NONE {
            Ok(())
        } else if requested < current {
            Err(EpochError::Fenced { requested, current })
        } else {
            Err(EpochError::Unknown { requested, current })
        }
    }

    /// The leadership, if the epoch fits: that is looked at first, as in Kafka.
    pub(crate) fn leader_at(&self, requested: LeaderEpoch) -> Result<&Leadership, EpochError> {
        self.check_epoch(requested)?;
        Ok(self.leader()?)
    }
}
