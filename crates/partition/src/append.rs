//! Appending as the leader.

use crate::leadership::NotLeader;
use crate::partition::Partition;
use crate::wakes::{Signal, Wakes};
use base::{Instant, LeaderEpoch, Offset, Timestamp};
use records::VerifiedBatch;
use std::sync::Arc;
use storage::{AppendError, AppendInfo, AppendTerms, Flush, StorageError};

/// The `acks` of a produce request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredAcks {
    /// 0: no answer is sent.
    None,
    /// 1: answered once the leader has it.
    Leader,
    /// -1: answered once all in-sync replicas have it.
    All,
}

impl RequiredAcks {
    /// The value on the wire, if it is a legal one.
    pub fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Leader),
            -1 => Some(Self::All),
            _ => None,
        }
    }
}

/// Why a leader takes no batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendRefused {
    /// NOT_LEADER_OR_FOLLOWER.
    #[error(transparent)]
    NotLeader(#[from] NotLeader),
    /// NOT_ENOUGH_REPLICAS.
    #[error("{in_sync} replicas are in sync, {min} are needed")]
    NotEnoughReplicas {
        /// The committed in-sync replicas.
        in_sync: usize,
        /// The effective `min.insync.replicas`.
        min: usize,
    },
    /// The log's reason.
    #[error(transparent)]
    Log(#[from] AppendError),
}

/// What an append did, and whether its answer must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offsets and times.
    pub info: AppendInfo,
    /// The epoch it was appended in: an answer that waits is about this one.
    pub epoch: LeaderEpoch,
    /// Up to where the log must be on stable storage before the answer, if it is not yet. No timeout of the client's
    /// counts here, as none counts in Kafka while it writes.
    pub flush_until: Option<Offset>,
    /// The high watermark that an acks=all answer waits for, if it has not been reached.
    pub wait_until: Option<Offset>,
}

impl Partition {
    /// Appends batches as the leader.
    pub fn append(
        &mut self,
        batches: &[VerifiedBatch],
        acks: RequiredAcks,
        terms: impl Into<AppendTerms>,
        now: Timestamp,
    ) -> Result<(Appended, Wakes), AppendRefused> {
        let leadership = self.role.leader()?;
        let in_sync = leadership.isr.len();
        let min = leadership.effective_min_isr(self.min_insync_replicas);
        if acks == RequiredAcks::All && in_sync < min {
            return Err(AppendRefused::NotEnoughReplicas { in_sync, min });
        }
        let epoch = leadership.epoch;
        let end_before = self.log.log_end_offset();
        let info = self.log.append_as_leader(batches, epoch, terms, now)?;
        self.note_who_kept_up(end_before);
        let mut wakes = self.advance_high_watermark();
        wakes.merge(self.replica_fetches.reached(self.log.log_end_offset()));
        let until = info.last_offset.next();
        let wait_until = (acks == RequiredAcks::All && self.high_watermark < until).then_some(until);
        let flush_until = (acks != RequiredAcks::None && !self.is_flushed(until)).then_some(until);
        Ok((
            Appended {
                info,
                epoch,
                flush_until,
                wait_until,
            },
            wakes,
        ))
    }

    /// Whether an answer that waits for a flush up to `until` waits no more.
    pub fn is_flushed(&self, until: Offset) -> bool {
        let is_noted = self.cut_to.is_none_or(|cut| cut >= until);
        is_noted && (self.log.recovery_point() >= until || (!self.log.is_offline() && !self.log.flush_awaited()))
    }

    /// Parks an answer until the log is on stable storage up to `until`.
    pub fn park_flush(&mut self, signal: &Arc<Signal>, until: Offset) {
        self.flushes.park(signal, until);
    }

    /// Notes how a flush of the log went: who waited for it may go on, and so may the high watermark.
    pub fn finish_flush(&mut self, flush: Flush, result: Result<(), StorageError>, now: Instant) -> Wakes {
        self.log.finish_flush(flush, result, now);
        if self.log.is_offline() {
            return self.wake_everyone();
        }
        if let Ok(leading) = self.role.leading_mut() {
            leading.tell_time(now);
        }
        let mut wakes = self.flushes.reached(self.log.recovery_point());
        wakes.merge(self.advance_high_watermark());
        wakes
    }

    /// Parks an acks=all answer until the high watermark reaches `until`.
    pub fn park_produce(&mut self, signal: &Arc<Signal>, until: Offset) {
        self.produces.park(signal, until);
    }
}
