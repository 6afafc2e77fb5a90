//! The replica itself: its log, its role, its high watermark.

use crate::leadership::{EpochError, Leadership, NotLeader, Role};
use crate::purgatory::Purgatory;
use crate::wakes::{Signal, Wakes};
use base::{LeaderEpoch, NodeId, Offset, TopicPartition, Uuid};
use std::sync::Arc;
use storage::{Log, LogConfig, StorageError};

/// One replica of one partition.
#[derive(Debug)]
pub struct Partition {
    pub(crate) topic_id: Uuid,
    pub(crate) log: Log,
    pub(crate) role: Role,
    /// How the last leadership ended.
    pub(crate) resigned: Resigned,
    pub(crate) high_watermark: Offset,
    pub(crate) min_insync_replicas: usize,
    /// read_uncommitted fetches, waiting for the high watermark.
    pub(crate) fetches: Purgatory,
    /// read_committed fetches, waiting for the last stable offset.
    pub(crate) stable_fetches: Purgatory,
    /// acks=all appends that wait for the high watermark.
    pub(crate) produces: Purgatory,
    /// Appends that wait for stable storage.
    pub(crate) flushes: Purgatory,
}

/// How a leadership ended, for what was still on its way to stable storage then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resigned {
    /// Others may have gone on: nothing is said of records above the high watermark.
    ToOthers,
    /// This replica was alone in sync and nobody leads since: what it has is what there is.
    AloneInSync,
}

impl Partition {
    /// A replica that does not lead yet. `high_watermark` is the checkpointed one; it is brought within the log.
    pub fn new(topic_id: Uuid, log: Log, high_watermark: Offset, min_insync_replicas: usize) -> Self {
        let high_watermark = high_watermark.clamp(log.log_start_offset(), log.log_end_offset());
        Self {
            topic_id,
            log,
            role: Role::NotLeader(NotLeader {
                leader: NodeId::NONE,
                epoch: LeaderEpoch::NONE,
            }),
            resigned: Resigned::ToOthers,
            high_watermark,
            min_insync_replicas,
            fetches: Purgatory::default(),
            stable_fetches: Purgatory::default(),
            produces: Purgatory::default(),
            flushes: Purgatory::default(),
        }
    }

    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        self.log.topic_partition()
    }

    /// The topic's id.
    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The log, for looking.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log, for housekeeping: retention, flushing, expiry. Appends go through [`Partition::append`].
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Records below this are on all in-sync replicas.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Records below this belong to no open transaction.
    pub fn last_stable_offset(&self) -> Offset {
        self.log
            .first_unstable_offset()
            .map_or(self.high_watermark, |first| first.min(self.high_watermark))
    }

    /// The leadership, if this replica leads.
    pub fn leadership(&self) -> Result<&Leadership, NotLeader> {
        self.role.leader()
    }

    /// The leadership, if this replica leads in the epoch that the client knows; [`LeaderEpoch::NONE`] skips the check.
    pub fn leadership_at(&self, requested: LeaderEpoch) -> Result<&Leadership, EpochError> {
        self.role.leader_at(requested)
    }

    /// Takes over a leadership from the metadata: a new one begins its epoch at the log's end.
    pub fn lead(&mut self, leadership: Leadership) -> Result<Wakes, StorageError> {
        let is_new = self.role.leader().map(|known| known.epoch) != Ok(leadership.epoch);
        if is_new {
            self.log.begin_epoch(leadership.epoch)?;
        }
        self.role = Role::Leader(leadership);
        let mut wakes = self.advance_high_watermark();
        if is_new {
            wakes.merge(self.wake_everyone());
        }
        Ok(wakes)
    }

    /// Somebody else leads, or nobody: whoever waits here is told.
    pub fn follow(&mut self, leader: NodeId, epoch: LeaderEpoch) -> Wakes {
        let was_alone = match &self.role {
            Role::Leader(leadership) => leadership.isr == [leadership.node],
            Role::NotLeader(_) => self.resigned == Resigned::AloneInSync,
        };
        self.resigned = if was_alone && leader == NodeId::NONE {
            Resigned::AloneInSync
        } else {
            Resigned::ToOthers
        };
        self.role = Role::NotLeader(NotLeader { leader, epoch });
        self.wake_everyone()
    }

    /// Takes over changed topic settings. Where less is asked for now, who waited may go on.
    pub fn update_config(&mut self, config: Arc<LogConfig>, min_insync_replicas: usize) -> Wakes {
        self.log.update_config(config);
        self.min_insync_replicas = min_insync_replicas;
        let mut wakes = self.advance_high_watermark();
        if !self.log.flush_awaited() {
            wakes.merge(self.flushes.everyone());
        }
        wakes
    }

    /// DeleteRecords: moves the log start to `offset`, or to the high watermark for [`Offset::NONE`]. Answers the new
    /// log start, or nothing if `offset` is beyond the high watermark.
    pub fn delete_records(&mut self, offset: Offset) -> Result<Option<Offset>, StorageError> {
        let wanted = if offset == Offset::NONE {
            self.high_watermark
        } else {
            offset
        };
        if wanted > self.high_watermark || wanted < Offset::ZERO {
            return Ok(None);
        }
        self.log.advance_log_start(wanted)?;
        Ok(Some(self.log.log_start_offset()))
    }

    /// Removes `signal` from those who wait here.
    pub fn leave(&mut self, signal: &Arc<Signal>) {
        self.fetches.leave(signal);
        self.stable_fetches.leave(signal);
        self.produces.leave(signal);
        self.flushes.leave(signal);
    }

    /// Tells everyone who waits here to look again: the partition is being deleted or the node shuts down.
    pub fn wake_everyone(&mut self) -> Wakes {
        let mut wakes = self.fetches.everyone();
        wakes.merge(self.stable_fetches.everyone());
        wakes.merge(self.produces.everyone());
        wakes.merge(self.flushes.everyone());
        wakes
    }

    /// Moves the high watermark as far as the in-sync replicas allow.
    ///
    /// A leader that is alone in sync has what they all have at its log's end, or, with `riverrun.durability=flush`,
    /// where its log is on stable storage: nobody sees what a power cut could take back. It does not move below
    /// `min.insync.replicas` (KIP-966). Replicas on other nodes report their progress by fetching, which comes with
    /// replication; until then a partition with a second replica in sync keeps its high watermark.
    pub(crate) fn advance_high_watermark(&mut self) -> Wakes {
        let allowed = match &self.role {
            Role::Leader(leadership) => {
                let enough = leadership.isr.len() >= leadership.effective_min_isr(self.min_insync_replicas);
                leadership.isr == [leadership.node] && enough
            }
            // What was appended before may still come to stable storage, and be answered, while this node shuts down.
            Role::NotLeader(_) => self.resigned == Resigned::AloneInSync,
        };
        let reached = self.log.acknowledged_end();
        if !allowed || reached <= self.high_watermark {
            return Wakes::none();
        }
        self.high_watermark = reached;
        self.log.high_watermark_moved(reached);
        let mut wakes = self.fetches.reached(reached);
        wakes.merge(self.stable_fetches.reached(self.last_stable_offset()));
        wakes.merge(self.produces.reached(reached));
        wakes
    }
}
