//! How a leadership ended, for those whose answers it still owes.

use crate::leadership::{Resigned, Role, Successor};
use crate::partition::Partition;
use base::{LeaderEpoch, NodeId, Offset};

/// What became of an append that waits for the other replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// It is committed, and acknowledged.
    Committed,
    /// It is committed, but fewer replicas than `min.insync.replicas` are in sync by now: NOT_ENOUGH_REPLICAS_AFTER_APPEND.
    NotEnoughReplicas,
    /// Not yet known; a parked signal tells when to look again.
    Waiting,
    /// This replica leads no more, or again in another epoch: NOT_LEADER_OR_FOLLOWER.
    NotLeader,
}

impl Partition {
    /// What became of an acks=all append of the leader epoch `epoch` that ended at `until`.
    ///
    /// The epoch matters: another leader may have had other records there since, and the high watermark tells of those.
    pub fn replication(&self, epoch: LeaderEpoch, until: Offset) -> Replication {
        match &self.role {
            Role::Leader(leading) if leading.leadership.epoch == epoch => {
                let min = leading.leadership.effective_min_isr(self.min_insync_replicas);
                if self.high_watermark < until {
                    Replication::Waiting
                } else if leading.maximal_isr().len() < min {
                    Replication::NotEnoughReplicas
                } else {
                    Replication::Committed
                }
            }
            Role::Leader(_) | Role::NotLeader(_) => match self.resigned.filter(|last| last.epoch == epoch) {
                Some(last) if last.high_watermark >= until => Replication::Committed,
                Some(_) if !self.is_alone_after_resigning() || self.log.is_offline() => Replication::NotLeader,
                Some(_) if self.high_watermark >= until => Replication::Committed,
                Some(_) => Replication::Waiting,
                None => Replication::NotLeader,
            },
        }
    }

    /// Notes that the leadership, if there is one, ends, and that `leader` leads in `epoch`.
    pub(crate) fn resign(&mut self, leader: NodeId, epoch: LeaderEpoch) {
        if let Role::Leader(leading) = &self.role {
            let leadership = &leading.leadership;
            let is_enough = leadership.effective_min_isr(self.min_insync_replicas) <= 1;
            self.resigned = Some(Resigned {
                epoch: leadership.epoch,
                high_watermark: self.high_watermark,
                successor: if is_enough && leadership.isr == [leadership.node] {
                    Successor::Nobody
                } else {
                    Successor::Somebody
                },
            });
        }
        if let Some(last) = &mut self.resigned {
            // Of the epochs between the last and a later one nothing is known: somebody may have led in them.
            let is_next = epoch.0 == last.epoch.0 + 1;
            if leader != NodeId::NONE || !is_next {
                last.successor = Successor::Somebody;
            }
        }
    }

    pub(crate) fn is_alone_after_resigning(&self) -> bool {
        matches!(self.role, Role::NotLeader(_)) && self.resigned.is_some_and(|last| last.successor == Successor::Nobody)
    }
}
