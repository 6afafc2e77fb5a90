//! Becoming leader or follower, as the metadata says.

use crate::leadership::{Following, Leadership, Leading, NotLeader, Role};
use crate::partition::Partition;
use crate::wakes::Wakes;
use base::{Instant, LeaderEpoch, NodeId};
use storage::StorageError;

impl Partition {
    /// Takes over a leadership from the metadata: a new one begins its epoch at the log's end.
    ///
    /// Metadata that is older than what this replica knows (from an answer to AlterPartition, say) changes nothing. Of
    /// the same state only the replicas are taken over: what is under way goes on.
    pub fn lead(&mut self, leadership: Leadership, now: Instant) -> Result<Wakes, StorageError> {
        if leadership.partition_epoch < self.partition_epoch {
            return Ok(Wakes::none());
        }
        let is_known_state = leadership.partition_epoch == self.partition_epoch;
        let partition_epoch = leadership.partition_epoch;
        let mut wakes = Wakes::none();
        match &mut self.role {
            Role::Leader(leading) if leading.leadership.epoch == leadership.epoch => {
                leading.tell_time(now);
                if is_known_state {
                    leading.leadership.replicas = leadership.replicas;
                } else {
                    leading.leadership = leadership;
                    // The controller decided: on the proposal, or on something else that made it void.
                    leading.pending = None;
                }
                leading.meet_followers();
            }
            Role::Leader(_) | Role::NotLeader(_) => {
                self.log.begin_epoch(leadership.epoch)?;
                self.resign(leadership.node, leadership.epoch);
                let epoch_start = self.log.log_end_offset();
                // Nothing is known of followers in a new epoch: they have to tell again what they have.
                self.role = Role::Leader(Box::new(Leading::new(leadership, epoch_start, now)));
                wakes.merge(self.wake_everyone());
            }
        }
        self.partition_epoch = partition_epoch;
        wakes.merge(self.advance_high_watermark());
        Ok(wakes)
    }

    /// Somebody else leads, or nobody: whoever waits here is told. Metadata that is older than what this replica knows
    /// changes nothing.
    pub fn follow(&mut self, following: Following) -> Wakes {
        let Following {
            leader,
            epoch,
            partition_epoch,
        } = following;
        if partition_epoch < self.partition_epoch {
            return Wakes::none();
        }
        self.partition_epoch = partition_epoch;
        if matches!(&self.role, Role::NotLeader(known) if *known == NotLeader { leader, epoch }) {
            return Wakes::none();
        }
        self.resign(leader, epoch);
        self.role = Role::NotLeader(NotLeader { leader, epoch });
        self.wake_everyone()
    }

    /// This node hosts the replica no longer: it was deleted, or moved away.
    pub fn retire(&mut self) -> Wakes {
        self.resign(NodeId::NONE, LeaderEpoch::NONE);
        self.role = Role::NotLeader(NotLeader {
            leader: NodeId::NONE,
            epoch: LeaderEpoch::NONE,
        });
        self.wake_everyone()
    }
}
