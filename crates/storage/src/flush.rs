//! Putting appended data on stable storage, without the partition's lock while the disk works.

use crate::error::StorageError;
use crate::log::Log;
use base::{Instant, Offset};

/// A flush that was prepared under the lock, to run without it.
#[derive(Debug)]
pub struct Flush {
    up_to: Offset,
}

impl Flush {
    /// The offset up to which the data will be safe.
    pub fn up_to(&self) -> Offset {
        self.up_to
    }

    /// Syncs the files; blocks as long as the disk takes.
    pub fn run(&self) -> Result<(), StorageError> {
        todo!()
    }
}

impl Log {
    /// Whether `flush.messages` or `flush.ms` asks for a flush now.
    pub fn flush_due(&self, _now: Instant) -> bool {
        todo!()
    }

    /// Collects what is to be synced; none if all is.
    pub fn prepare_flush(&mut self) -> Option<Flush> {
        todo!()
    }

    /// Notes that `flush` ran: the recovery point moves. A flush that failed makes the log offline.
    pub fn finish_flush(&mut self, _flush: Flush, _result: Result<(), StorageError>, _now: Instant) {
        todo!()
    }

    /// All three steps at once.
    pub fn flush(&mut self, _now: Instant) -> Result<(), StorageError> {
        todo!()
    }
}
