//! Beginning a new segment.

use crate::active::{Active, Incoming};
use crate::error::StorageError;
use crate::log::Log;
use crate::producer_state::Sync;
use base::{Offset, Timestamp};
use std::sync::Arc;

/// After so many bytes the producers are written down.
const REPLAYED_AT_MOST: u64 = 32 << 20;

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

    /// Writes down the producers as they are at `end`, the log's end.
    fn note_producers(&mut self, end: Offset) -> Result<(), StorageError> {
        self.since_snapshot = 0;
        self.producers.update_map_end_offset(end);
        // The file is synced with the next flush; its checksum guards it until then.
        if let Some(offset) = self.producers.take_snapshot(Sync::Later)? {
            let path = crate::producer_state::snapshot_path(&self.home.dir(), offset);
            self.unsynced.snapshots.push(path);
            self.unsynced.names_changed();
        }
        Ok(())
    }

    /// Writes the producers down amid a segment if a start would have to read much of it for them; older snapshots of that kind go.
    /// Kafka does so at its clean shutdowns, and takes such a snapshot for what it is.
    pub(crate) fn note_producers_if_due(&mut self) -> Result<(), StorageError> {
        if self.since_snapshot < REPLAYED_AT_MOST {
            return Ok(());
        }
        self.note_producers(self.log_end)?;
        let bases: Vec<_> = self.segments.iter().map(|segment| segment.base()).collect();
        Ok(self.producers.remove_stray_snapshots(&bases)?)
    }

    fn roll_at(&mut self, base: Offset, now: Timestamp) -> Result<(), StorageError> {
        let old = Arc::clone(self.active_segment());
        if old.base() == base {
            // Still empty: the same file goes on. (A batch that is larger than a segment was refused before.)
            return Ok(());
        }
        if self.config.compact && self.shows_flushed_only() {
            // Or a power cut could leave the new segment and take the end of this one, and nobody would see the hole: gaps are no news
            // there. In other logs recovery sees it, and nothing above it was acknowledged: the next flush takes both.
            old.log()?.sync()?;
        }
        old.seal(self.active.largest)?;
        self.note_producers(base)?;
        let segment = self.create_segment(base)?;
        self.unsynced.sealed.push(old);
        self.indexes_due.get_or_insert(base);
        Arc::make_mut(&mut self.segments).push(segment);
        self.active = Active::new(base, &self.config, now, self.jitter_seed);
        self.log_end = base;
        Ok(())
    }
}
