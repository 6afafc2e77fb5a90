//! What the machine wants done. The host executes effects strictly in order.

use crate::quorum_state::QuorumState;
use base::{LeaderEpoch, Offset};
use records::VerifiedBatch;

/// One batch for the log, with its place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBatch {
    /// The offset of its first record: the log's end.
    pub base: Offset,
    /// The epoch to stamp into it.
    pub epoch: LeaderEpoch,
    /// The batch.
    pub batch: VerifiedBatch,
}

impl SealedBatch {
    /// The offset after its last record.
    pub fn end(&self) -> Offset {
        self.base.plus(i64::from(self.batch.header().last_offset_delta)).next()
    }
}

/// One thing for the host to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make this the durable quorum state before executing any effect after it. Of several in a row only the last counts.
    Persist(QuorumState),
    /// Append the batch to the log.
    Append(SealedBatch),
    /// Put the log on stable storage, then call [`crate::Raft::on_flushed`] with the end of what was appended.
    Flush,
    /// This replica leads the epoch, whose first own record has the offset `start`.
    Leading {
        /// The epoch.
        epoch: LeaderEpoch,
        /// Where it begins.
        start: Offset,
    },
    /// This replica led and no longer does: what is not committed may be lost.
    Deposed,
    /// Everything below this offset is committed; it never goes back.
    HighWatermark(Offset),
}
