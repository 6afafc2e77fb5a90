//! A log that was filled in another log directory takes the place of the one it was filled from (KIP-113).

use crate::dirs::name;
use crate::error::StorageError;
use crate::leader_epoch::Flush;
use crate::log::Log;

impl Log {
    /// Whether the cleaner is putting an output in place: then no other log takes this one's place.
    pub fn is_swapping(&self) -> bool {
        self.swapping
    }

    /// Gives the directory of a log that was filled (`-future`) the partition's own name, durably.
    ///
    /// # Errors
    /// If the file system fails; the log is offline then.
    pub fn promote(&mut self) -> Result<(), StorageError> {
        let current = name::current(&self.topic_partition);
        self.writing(|log| {
            let from = log.home.dir();
            let parent = from
                .parent()
                .ok_or(StorageError::Corrupt("a log in the root directory"))?;
            log.home.rename(&parent.join(current))?;
            log.home.fs.sync_dir(parent)?;
            Ok(())
        })
    }

    /// Takes over which epochs began where in the log that this one was filled from: its batches do not tell of epochs without
    /// records. The next flush writes them down.
    pub fn take_over_epochs(&mut self, of: &Self) {
        if self.epochs.take_over(&of.epochs) == Flush::Due {
            self.unsynced.epoch_begins(self.log_start);
        }
    }

    /// Takes over from the log in whose place this one comes what is in no file: its settings, and who was allowed to begin a
    /// transaction. A flush of that log says nothing of this one.
    pub fn succeed(&mut self, before: &mut Self) {
        self.config = std::sync::Arc::clone(&before.config);
        self.truncations = before.truncations + 1;
        self.last_flush = self.last_flush.max(before.last_flush);
        self.producers.succeed(&mut before.producers);
    }
}
