//! What the machine wants done. The host executes effects strictly in order.

use crate::fault::Fault;
use crate::message::{Answer, Destination, Leadership, Request, RequestId, Ticket};
use crate::quorum_state::QuorumState;
use crate::snapshot_id::SnapshotId;
use base::{LeaderEpoch, Offset};
use bytes::Bytes;
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
    /// Append these batches, which a leader sent: whole, checked, and beginning at the log's end.
    AppendFetched {
        /// The batches, one after another.
        bytes: Bytes,
        /// The offset of the first record.
        base: Offset,
        /// The offset after the last record.
        end: Offset,
    },
    /// Cut off the log from this offset on.
    Truncate(Offset),
    /// Put the log on stable storage, then call [`crate::Raft::on_flushed`]: once for each of these effects, in order.
    Flush,
    /// Begin a file for a snapshot that comes in pieces; the one begun before, if any, is given up.
    BeginSnapshot(SnapshotId),
    /// Put a piece at its place in the file. Pieces come in order, without gaps.
    WriteSnapshot {
        /// Of which snapshot.
        id: SnapshotId,
        /// Where the piece begins.
        position: u64,
        /// The piece.
        bytes: Bytes,
    },
    /// All pieces are there: check the snapshot, make it durable and finished, drop the whole log, let it begin at the
    /// snapshot's end, and call [`crate::Raft::on_snapshot_installed`]. If the check fails, remove the file and call
    /// [`crate::Raft::on_snapshot_rejected`] instead.
    InstallSnapshot(SnapshotId),
    /// The snapshot is not wanted any more: remove its unfinished file.
    AbandonSnapshot(SnapshotId),
    /// Send a request; then call [`crate::Raft::on_answer`] or [`crate::Raft::on_failed`]. The machine has its own
    /// timeouts: what comes back too late does no harm.
    Send {
        /// To name it by.
        id: RequestId,
        /// To whom.
        to: Destination,
        /// What.
        request: Request,
    },
    /// Answer a request that was received.
    Answer {
        /// Which.
        ticket: Ticket,
        /// With what.
        answer: Answer,
    },
    /// This replica leads the epoch, whose first own record has the offset `start`.
    Leading {
        /// The epoch.
        epoch: LeaderEpoch,
        /// Where it begins.
        start: Offset,
    },
    /// This replica led and no longer does: what is not committed may be lost.
    Deposed,
    /// This replica follows a leader, as voter or observer.
    Following(Leadership),
    /// Everything below this offset is committed; it never goes back.
    HighWatermark(Offset),
    /// Something happened that cannot happen while every voter keeps its promises. Nothing was done about it; say so loudly.
    Fault(Fault),
}
