//! Appending as the leader.

use crate::leadership::NotLeader;
use crate::partition::Partition;
use crate::wakes::{Signal, Wakes};
use base::{Offset, Timestamp};
use records::VerifiedBatch;
use std::sync::Arc;
use storage::{AppendError, AppendInfo, AppendTerms};

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
        let info = self.log.append_as_leader(batches, epoch, terms, now)?;
        let wakes = self.advance_high_watermark();
        let until = info.last_offset.next();
        let wait_until = (acks == RequiredAcks::All && self.high_watermark < until).then_some(until);
        Ok((Appended { info, wait_until }, wakes))
    }

    /// Parks an acks=all answer until the high watermark reaches `until`.
    pub fn park_produce(&mut self, signal: &Arc<Signal>, until: Offset) {
        self.produces.park(signal, until);
    }
}
