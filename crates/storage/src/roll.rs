//! Beginning a new segment.

use crate::active::{Active, Incoming};
use crate::error::StorageError;
use crate::log::Log;
use crate::producer_state::Sync;
use base::{Offset, Timestamp};
use std::sync::Arc;

impl Log {
    /// Begins a new segment at the log's end, as before an AlterReplicaLogDirs or in a tool.
    pub fn roll(&mut self, now: Timestamp) -> Result<(), StorageError> {
        self.writing(|log| log.roll_at(log.log_end, now))
    }

    /// Begins a new segment if one is due before `incoming`, whose first offset is `first`. Returns whether it did.
    pub(crate) fn roll_if_due(
        &mut self,
        incoming: &Incoming,
        first: Offset,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let segment = Arc::clone(self.active_segment());
        if !self.active.must_roll(&segment, &self.config, *incoming, now)? {
            return Ok(false);
        }
        self.roll_at(first.max(self.log_end), now)?;
        Ok(true)
    }

    fn roll_at(&mut self, base: Offset, now: Timestamp) -> Result<(), StorageError> {
        let old = Arc::clone(self.active_segment());
        if old.base() == base {
            // Still empty: the same file goes on. (A batch that is larger than a segment was refused before.)
            return Ok(());
        }
        old.seal(self.active.largest)?;
        self.producers.update_map_end_offset(base);
        // The file is synced with the segment's flush, which is due now; its checksum guards it until then.
        if let Some(offset) = self.producers.take_snapshot(Sync::Later)? {
            let path = crate::producer_state::snapshot_path(&self.home.dir(), offset);
            self.unsynced.snapshots.push(path);
        }
        let segment = self.create_segment(base)?;
        self.unsynced.sealed.push(old);
        Arc::make_mut(&mut self.segments).push(segment);
        self.active = Active::new(base, &self.config, now, self.jitter_seed);
        self.log_end = base;
        Ok(())
    }
}
