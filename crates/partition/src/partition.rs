//! The replica itself: its log, its role, its high watermark.

use crate::brokers::Brokers;
use crate::leadership::{EpochError, Leadership, NotLeader, Resigned, Role};
use crate::purgatory::Purgatory;
use crate::wakes::{Signal, Wakes};
use base::{LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicPartition, Uuid};
use std::sync::Arc;
use storage::{Log, LogConfig, StorageError};

/// One replica of one partition.
#[derive(Debug)]
pub struct Partition {
    pub(crate) topic_id: Uuid,
    pub(crate) log: Log,
    pub(crate) role: Role,
    /// Of which state of the registration the role is.
    pub(crate) partition_epoch: PartitionEpoch,
    pub(crate) brokers: Arc<Brokers>,
    /// How the last leadership ended.
    pub(crate) resigned: Option<Resigned>,
    /// Where the log was cut, until that is written down: see [`Partition::unnoted_cut`].
    pub(crate) cut_to: Option<Offset>,
    /// How often it was cut.
    pub(crate) cuts: u64,
    pub(crate) high_watermark: Offset,
    pub(crate) min_insync_replicas: usize,
    /// read_uncommitted fetches, waiting for the high watermark.
    pub(crate) fetches: Purgatory,
    /// read_committed fetches, waiting for the last stable offset.
    pub(crate) stable_fetches: Purgatory,
    /// Fetches of followers, waiting for the log's end.
    pub(crate) replica_fetches: Purgatory,
    /// DeleteRecords that wait for the low watermark.
    pub(crate) deletes: Purgatory,
    /// acks=all appends that wait for the high watermark.
    pub(crate) produces: Purgatory,
    /// Appends that wait for stable storage.
    pub(crate) flushes: Purgatory,
    /// How often everyone who waits was told to look again.
    pub(crate) alarms: u64,
}

impl Partition {
    /// A replica that does not lead yet. `high_watermark` is the checkpointed one; it is brought within the log.
    pub fn new(
        topic_id: Uuid,
        mut log: Log,
        high_watermark: Offset,
        min_insync_replicas: usize,
        brokers: Arc<Brokers>,
    ) -> Self {
        let high_watermark = high_watermark.clamp(log.log_start_offset(), log.log_end_offset());
        log.high_watermark_moved(high_watermark);
        let cut_to = log.was_shorter_than_its_checkpoint().then(|| log.log_end_offset());
        Self {
            topic_id,
            log,
            role: Role::NotLeader(NotLeader {
                leader: NodeId::NONE,
                epoch: LeaderEpoch::NONE,
            }),
            partition_epoch: PartitionEpoch::NONE,
            brokers,
            resigned: None,
            cut_to,
            cuts: 0,
            high_watermark,
            min_insync_replicas,
            fetches: Purgatory::default(),
            stable_fetches: Purgatory::default(),
            replica_fetches: Purgatory::default(),
            deletes: Purgatory::default(),
            produces: Purgatory::default(),
            flushes: Purgatory::default(),
            alarms: 0,
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

    /// The leadership, if this replica leads.
    pub fn leadership(&self) -> Result<&Leadership, NotLeader> {
        self.role.leader()
    }

    /// The leadership, if this replica leads in the epoch that the client knows; [`LeaderEpoch::NONE`] skips the check.
    pub fn leadership_at(&self, requested: LeaderEpoch) -> Result<&Leadership, EpochError> {
        self.role.leader_at(requested)
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

    /// `min.insync.replicas`, as the topic sets it.
    pub fn min_insync_replicas(&self) -> usize {
        self.min_insync_replicas
    }

    /// Parks a DeleteRecords until the low watermark reaches `until`.
    pub fn park_delete(&mut self, signal: &Arc<Signal>, until: Offset) {
        self.deletes.park(signal, until);
    }

    /// Removes `signal` from those who wait here.
    pub fn leave(&mut self, signal: &Arc<Signal>) {
        self.fetches.leave(signal);
        self.stable_fetches.leave(signal);
        self.replica_fetches.leave(signal);
        self.deletes.leave(signal);
        self.produces.leave(signal);
        self.flushes.leave(signal);
    }

    /// Tells everyone who waits here to look again: the partition is being deleted or the node shuts down.
    pub fn wake_everyone(&mut self) -> Wakes {
        self.alarms += 1;
        let mut wakes = self.fetches.everyone();
        wakes.merge(self.stable_fetches.everyone());
        wakes.merge(self.replica_fetches.everyone());
        wakes.merge(self.deletes.everyone());
        wakes.merge(self.produces.everyone());
        wakes.merge(self.flushes.everyone());
        wakes
    }
    /// How often everyone who waits was told to look again: for who waits in a way of their own.
    pub fn alarms(&self) -> u64 {
        self.alarms
    }
}
