//! The segment that the cleaner writes.

use super::error::CleaningError;
use super::pace::{Pace, PaceSetter};
use crate::active::Active;
use crate::config::LogConfig;
use crate::home::Home;
use crate::index::txn::AbortedTxn;
use crate::names::{CLEANED, SegmentFile};
use crate::segment::Segment;
use base::{Offset, Timestamp};
use records::BatchHeader;
use std::io;
use std::sync::Arc;

/// An output being written, under names that a crash removes.
pub(super) struct Output {
    home: Arc<Home>,
    segment: Segment,
    active: Active,
    interval: u32,
    /// Batches not written to the file yet.
    pub(super) pending: Vec<u8>,
    chunk: usize,
    written: u64,
}

impl Output {
    pub(super) fn create(
        home: &Arc<Home>,
        base: Offset,
        config: &LogConfig,
        chunk: usize,
        mut buffer: Vec<u8>,
    ) -> io::Result<Self> {
        buffer.clear();
        Ok(Self {
            home: Arc::clone(home),
            segment: Segment::create_cleaned(Arc::clone(home), base)?,
            active: Active::new(base, config, Timestamp::NONE, 0),
            interval: config.index_interval_bytes,
            pending: buffer,
            chunk,
            written: 0,
        })
    }

    /// The batch of `header` lies at the end of what is pending.
    pub(super) fn appended(&mut self, header: &BatchHeader, pace: &mut PaceSetter<'_>) -> Result<(), CleaningError> {
        let position = self.written + (self.pending.len() - header.size()) as u64;
        self.active.appended(&self.segment, header, position, self.interval)?;
        if self.pending.len() >= self.chunk {
            self.write_out(pace)?;
        }
        Ok(())
    }

    /// Adds to the transaction index.
    pub(super) fn aborted(&mut self, aborted: AbortedTxn) -> Result<(), CleaningError> {
        Ok(self.segment.transactions(|index| index.append(aborted))?)
    }

    fn write_out(&mut self, pace: &mut PaceSetter<'_>) -> Result<(), CleaningError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if pace(self.pending.len()) == Pace::Stop {
            return Err(CleaningError::Stopped);
        }
        self.segment.log()?.write_at(&self.pending, self.written)?;
        self.written += self.pending.len() as u64;
        self.segment.set_size(self.written);
        self.pending.clear();
        Ok(())
    }

    /// Completes the files and puts them on stable storage; their time is that of the last input.
    pub(super) fn finish(&mut self, modified: Timestamp, pace: &mut PaceSetter<'_>) -> Result<(), CleaningError> {
        self.write_out(pace)?;
        self.segment.seal(self.active.largest)?;
        self.home.fs.sync_together(&self.segment.files_of_sealed()?, &[])?;
        self.home
            .fs
            .set_modified(&self.segment.path(SegmentFile::Log), modified)?;
        Ok(self.home.fs.sync_dir(&self.home.dir())?)
    }

    /// The segment, and the buffer to be used again.
    pub(super) fn into_parts(self) -> (Segment, Vec<u8>) {
        (self.segment, self.pending)
    }

    /// Removes what was written.
    pub(super) fn discard(self) -> io::Result<()> {
        remove_cleaned(&self.home, self.segment.base())
    }
}

/// Removes the files of an output that will not take its place.
pub(super) fn remove_cleaned(home: &Home, base: Offset) -> io::Result<()> {
    for kind in SegmentFile::ALL {
        match home.fs.remove_file(&home.path(&(kind.name(base) + CLEANED))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
