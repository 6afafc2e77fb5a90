//! The log's leader epochs.

use crate::error::StorageError;
use crate::leader_epoch::{EpochEndOffset, Flush};
use crate::log::Log;
use crate::unsynced::Epochs;
use base::{LeaderEpoch, Offset};

impl Log {
    /// The latest leader epoch seen.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest().map(|entry| entry.epoch)
    }

    /// The epoch that wrote `offset`, or would write it.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.epoch_for_offset(offset)
    }

    /// A leader of `epoch` takes office: its epoch begins at the log's end.
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), StorageError> {
        if epoch.0 < 0 || self.latest_epoch().is_some_and(|latest| latest >= epoch) {
            return Ok(());
        }
        if self.offline {
            return Err(StorageError::Offline);
        }
        self.assign_epoch(epoch, self.log_end);
        Ok(())
    }

    /// Notes that `epoch` starts at `offset`. The file is written by the flush that makes its first records safe:
    /// recovery reads the epochs of later records from their batches, and one without records need not be known.
    pub(crate) fn assign_epoch(&mut self, epoch: LeaderEpoch, offset: Offset) {
        if self.epochs.assign_unflushed(epoch, offset) == Flush::Due {
            self.unsynced.epochs = Epochs::Due;
        }
    }

    /// Where `epoch` ends in this log, as OffsetForLeaderEpoch answers it.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> EpochEndOffset {
        self.epochs.end_offset_for(epoch, self.log_end)
    }
}
