//! Epochs that are not in the file of epochs any more although the log has records of theirs.
//!
//! What was deleted from a log's start takes its epochs along, and their file is on stable storage at once; where the log starts
//! is written down seconds later. After a crash in between the log starts where it did before, and a leader that does not know the
//! epochs there would tell a follower wrongly where its log parts from its own.

use crate::error::StorageError;
use crate::leader_epoch::EpochEntry;
use crate::log::Log;
use crate::scan::HeaderScan;
use base::Offset;

impl Log {
    /// Asks the batches below the first epoch known, if there are any.
    pub(crate) fn recall_epochs(&mut self) -> Result<(), StorageError> {
        let first = self.epochs.earliest().map(|first| first.start_offset);
        let Some(first) = first.filter(|first| *first > self.log_start) else {
            return Ok(());
        };
        let recalled = self.epochs_below(first)?;
        if self.epochs.precede(recalled) {
            self.unsynced.epoch_begins(self.log_start);
        }
        Ok(())
    }

    /// What batches tell of epochs that begin below `first`.
    fn epochs_below(&self, first: Offset) -> Result<Vec<EpochEntry>, StorageError> {
        let mut found: Vec<EpochEntry> = Vec::new();
        let holder = self.view().segment_at(self.log_start);
        for segment in &self.segments[holder..] {
            if segment.base() >= first {
                break;
            }
            let file = segment.log()?;
            let mut scan = HeaderScan::new(&*file, segment.position_before(self.log_start)?, segment.size());
            // What cannot be read tells nothing.
            while let Ok(Some(placed)) = scan.next() {
                let header = placed.header;
                let epoch = header.partition_leader_epoch;
                if header.last_offset() < self.log_start || found.last().is_some_and(|last| last.epoch >= epoch) {
                    continue;
                }
                if header.base_offset >= first || epoch.0 < 0 {
                    break;
                }
                found.push(EpochEntry {
                    epoch,
                    start_offset: header.base_offset.max(self.log_start),
                });
            }
            segment.rest()?;
        }
        Ok(found)
    }
}
