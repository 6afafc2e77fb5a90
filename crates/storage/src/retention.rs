//! Letting go of old records: by time, by size, by request.
//!
//! In steps, so that the lock is held for moments only, however much goes: what is old is found in a picture of the log, a few
//! segments at a time leave the list under the lock, and their files are renamed without it.

use crate::config::LogConfig;
use crate::deletion::Doomed;
use crate::error::StorageError;
use crate::home::Home;
use crate::leader_epoch::Flush;
use crate::log::Log;
use crate::producer_state::rename_snapshot;
use crate::segment::Segment;
use crate::unsynced::Epochs;
use crate::view::LogView;
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
        if self.offline {
            return Err(StorageError::Offline);
        }
        self.move_log_start(offset);
        Ok(true)
    }

    /// A picture for [`RetentionView::find_old`].
    pub fn retention_view(&self, high_watermark: Offset) -> RetentionView {
        RetentionView {
            view: self.view(),
            config: Arc::clone(&self.config),
            high_watermark,
        }
    }

    /// Takes at most `most` of the segments in `old` out of the log, as far as they still are its first; a segment that was
    /// appended to meanwhile stays. If all go, a new one begins at the log's end. None while the cleaner exchanges some.
    pub fn take_out(&mut self, old: &OldSegments, most: usize, now: Timestamp) -> Result<Retired, StorageError> {
        let mut count = old.first_of(&self.segments).min(most);
        if count == self.segments.len() && self.log_end > old.log_end {
            count -= 1;
        }
        if count == 0 || self.swapping {
            return Ok(Retired::nothing(&self.home));
        }
        if count == self.segments.len() {
            self.roll(now)?;
        }
        self.writing(|log| {
            let segments: Vec<_> = Arc::make_mut(&mut log.segments).drain(..count).collect();
            let first = log.first_segment_base();
            if first > log.log_start {
                log.move_log_start(first);
            }
            let snapshots = segments
                .iter()
                .filter(|segment| log.producers.release_snapshot(segment.base()));
            Ok(Retired {
                home: Arc::clone(&log.home),
                snapshots: snapshots.map(|segment| segment.base()).collect(),
                segments,
                renamed: Doomed::default(),
            })
        })
    }

    /// All steps at once: removes whole segments that are below the log start or, if `cleanup.policy` has `delete`, too old
    /// or too many; none that reaches the high watermark.
    pub fn delete_old_segments(&mut self, high_watermark: Offset, now: Timestamp) -> Result<Doomed, StorageError> {
        let old = self.retention_view(high_watermark).find_old(now)?;
        let retired = self.take_out(&old, usize::MAX, now)?;
        self.writing(|_| retired.rename())
    }

    /// The file of epochs is written with the next flush: a start brings it in line with the log's start.
    fn move_log_start(&mut self, offset: Offset) {
        self.log_start = offset;
        if self.epochs.truncate_from_start(offset) == Flush::Due {
            self.unsynced.epochs = Epochs::Due;
        }
        self.producers.on_log_start_offset_incremented(offset);
    }
}

/// What retention must know of a log, taken under its lock.
#[derive(Debug)]
pub struct RetentionView {
    view: LogView,
    config: Arc<LogConfig>,
    high_watermark: Offset,
}

/// The first segments of a log, which may go.
#[derive(Debug)]
pub struct OldSegments {
    segments: Vec<Arc<Segment>>,
    /// Where the log ended when they were found.
    log_end: Offset,
}

/// Segments that left a log; files of theirs have yet to be renamed.
#[derive(Debug)]
#[must_use = "the files are still there, under the names of the log's"]
pub struct Retired {
    pub(crate) home: Arc<Home>,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The offsets of the producer snapshots that go with them.
    pub(crate) snapshots: Vec<Offset>,
    /// What has been renamed already.
    pub(crate) renamed: Doomed,
}

impl RetentionView {
    /// The first segments that are below the log start or, if `cleanup.policy` has `delete`, too old or too many; none that
    /// reaches the high watermark. Looks into files.
    pub fn find_old(self, now: Timestamp) -> Result<OldSegments, StorageError> {
        let mut count = self.count(|view, number| Ok(view.ends_before_start(number)))?;
        if self.config.delete {
            let mut surplus = self.surplus();
            count = count.max(self.count(|view, number| {
                let size = view.view.size_of(number);
                let fits = size <= surplus;
                surplus = surplus.saturating_sub(size);
                Ok(fits)
            })?);
            count = count.max(self.count(|view, number| view.is_expired(number, now))?);
        }
        Ok(OldSegments {
            segments: self.view.segments[..count].to_vec(),
            log_end: self.view.log_end_offset(),
        })
    }

    /// How many of the first segments may go: all that `wanted` names in a row and that the high watermark has passed.
    fn count(&self, mut wanted: impl FnMut(&Self, usize) -> Result<bool, StorageError>) -> Result<usize, StorageError> {
        let all = self.view.segments.len();
        for number in 0..all {
            let empty_last = number + 1 == all && self.view.size_of(number) == 0;
            if empty_last || self.view.end_of(number) > self.high_watermark || !wanted(self, number)? {
                return Ok(number);
            }
        }
        Ok(all)
    }

    fn ends_before_start(&self, number: usize) -> bool {
        let next = self.view.segments.get(number + 1);
        next.is_some_and(|next| next.base() <= self.view.log_start_offset())
    }

    /// Bytes above `retention.bytes`.
    fn surplus(&self) -> u64 {
        let size = || {
            (0..self.view.segments.len())
                .map(|number| self.view.size_of(number))
                .sum::<u64>()
        };
        u64::try_from(self.config.retention_bytes).map_or(0, |kept| size().saturating_sub(kept))
    }

    fn is_expired(&self, number: usize, now: Timestamp) -> Result<bool, StorageError> {
        if self.config.retention_ms < 0 {
            return Ok(false);
        }
        let segment = &self.view.segments[number];
        let is_active = number + 1 == self.view.segments.len();
        let largest = if !is_active {
            segment.largest_timestamp()?.timestamp
        } else if self.view.active_largest.timestamp.0 >= 0 {
            self.view.active_largest.timestamp
        } else {
            segment.modified()?
        };
        Ok(now.0.saturating_sub(largest.0) > self.config.retention_ms)
    }
}

impl OldSegments {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// How many of them `segments` begins with. (Some may have been taken out before.)
    fn first_of(&self, segments: &[Arc<Segment>]) -> usize {
        let Some(skipped) = self.segments.iter().position(|old| Arc::ptr_eq(old, &segments[0])) else {
            return 0;
        };
        let pairs = self.segments[skipped..].iter().zip(segments);
        pairs.take_while(|(old, now)| Arc::ptr_eq(old, now)).count()
    }
}

impl Retired {
    fn nothing(home: &Arc<Home>) -> Self {
        Self {
            home: Arc::clone(home),
            segments: Vec::new(),
            snapshots: Vec::new(),
            renamed: Doomed::default(),
        }
    }

    /// Whether there is nothing to rename.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Renames the files, without the lock; they are to be removed later.
    pub fn rename(self) -> Result<Doomed, StorageError> {
        let mut doomed = self.renamed;
        doomed.segments += self.segments.len();
        for segment in &self.segments {
            doomed.files.extend(segment.mark_deleted()?);
        }
        for snapshot in self.snapshots {
            doomed
                .files
                .extend(rename_snapshot(&*self.home.fs, &self.home.dir(), snapshot)?);
        }
        Ok(doomed)
    }
}
