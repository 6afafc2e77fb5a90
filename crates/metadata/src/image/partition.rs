//! One partition: its replicas, who leads it, who is in sync.

pub use base::PartitionEpoch;
use base::{LeaderEpoch, NodeId, Uuid};

/// Whether the leader was elected from the in-sync replicas or must first recover from an unclean election.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderRecoveryState {
    /// Elected cleanly, or recovered since.
    #[default]
    Recovered,
    /// Elected uncleanly; in-sync replicas stay as they are until the leader reports that it recovered.
    Recovering,
}

impl LeaderRecoveryState {
    /// The state with this code; `None` for any other.
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Recovered),
            1 => Some(Self::Recovering),
            _ => None,
        }
    }

    /// Kafka's code: 0 recovered, 1 recovering.
    pub fn code(self) -> i8 {
        match self {
            Self::Recovered => 0,
            Self::Recovering => 1,
        }
    }
}

/// A partition's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// The replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// The log directory of each replica, in the order of `replicas`; the zero id ("migrating") where none is recorded.
    pub directories: Vec<Uuid>,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// Replicas that a reassignment under way will remove.
    pub removing_replicas: Vec<NodeId>,
    /// Replicas that a reassignment under way is adding.
    pub adding_replicas: Vec<NodeId>,
    /// Eligible leader replicas: out of sync, yet holding all committed records (KIP-966).
    pub elr: Vec<NodeId>,
    /// The last leader, when no replica is in sync or eligible (KIP-966).
    pub last_known_elr: Vec<NodeId>,
    /// The leader; [`NodeId::NONE`] if there is none.
    pub leader: NodeId,
    /// Whether the leader still recovers from an unclean election.
    pub leader_recovery_state: LeaderRecoveryState,
    /// Grows whenever the leader may have changed.
    pub leader_epoch: LeaderEpoch,
    /// Grows with every change.
    pub partition_epoch: PartitionEpoch,
}

impl PartitionImage {
    /// The replica that should lead if it can: the first.
    pub fn preferred_leader(&self) -> NodeId {
        self.replicas.first().copied().unwrap_or(NodeId::NONE)
    }

    /// Whether there is a leader.
    pub fn has_leader(&self) -> bool {
        self.leader != NodeId::NONE
    }

    /// Whether the preferred leader leads.
    pub fn has_preferred_leader(&self) -> bool {
        self.leader == self.preferred_leader()
    }

    /// Whether a reassignment is under way.
    pub fn is_reassigning(&self) -> bool {
        !self.removing_replicas.is_empty() || !self.adding_replicas.is_empty()
    }

    /// The log directory of `node`'s replica; `None` if it has no replica here.
    pub fn directory(&self, node: NodeId) -> Option<Uuid> {
        let at = self.replicas.iter().position(|replica| *replica == node)?;
        self.directories.get(at).copied()
    }
}
