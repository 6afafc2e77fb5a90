//! Putting appended data on stable storage, without the partition's lock while the disk works.

use crate::error::StorageError;
use crate::home::Home;
use crate::log::Log;
use crate::segment::Segment;
use base::{Instant, Offset};
use std::sync::Arc;
use std::time::Duration;

/// A flush that was prepared under the lock, to run without it.
#[derive(Debug)]
#[must_use = "the recovery point moves only when the flush ran and was finished"]
pub struct Flush {
    home: Arc<Home>,
    segments: Vec<Arc<Segment>>,
    /// The last of `segments` is still appended to; its indexes are rebuilt after a crash anyway.
    active: Offset,
    /// A segment was begun since the last flush: the directory must be synced too.
    begun: bool,
    up_to: Offset,
}

impl Flush {
    /// The offset up to which the data will be safe.
    pub fn up_to(&self) -> Offset {
        self.up_to
    }

    /// Syncs the files; blocks as long as the disk takes.
    pub fn run(&self) -> Result<(), StorageError> {
        for segment in &self.segments {
            if segment.is_deleted() {
                continue;
            }
            segment.log()?.sync()?;
            segment.sync_transactions()?;
            if segment.base() < self.active {
                segment.sync_indexes()?;
            }
            let snapshot = crate::producer_state::snapshot_path(&self.home.dir(), segment.base());
            if segment.base() > Offset::ZERO && self.home.fs.exists(&snapshot) {
                self.home.fs.open(&snapshot, base::fs::Open::Write)?.sync()?;
            }
        }
        if self.begun {
            self.home.fs.sync_dir(&self.home.dir())?;
        }
        Ok(())
    }
}

impl Log {
    /// Whether a flush is due: a segment was completed, or `flush.messages` or `flush.ms` asks for it.
    pub fn flush_due(&mut self, now: Instant) -> bool {
        let unflushed = self.log_end.since(self.recovery_point);
        if unflushed <= 0 || self.offline {
            self.last_flush = Some(now);
            return false;
        }
        let since = now.since(*self.last_flush.get_or_insert(now));
        self.recovery_point < self.active_segment().base()
            || unflushed >= self.config.flush_messages
            || since >= Duration::from_millis(u64::try_from(self.config.flush_ms).unwrap_or(u64::MAX))
    }

    /// Collects what is to be synced; none if all is.
    pub fn prepare_flush(&mut self) -> Option<Flush> {
        if self.recovery_point >= self.log_end || self.offline {
            return None;
        }
        let first = self.view().segment_at(self.recovery_point);
        let segments = self.segments[first..].to_vec();
        let begun = segments.iter().any(|segment| segment.base() >= self.recovery_point);
        let active = self.active_segment().base();
        Some(Flush {
            home: Arc::clone(&self.home),
            segments,
            active,
            begun,
            up_to: self.log_end,
        })
    }

    /// Notes how `flush` went: the recovery point moves, or the log goes offline.
    pub fn finish_flush(&mut self, flush: Flush, result: Result<(), StorageError>, now: Instant) {
        self.last_flush = Some(now);
        match result {
            // The log may have been truncated meanwhile.
            Ok(()) => self.recovery_point = self.recovery_point.max(flush.up_to.min(self.log_end)),
            Err(_) => self.offline = true,
        }
    }

    /// All three steps at once.
    pub fn flush(&mut self, now: Instant) -> Result<(), StorageError> {
        let Some(flush) = self.prepare_flush() else {
            return if self.offline {
                Err(StorageError::Offline)
            } else {
                Ok(())
            };
        };
        let result = flush.run();
        self.finish_flush(flush, result, now);
        result
    }

    /// Closes the log for a clean shutdown: everything synced, index files complete, producer snapshot written. The
    /// files are opened again if the log is used all the same.
    pub fn close(&mut self, now: Instant) -> Result<(), StorageError> {
        self.flush(now)?;
        self.writing(|log| {
            log.producers.take_snapshot(crate::producer_state::Sync::Now)?;
            let segment = Arc::clone(log.active_segment());
            if segment.size() > 0 {
                segment.seal(log.active.largest)?;
            } else {
                segment.trim_log()?;
            }
            for segment in log.segments.iter() {
                segment.rest()?;
            }
            Ok(())
        })
    }
}
