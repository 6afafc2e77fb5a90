//! Cutting the log back, as a follower does that diverged from its leader.

use crate::active::Active;
use crate::deletion::Doomed;
use crate::error::StorageError;
use crate::log::Log;
use crate::replay::TransactionIndexes;
use crate::unsynced::Epochs;
use base::{Offset, Timestamp};
use std::sync::Arc;

impl Log {
    /// Removes everything from `offset` on. A batch that holds `offset` goes whole; the log ends at `offset` all the
    /// same, so that the leader's batches continue it. It is gone for good when this returns: after a power cut it could otherwise be
    /// taken for the continuation of what was appended since, or that for its own.
    pub fn truncate_to(&mut self, offset: Offset, now: Timestamp) -> Result<Doomed, StorageError> {
        if offset >= self.log_end {
            // An epoch that began at the end and wrote nothing is not the leader's either.
            self.forget_epochs_from(self.log_end);
            return Ok(Doomed::default());
        }
        if offset < self.first_segment_base() {
            return self.truncate_fully_and_start_at(offset, now);
        }
        self.writing(|log| {
            let kept = log.view().segment_at(offset) + 1;
            let mut removed = Arc::make_mut(&mut log.segments).split_off(kept);
            // From the end on, and before the last one that stays is cut: below the recovery point that is written down, or in a compacted
            // log, a start after a power cut does not look for a hole.
            removed.reverse();
            let doomed = log.mark_deleted(&removed)?;
            if !removed.is_empty() {
                log.home.fs.sync_dir(&log.home.dir())?;
            }
            // What is cut off, and the snapshots of its producers, must not come back after a power cut.
            log.unsynced.names_changed();
            log.cut_active(offset, now)?;
            // Or a segment that begins where the last one ended before would be taken for its continuation, too.
            log.active_segment().log()?.sync()?;
            log.log_end = offset;
            log.truncations += 1;
            log.ahead.forget();
            log.recovery_point = log.recovery_point.min(offset);
            log.first_dirty = log.first_dirty.map(|dirty| dirty.min(offset));
            log.log_start = log.log_start.min(offset);
            log.forget_epochs_from(offset);
            log.reload_producers(TransactionIndexes::Kept, now)?;
            log.high_watermark_moved(log.high_watermark.min(offset));
            Ok(doomed)
        })
    }

    /// Removes everything and begins anew at `offset`, as a follower does whose leader starts above its end.
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset, now: Timestamp) -> Result<Doomed, StorageError> {
        self.writing(|log| {
            let removed = std::mem::take(Arc::make_mut(&mut log.segments));
            let doomed = log.mark_deleted(&removed);
            let segment = log.create_segment(offset)?;
            Arc::make_mut(&mut log.segments).push(segment);
            let doomed = doomed?;
            log.active = Active::new(offset, &log.config, now, log.jitter_seed);
            (log.log_start, log.log_end) = (offset, offset);
            log.truncations += 1;
            log.ahead.forget();
            log.recovery_point = log.recovery_point.min(offset);
            log.first_dirty = None;
            log.forget_epochs_from(Offset::ZERO);
            log.producers.truncate_fully_and_start_at(offset)?;
            log.high_watermark = offset;
            Ok(doomed)
        })
    }

    /// The file follows with the next flush: if the cut is undone by a crash before that, what it names is there again, and
    /// if it is not, recovery drops what begins above the log's end.
    fn forget_epochs_from(&mut self, offset: Offset) {
        if self.epochs.truncate_from_end(offset) == crate::leader_epoch::Flush::Due {
            self.unsynced.epochs = Epochs::Due;
        }
    }

    /// Cuts the last segment before the batch that holds `offset`.
    fn cut_active(&mut self, offset: Offset, now: Timestamp) -> Result<(), StorageError> {
        let segment = Arc::clone(self.active_segment());
        // Headers tell where to cut. If what stays is damaged, the next scrub finds it again.
        segment.set_damages(Vec::new());
        let found = segment.find_batch(offset, segment.size())?;
        segment.truncate(offset, found.map_or(segment.size(), |placed| placed.position))?;
        let fresh = Active::new(segment.base(), &self.config, now, self.jitter_seed);
        self.active = if segment.size() == 0 {
            fresh
        } else {
            Active::load(&segment, fresh)?.0
        };
        Ok(())
    }
}
