//! Appending: offsets assigned, one write, one index entry at most.

use crate::error::AppendError;
use crate::log::Log;
use crate::origin::Origin;
use base::{LeaderEpoch, Offset, Timestamp};
use records::{ReplicatedBatches, VerifiedBatch};

/// Whether the batches were new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// They were written.
    Appended,
    /// An idempotent producer sent them again; the offsets are those of the first time, nothing was written.
    Duplicate,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// Written or recognised.
    pub outcome: AppendOutcome,
    /// The first record's offset.
    pub first_offset: Offset,
    /// The last record's offset.
    pub last_offset: Offset,
    /// The greatest timestamp appended.
    pub max_timestamp: Timestamp,
    /// The broker's time if the topic wants it, else -1: `logAppendTimeMs` of the response.
    pub log_append_time: Timestamp,
    /// The log's start.
    pub log_start_offset: Offset,
    /// Bytes written.
    pub size: usize,
    /// Whether a new segment was begun.
    pub rolled: bool,
}

impl Log {
    /// Appends batches that a producer or this node made, giving them the next offsets and `epoch`.
    ///
    /// All or nothing: producer state, offsets and the leader epoch change only once the bytes are written.
    pub fn append_as_leader(
        &mut self,
        _batches: &[VerifiedBatch],
        _epoch: LeaderEpoch,
        _origin: Origin,
        _now: Timestamp,
    ) -> Result<AppendInfo, AppendError> {
        todo!()
    }

    /// Appends a leader's batches as they are.
    pub fn append_as_follower(
        &mut self,
        _batches: &ReplicatedBatches,
        _now: Timestamp,
    ) -> Result<AppendInfo, AppendError> {
        todo!()
    }
}
