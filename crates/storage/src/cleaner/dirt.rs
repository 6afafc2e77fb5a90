//! How dirty a log is, and which part of it can be cleaned.

use crate::config::LogConfig;
use crate::error::StorageError;
use crate::home::Home;
use crate::log::Log;
use crate::segment::Segment;
use crate::view::LogView;
use base::{Offset, Timestamp};
use std::sync::Arc;

/// What the cleaner must know of a log, taken under its lock.
#[derive(Debug)]
pub struct CleaningView {
    view: LogView,
    home: Arc<Home>,
    config: Arc<LogConfig>,
    first_dirty: Option<Offset>,
    /// The last stable offset, or up to where the log is on stable storage.
    bound: Offset,
}

/// A log's dirty part, measured.
#[derive(Debug)]
pub struct LogToClean {
    pub(super) view: LogView,
    pub(super) home: Arc<Home>,
    pub(super) config: Arc<LogConfig>,
    /// What is below was cleaned before.
    pub first_dirty: Offset,
    /// Where the cleaning must end: at the start of a segment.
    pub first_uncleanable: Offset,
    /// The number of that segment.
    pub(super) uncleanable_at: usize,
    /// Bytes of the segments below the first dirty offset.
    pub clean_bytes: u64,
    /// Bytes of the segments that can be cleaned.
    pub cleanable_bytes: u64,
    /// By how much `max.compaction.lag.ms` has passed; 0 if it has not.
    pub overdue_ms: i64,
}

impl Log {
    /// A picture for the cleaner. Nothing at or above `last_stable_offset` is cleaned, nor what is not on stable storage
    /// yet: a cleaned segment must never be less durable than what it replaces.
    pub fn cleaning_view(&self, last_stable_offset: Offset) -> CleaningView {
        CleaningView {
            view: self.view(),
            home: Arc::clone(&self.home),
            config: Arc::clone(&self.config),
            first_dirty: self.first_dirty,
            bound: last_stable_offset.min(self.recovery_point()),
        }
    }

    /// What is below was cleaned: goes to `cleaner-offset-checkpoint`; none if nothing ever was.
    pub fn first_dirty_offset(&self) -> Option<Offset> {
        self.first_dirty
    }

    /// A pass has come this far, or the checkpoint says so.
    pub fn set_first_dirty_offset(&mut self, offset: Offset) {
        self.first_dirty = Some(offset);
    }
}

impl CleaningView {
    /// Measures the dirt. A checkpoint that does not fit the log counts as none, as in Kafka.
    pub fn measure(self, now: Timestamp) -> Result<LogToClean, StorageError> {
        let start = self.view.log_start_offset();
        let first_dirty = match self.first_dirty {
            Some(dirty) if dirty >= start && dirty <= self.view.log_end_offset() => dirty,
            Some(_) | None => start,
        };
        let uncleanable_at = self.uncleanable_at(first_dirty, now)?;
        let segments = &self.view.segments;
        let first_uncleanable = segments[uncleanable_at].base();
        let dirty_at = self.view.segment_at(first_dirty.min(first_uncleanable));
        let bytes = |segments: &[Arc<Segment>]| segments.iter().map(|segment| segment.size()).sum();
        let below = segments.partition_point(|segment| segment.base() < first_dirty);
        let overdue_ms = self.overdue_ms(first_dirty, now)?;
        Ok(LogToClean {
            clean_bytes: bytes(&segments[..below]),
            cleanable_bytes: bytes(&segments[dirty_at..uncleanable_at.max(dirty_at)]),
            overdue_ms,
            first_dirty,
            first_uncleanable: first_uncleanable.max(first_dirty),
            uncleanable_at,
            view: self.view,
            home: self.home,
            config: self.config,
        })
    }

    /// The number of the first segment that cannot be cleaned: the active one, or one that reaches the bound, or one with
    /// a record younger than `min.compaction.lag.ms`.
    fn uncleanable_at(&self, first_dirty: Offset, now: Timestamp) -> Result<usize, StorageError> {
        let active = self.view.segments.len() - 1;
        let mut at = self.view.segment_at(self.bound).min(active);
        let lag = self.config.min_compaction_lag_ms.max(0);
        if lag > 0 {
            for number in self.view.segment_at(first_dirty)..at {
                let largest = self.view.segments[number].largest_timestamp()?.timestamp;
                if largest.0 > now.0.saturating_sub(lag) {
                    at = number;
                    break;
                }
            }
        }
        Ok(at)
    }

    /// How long ago the oldest dirty record should have been compacted.
    fn overdue_ms(&self, first_dirty: Offset, now: Timestamp) -> Result<i64, StorageError> {
        let lag = self.config.max_compaction_lag_ms.max(0);
        if lag == i64::MAX {
            return Ok(0);
        }
        let active = self.view.segments.len() - 1;
        let dirty = &self.view.segments[self.view.segment_at(first_dirty).min(active)..active];
        let mut earliest = i64::MAX;
        for segment in dirty {
            let first = segment.first_timestamp()?.0;
            if first > 0 {
                earliest = earliest.min(first);
            }
        }
        Ok(now.0.saturating_sub(lag).saturating_sub(earliest).max(0))
    }
}

impl LogToClean {
    /// The share of the cleanable bytes in all that would be read, from 0 to 1.
    pub fn cleanable_ratio(&self) -> f64 {
        let total = self.clean_bytes + self.cleanable_bytes;
        if total == 0 {
            return 0.0;
        }
        self.cleanable_bytes as f64 / total as f64
    }

    /// Whether the topic's settings ask for a cleaning now.
    pub fn is_due(&self) -> bool {
        self.overdue_ms > 0 && self.cleanable_bytes > 0
            || self.cleanable_ratio() > self.config.min_cleanable_dirty_ratio
    }

    /// The segments with dirty records, each with the offset where the next one begins.
    pub(super) fn dirty(&self) -> impl Iterator<Item = (&Segment, Offset)> {
        let first = self.view.segment_at(self.first_dirty);
        (first..self.uncleanable_at).map(|number| (&*self.view.segments[number], self.view.end_of(number)))
    }
}
