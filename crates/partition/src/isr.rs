//! Who is in sync: what the leader asks of the controller, and what comes of it (KIP-497, KIP-903).
//!
//! The leader proposes, the controller decides. Until it is known what it decided, both may hold: who is being let in
//! counts already, and who is being put out still does.

use crate::leadership::Leading;
use crate::partition::Partition;
use crate::wakes::Wakes;
use base::{BrokerEpoch, Instant, LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicPartition, Uuid};

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
    expanded: Option<Vec<NodeId>>,
}

impl Pending {
    /// The larger of what was and what shall be.
    pub(crate) fn maximal<'a>(&'a self, committed: &'a [NodeId]) -> &'a [NodeId] {
        self.expanded.as_deref().unwrap_or(committed)
    }
}

impl Partition {
    /// The proposal that waits for its answer, to be sent (again).
    pub fn pending_isr(&self) -> Option<&IsrProposal> {
        let leading = self.role.leading().ok()?;
        leading.pending.as_ref().map(|pending| &pending.proposal)
    }

    /// The in-sync replicas with one that is being let in: who must have a record before it counts as committed.
    pub fn maximal_isr(&self) -> &[NodeId] {
        self.role.leading().map_or(&[], Leading::maximal_isr)
    }

    /// Proposes to put out whoever has been behind for longer than `replica.lag.time.max.ms`. To be called every half of
    /// that time.
    pub fn shrink_isr(&mut self, now: Instant) -> Option<IsrProposal> {
        let lag = self.brokers.replica_lag_time_max();
        let end = self.log.log_end_offset();
        let leading = self.role.leading_mut().ok()?;
        leading.tell_time(now);
        let Leading {
            leadership,
            followers,
            pending: None,
            ..
        } = leading
        else {
            return None;
        };
        let is_behind = |node: &NodeId| {
            *node != leadership.node
                && followers
                    .get(node)
                    .is_none_or(|follower| !follower.is_caught_up(end, now, lag))
        };
        let (behind, stays): (Vec<NodeId>, Vec<NodeId>) = leadership.isr.iter().partition(|node| is_behind(node));
        if behind.is_empty() {
            return None;
        }
        tracing::info!(partition = %self.log.topic_partition(), ?behind, ?stays, "replicas fell out of sync");
        Some(self.propose(&stays, None))
    }

    /// Proposes to let `follower` in, if it has come far enough: all that is committed, and where this leader began.
    pub(crate) fn expand_isr(&mut self, follower: NodeId) -> Option<IsrProposal> {
        let leading = self.role.leading().ok()?;
        let progress = leading.followers.get(&follower)?;
        let is_in = leading.leadership.isr.contains(&follower);
        let has_enough = progress.log_end >= self.high_watermark.max(leading.epoch_start);
        let may_join = self.brokers.may_join(follower, progress.broker_epoch);
        if leading.pending.is_some() || is_in || !has_enough || !may_join {
            return None;
        }
        let mut isr = leading.leadership.isr.clone();
        isr.push(follower);
        tracing::info!(partition = %self.log.topic_partition(), %follower, "a replica is in sync");
        Some(self.propose(&isr, Some(isr.clone())))
    }

    fn propose(&mut self, isr: &[NodeId], expanded: Option<Vec<NodeId>>) -> IsrProposal {
        let leading = self.role.leading_mut().expect("who proposes leads");
        let own = leading.leadership.node;
        let member = |node: &NodeId| {
            let known = if *node == own {
                self.brokers.standing(own).map(|standing| standing.epoch)
            } else {
                leading.followers.get(node).and_then(|follower| follower.broker_epoch)
            };
            IsrMember {
                node: *node,
                epoch: known.unwrap_or(BrokerEpoch::NONE),
            }
        };
        let proposal = IsrProposal {
            topic_id: self.topic_id,
            partition: self.log.topic_partition().clone(),
            leader_epoch: leading.leadership.epoch,
            partition_epoch: leading.leadership.partition_epoch,
            isr: isr.iter().map(member).collect(),
        };
        leading.pending = Some(Pending {
            proposal: proposal.clone(),
            expanded,
        });
        proposal
    }

    /// Takes note of the controller's answer to `proposal`. One that came too late, after the metadata or another leader
    /// epoch, says nothing any more.
    pub fn isr_answered(&mut self, proposal: &IsrProposal, answer: Result<CommittedIsr, IsrRefusal>) -> Wakes {
        let Ok(leading) = self.role.leading_mut() else {
            return Wakes::none();
        };
        if leading
            .pending
            .as_ref()
            .is_none_or(|pending| pending.proposal != *proposal)
        {
            return Wakes::none();
        }
        match answer {
            Ok(committed) => {
                let known = &mut leading.leadership;
                if committed.leader_epoch != known.epoch || committed.partition_epoch < known.partition_epoch {
                    return Wakes::none();
                }
                known.isr = committed.isr;
                known.partition_epoch = committed.partition_epoch;
                self.partition_epoch = committed.partition_epoch;
                leading.pending = None;
            }
            Err(IsrRefusal::NotApplied) => leading.pending = None,
            Err(IsrRefusal::MetadataWillTell | IsrRefusal::SendAgain) => return Wakes::none(),
        }
        self.advance_high_watermark()
    }

    /// The offset from which on every living replica has its log: what DeleteRecords answers, once it has come far
    /// enough.
    pub fn low_watermark(&self) -> Offset {
        let own = self.log.log_start_offset();
        let Ok(leading) = self.role.leading() else { return own };
        let alive = leading
            .followers
            .iter()
            .filter(|(node, _)| self.brokers.is_alive(**node));
        alive.map(|(_, follower)| follower.log_start).fold(own, Offset::min)
    }
}
