//! The one change of a partition that takes it from how it is to how it should be.

use super::reassignment::Reassignment;
use super::rules::ElectionRules;
use base::{NodeId, Uuid};
use metadata::image::{LeaderRecoveryState, PartitionImage};
use protocol::metadata_records::partition_change_record::PartitionChangeRecord;
use std::collections::BTreeMap;

/// The record's way to say that the leader stays, and with it the leader epoch.
const NO_LEADER_CHANGE: i32 = -2;

/// How eager an election is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// Back to the preferred leader if it can lead.
    Preferred,
    /// The current leader stays if it can.
    Online,
    /// As `Online`, and if nobody in sync can lead, anybody may: records can be lost.
    Unclean,
}

/// A change in the making; set what should be, then [`PartitionChange::build`].
#[derive(Clone, Debug)]
pub struct PartitionChange<'a> {
    partition: &'a PartitionImage,
    topic_id: Uuid,
    index: i32,
    rules: ElectionRules<'a>,
    /// How a leader is found.
    pub election: Election,
    /// The in-sync replicas to have.
    pub isr: Vec<NodeId>,
    /// The replicas to have.
    pub replicas: Vec<NodeId>,
    /// The replicas on the way out.
    pub removing: Vec<NodeId>,
    /// The replicas on the way in.
    pub adding: Vec<NodeId>,
    /// Whether the leader still recovers.
    pub leader_recovery_state: LeaderRecoveryState,
    /// A broker that came back without having shut down cleanly: it may have lost records, so it is not eligible.
    pub unclean_shutdown: Option<NodeId>,
    directories: BTreeMap<NodeId, Uuid>,
    elr: Vec<NodeId>,
}

/// Who is elected, and whether records may be lost by it.
#[derive(Clone, Copy)]
struct Elected {
    leader: NodeId,
    unclean: bool,
}

impl<'a> PartitionChange<'a> {
    /// No change yet.
    pub fn new(partition: &'a PartitionImage, topic_id: Uuid, index: i32, rules: ElectionRules<'a>) -> Self {
        Self {
            partition,
            topic_id,
            index,
            rules,
            election: Election::Online,
            isr: partition.isr.clone(),
            replicas: partition.replicas.clone(),
            removing: partition.removing_replicas.clone(),
            adding: partition.adding_replicas.clone(),
            leader_recovery_state: partition.leader_recovery_state,
            unclean_shutdown: None,
            directories: partition
                .replicas
                .iter()
                .copied()
                .zip(partition.directories.iter().copied())
                .collect(),
            elr: partition.elr.clone(),
        }
    }

    /// Puts a broker's replica into a directory.
    pub fn set_directory(&mut self, broker: NodeId, directory: Uuid) {
        self.directories.insert(broker, directory);
    }

    /// The record that makes the change; `None` if nothing changes.
    pub fn build(mut self) -> Option<PartitionChangeRecord> {
        let mut record = PartitionChangeRecord {
            topic_id: self.topic_id,
            partition_id: self.index,
            ..Default::default()
        };
        let untouched = record.clone();
        self.complete_reassignment();
        self.fill_elr();
        self.elect(&mut record);
        self.bump_leader_epoch_for_removed_replicas(&mut record);
        self.write_elr(&mut record);
        let leaves_isr_empty = self.isr.is_empty() && !self.rules.is_elr_enabled();
        if record.isr.is_none() && !leaves_isr_empty && self.isr != self.partition.isr {
            record.isr = Some(ids(&self.isr));
        }
        self.bump_leader_epoch_for_shrunk_isr(&mut record);
        self.write_last_known_leader(&mut record);
        self.write_assignment(&mut record);
        if self.leader_recovery_state != self.partition.leader_recovery_state {
            record.leader_recovery_state = self.leader_recovery_state.code();
        }
        (record != untouched).then_some(record)
    }

    fn complete_reassignment(&mut self) {
        let moving = Reassignment {
            replicas: self.replicas.clone(),
            removing: self.removing.clone(),
            adding: self.adding.clone(),
        };
        if let Some((replicas, isr)) = moving.complete(&self.isr) {
            self.replicas = replicas;
            self.isr = isr;
            self.removing.clear();
            self.adding.clear();
        }
    }

    /// Who leaves the in-sync replicas while too few are left has all committed records still: it stays eligible (KIP-966).
    fn fill_elr(&mut self) {
        if !self.rules.is_elr_enabled() {
            return;
        }
        if self.isr.len() >= self.rules.min_insync_replicas {
            self.elr.clear();
            return;
        }
        self.elr.extend(&self.partition.isr);
        self.elr.sort_unstable();
        self.elr.dedup();
        let (isr, replicas, unclean) = (&self.isr, &self.replicas, self.unclean_shutdown);
        // A replica that is no more is eligible for nothing, and must not be waited for when nobody else is left.
        let may_stay = |node: &NodeId| replicas.contains(node) && !isr.contains(node) && Some(*node) != unclean;
        self.elr.retain(may_stay);
    }

    fn elect(&mut self, record: &mut PartitionChangeRecord) {
        let Elected { leader, unclean } = self.elected();
        if leader == self.partition.leader {
            return;
        }
        if self.elr.contains(&leader) {
            self.isr = vec![leader];
            self.elr.retain(|node| *node != leader);
        }
        record.leader = leader.0;
        if unclean {
            record.isr = Some(vec![leader.0]);
            if self.partition.leader_recovery_state != LeaderRecoveryState::Recovering {
                record.leader_recovery_state = LeaderRecoveryState::Recovering.code();
            }
        }
    }

    fn elected(&self) -> Elected {
        let preferred = match self.election {
            Election::Preferred => self.replicas.first(),
            Election::Online | Election::Unclean => None,
        };
        let in_order = preferred
            .into_iter()
            .chain([&self.partition.leader])
            .chain(&self.replicas);
        if let Some(leader) = in_order.copied().find(|node| self.is_valid_leader(*node)) {
            return Elected { leader, unclean: false };
        }
        if let Some(leader) = self.last_known_leader() {
            return Elected { leader, unclean: true };
        }
        let anybody = self
            .replicas
            .iter()
            .copied()
            .find(|node| self.rules.may_lead(self.partition, *node));
        match (self.election, anybody) {
            (Election::Unclean, Some(leader)) => Elected { leader, unclean: true },
            _ => Elected {
                leader: NodeId::NONE,
                unclean: false,
            },
        }
    }

    fn is_valid_leader(&self, node: NodeId) -> bool {
        let eligible = self.isr.contains(&node) || (self.isr.is_empty() && self.elr.contains(&node));
        eligible && self.rules.may_lead(self.partition, node)
    }

    /// The last leader, when nobody is in sync or eligible any more: it lost the least.
    fn last_known_leader(&self) -> Option<NodeId> {
        let nobody_left = self.elr.is_empty() && self.isr.is_empty();
        match self.partition.last_known_elr.as_slice() {
            [last] if self.rules.is_elr_enabled() && nobody_left && self.rules.may_lead(self.partition, *last) => {
                Some(*last)
            }
            _ => None,
        }
    }

    /// A replica that is dropped must not be fetched from or by in this epoch any more.
    fn bump_leader_epoch_for_removed_replicas(&self, record: &mut PartitionChangeRecord) {
        let removes = self.partition.replicas.iter().any(|node| !self.replicas.contains(node));
        if record.leader == NO_LEADER_CHANGE && removes {
            record.leader = self.partition.leader.0;
        }
    }

    /// Brokers before 3.6-IV0 know a shrunk in-sync set only by a new leader epoch.
    fn bump_leader_epoch_for_shrunk_isr(&self, record: &mut PartitionChangeRecord) {
        const IBP_3_6_IV0: i16 = 12;
        let shrinks = record
            .isr
            .as_ref()
            .is_some_and(|isr| self.partition.isr.iter().any(|node| !isr.contains(&node.0)));
        if self.rules.metadata_version().0 < IBP_3_6_IV0 && record.leader == NO_LEADER_CHANGE && shrinks {
            record.leader = self.partition.leader.0;
        }
    }

    fn write_elr(&mut self, record: &mut PartitionChangeRecord) {
        let elected_uncleanly = record.isr.is_some();
        if elected_uncleanly || !self.rules.is_elr_enabled() {
            self.elr.clear();
        }
        if self.elr != self.partition.elr {
            record.eligible_leader_replicas = Some(ids(&self.elr));
        }
    }

    fn write_last_known_leader(&self, record: &mut PartitionChangeRecord) {
        if !self.rules.is_elr_enabled() {
            return;
        }
        let known = !self.partition.last_known_elr.is_empty();
        if record.leader == NodeId::NONE.0 && !known && self.partition.has_leader() {
            record.last_known_elr = Some(vec![self.partition.leader.0]);
        } else if record.leader >= 0 && known {
            record.last_known_elr = Some(Vec::new());
        }
    }

    fn write_assignment(&self, record: &mut PartitionChangeRecord) {
        if !self.replicas.is_empty() && self.rules.metadata_version().supports_directory_assignment() {
            let directory = |node: &NodeId| {
                self.directories
                    .get(node)
                    .copied()
                    .unwrap_or_else(|| self.rules.default_directory(*node))
            };
            let directories: Vec<Uuid> = self.replicas.iter().map(directory).collect();
            if directories != self.partition.directories {
                record.directories = Some(directories);
            }
        }
        if !self.replicas.is_empty() && self.replicas != self.partition.replicas {
            record.replicas = Some(ids(&self.replicas));
        }
        if self.removing != self.partition.removing_replicas {
            record.removing_replicas = Some(ids(&self.removing));
        }
        if self.adding != self.partition.adding_replicas {
            record.adding_replicas = Some(ids(&self.adding));
        }
    }
}

fn ids(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}
