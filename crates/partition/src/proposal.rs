//! A change of the in-sync replicas that the leader asks for (AlterPartition), and what the controller may answer.

use base::{BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, TopicPartition, Uuid};

/// One of the replicas that shall be in sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsrMember {
    /// The replica.
    pub node: NodeId,
    /// The registration that the leader knows it by; [`BrokerEpoch::NONE`] where it knows none.
    pub epoch: BrokerEpoch,
}

/// A change of the in-sync replicas, to be sent in an AlterPartition; its leader recovery state is always RECOVERED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrProposal {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: TopicPartition,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The state that is to be changed.
    pub partition_epoch: PartitionEpoch,
    /// Who shall be in sync. For the leader itself the host gives the epoch that it is registered with.
    pub isr: Vec<IsrMember>,
}

/// What the controller has made of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedIsr {
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The partition's state.
    pub partition_epoch: PartitionEpoch,
    /// Who is in sync.
    pub isr: Vec<NodeId>,
}

/// Why a proposal came to nothing, by what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsrRefusal {
    /// INELIGIBLE_REPLICA, OPERATION_NOT_ATTEMPTED: it was certainly not applied, nor ever will be.
    NotApplied,
    /// FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION, INVALID_REQUEST, NEW_LEADER_ELECTED, UNKNOWN_TOPIC_ID,
    /// UNKNOWN_TOPIC_OR_PARTITION: newer metadata will tell what holds; until then nothing is known.
    MetadataWillTell,
    /// Anything else, and no answer: to be sent again while it is pending.
    SendAgain,
}

/// A proposal under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) proposal: IsrProposal,
    /// With a replica that is being let in; none while one is being put out.
    pub(crate) expanded: Option<Vec<NodeId>>,
}

impl Pending {
    /// The larger of what was and what shall be.
    pub(crate) fn maximal<'a>(&'a self, committed: &'a [NodeId]) -> &'a [NodeId] {
        self.expanded.as_deref().unwrap_or(committed)
    }
}
