//! The log's leader epochs.

use crate::error::StorageError;
use crate::leader_epoch::{EpochEndOffset, FILE_NAME, Flush};
use crate::log::Log;
use crate::unsynced::Epochs;
use base::{LeaderEpoch, Offset};
use std::path::PathBuf;

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

    /// Notes that `epoch` starts at `offset`. The file is written before the recovery point that is noted passes that:
    /// recovery reads the epochs of later records from their batches, and one without records need not be known.
    pub(crate) fn assign_epoch(&mut self, epoch: LeaderEpoch, offset: Offset) {
        if self.epochs.assign_unflushed(epoch, offset) == Flush::Due {
            self.unsynced.epoch_begins(offset);
        }
    }

    /// What `leader-epoch-checkpoint` is to hold, and where it lies, if it lags behind. Once that is on stable storage,
    /// [`Log::epochs_written`] is to be told.
    pub fn epochs_due(&self) -> Option<(PathBuf, Vec<u8>)> {
        let is_due = self.unsynced.epochs == Epochs::Due && !self.offline;
        is_due.then(|| (self.home.dir().join(FILE_NAME), self.epochs.contents()))
    }

    /// These `contents` of `leader-epoch-checkpoint` are on stable storage.
    pub fn epochs_written(&mut self, contents: &[u8]) {
        // There may be more of them by now.
        if self.epochs.contents() == contents {
            self.unsynced.epochs_written();
        }
    }

    /// Up to where a start after a crash need not read this log: what is on stable storage, of an epoch that the file of epochs names,
    /// and not the last record of a segment whose indexes are not safe. A flush that began before a segment was completed and ended
    /// after it knows nothing of them, and from the end of a segment on a start does not look at it: retention would take one whose
    /// index of times is gone for ancient.
    pub fn noted_recovery_point(&self) -> Offset {
        let named = self.unsynced.epochs_from.unwrap_or(self.recovery_point);
        let indexed = self.indexes_due.map_or(self.recovery_point, |end| end.plus(-1));
        self.recovery_point.min(named).min(indexed)
    }

    /// Where `epoch` ends in this log, as OffsetForLeaderEpoch answers it.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> EpochEndOffset {
        self.epochs.end_offset_for(epoch, self.log_end)
    }
}
