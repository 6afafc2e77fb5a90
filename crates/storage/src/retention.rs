//! Letting go of old records: by time, by size, by request.

use crate::deletion::Doomed;
use crate::error::StorageError;
use crate::log::Log;
use crate::unsynced::Epochs;
use base::{Offset, Timestamp};
use std::sync::Arc;

impl Log {
    /// DeleteRecords, or a leader's log start: moves the log start to `offset`, which the caller holds below the high
    /// watermark; at most to the log's end. Segments wholly below go with the next [`Log::delete_old_segments`].
    /// Returns whether it moved.
    pub fn advance_log_start(&mut self, offset: Offset) -> Result<bool, StorageError> {
        let offset = offset.min(self.log_end);
        if offset <= self.log_start {
            return Ok(false);
        }
        self.writing(|log| log.move_log_start(offset))?;
        Ok(true)
    }

    /// Removes whole segments that are below the log start or, if `cleanup.policy` has `delete`, too old or too many;
    /// none that reaches the high watermark. If all are removed, a new one begins at the log's end.
    pub fn delete_old_segments(&mut self, high_watermark: Offset, now: Timestamp) -> Result<Doomed, StorageError> {
        let mut count = self.count_deletable(high_watermark, |log, number| Ok(log.ends_before_start(number)))?;
        if self.config.delete {
            let mut surplus = self.surplus();
            count = count.max(self.count_deletable(high_watermark, |log, number| {
                let size = log.segments[number].size();
                let fits = size <= surplus;
                surplus = surplus.saturating_sub(size);
                Ok(fits)
            })?);
            count = count.max(self.count_deletable(high_watermark, |log, number| log.is_expired(number, now))?);
        }
        if count == 0 || self.swapping {
            return Ok(Doomed::default());
        }
        self.delete_first(count, now)
    }

    /// How many of the first segments may go: all that `wanted` names in a row and that the high watermark has passed.
    fn count_deletable(
        &self,
        high_watermark: Offset,
        mut wanted: impl FnMut(&Self, usize) -> Result<bool, StorageError>,
    ) -> Result<usize, StorageError> {
        let view = self.view();
        for number in 0..self.segments.len() {
            let empty_last = number + 1 == self.segments.len() && self.segments[number].size() == 0;
            if empty_last || view.end_of(number) > high_watermark || !wanted(self, number)? {
                return Ok(number);
            }
        }
        Ok(self.segments.len())
    }

    fn ends_before_start(&self, number: usize) -> bool {
        self.segments
            .get(number + 1)
            .is_some_and(|next| next.base() <= self.log_start)
    }

    /// Bytes above `retention.bytes`.
    fn surplus(&self) -> u64 {
        u64::try_from(self.config.retention_bytes).map_or(0, |kept| self.size().saturating_sub(kept))
    }

    fn is_expired(&self, number: usize, now: Timestamp) -> Result<bool, StorageError> {
        if self.config.retention_ms < 0 {
            return Ok(false);
        }
        let segment = &self.segments[number];
        let is_active = number + 1 == self.segments.len();
        let largest = if !is_active {
            segment.largest_timestamp()?.timestamp
        } else if self.active.largest.timestamp.0 >= 0 {
            self.active.largest.timestamp
        } else {
            segment.modified()?
        };
        Ok(now.0.saturating_sub(largest.0) > self.config.retention_ms)
    }

    fn delete_first(&mut self, count: usize, now: Timestamp) -> Result<Doomed, StorageError> {
        if count == self.segments.len() {
            self.roll(now)?;
        }
        self.writing(|log| {
            let removed: Vec<_> = Arc::make_mut(&mut log.segments).drain(..count).collect();
            let first = log.first_segment_base();
            if first > log.log_start {
                log.move_log_start(first)?;
            }
            let mut doomed = log.mark_deleted(&removed)?;
            for segment in &removed {
                doomed
                    .files
                    .extend(log.producers.mark_snapshot_deleted(segment.base())?);
            }
            Ok(doomed)
        })
    }

    fn move_log_start(&mut self, offset: Offset) -> Result<(), StorageError> {
        self.log_start = offset;
        if self.epochs.truncate_from_start(offset) == crate::leader_epoch::Flush::Due {
            // An old file is harmless: a start cuts it again. The next flush writes it.
            self.unsynced.epochs = Epochs::Due;
        }
        self.producers.on_log_start_offset_incremented(offset);
        Ok(())
    }
}
