//! Who is in sync: what the leader asks of the controller, and what comes of it (KIP-497, KIP-903).
//!
//! The leader proposes, the controller decides. Until it is known what it decided, both may hold: who is being let in
//! counts already, and who is being put out still does.

use crate::leadership::Leading;
use crate::partition::Partition;
use crate::proposal::{CommittedIsr, IsrMember, IsrProposal, IsrRefusal, Pending};
use crate::wakes::Wakes;
use base::{BrokerEpoch, Instant, NodeId, Offset};

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
        leading.pending = Some(Box::new(Pending {
            proposal: proposal.clone(),
            expanded,
        }));
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
