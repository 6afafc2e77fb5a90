//! Walking over the batch headers of a segment file, without reading the records.

use crate::error::{ReadError, StorageError};
use base::Offset;
use base::fs::File;
use records::{BatchError, BatchHeader, HEADER_LEN};
use std::io;

/// Bytes read at once: small batches come many at a time, large ones cost little more than their header.
const WINDOW: usize = 4096;

/// A batch's header and where the batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) position: u64,
    pub(crate) header: BatchHeader,
}

impl Placed {
    pub(crate) fn end(&self) -> u64 {
        self.position + self.header.size() as u64
    }
}

/// Why the walk ended early.
#[derive(Debug)]
pub(crate) enum ScanError {
    Io(io::Error),
    Batch(BatchError),
    /// The scrub has found that what holds this offset is damaged.
    Damaged(Offset),
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ScanError> for ReadError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Io(error) => error.into(),
            ScanError::Batch(error) => error.into(),
            ScanError::Damaged(offset) => Self::Damaged(offset),
        }
    }
}

impl From<ScanError> for StorageError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Io(error) => error.into(),
            ScanError::Batch(_) => Self::Corrupt("a batch header"),
            ScanError::Damaged(_) => Self::Corrupt("a batch"),
        }
    }
}

/// Walks from `position` to `end`.
pub(crate) struct HeaderScan<'a> {
    file: &'a dyn File,
    position: u64,
    end: u64,
    window_at: u64,
    /// Only as long as what was there to be read: at a log's tail a few bytes.
    window: Vec<u8>,
}

impl<'a> HeaderScan<'a> {
    pub(crate) fn new(file: &'a dyn File, position: u64, end: u64) -> Self {
        Self {
            file,
            position,
            end,
            window_at: 0,
            window: Vec::new(),
        }
    }

    /// Where the next batch begins.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Goes on at `position`, where a batch begins.
    pub(crate) fn skip_to(&mut self, position: u64) {
        self.position = position;
    }

    /// The `len` bytes at `position`, if a read for headers has brought them along.
    pub(crate) fn read_already(&self, position: u64, len: u64) -> Option<&[u8]> {
        let at = usize::try_from(position.checked_sub(self.window_at)?).ok()?;
        let end = at.checked_add(usize::try_from(len).ok()?)?;
        self.window.get(at..end)
    }

    /// The next header; none at the end. A batch that passes the end is an error.
    pub(crate) fn next(&mut self) -> Result<Option<Placed>, ScanError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = left.min(HEADER_LEN);
        let mut at = self.position.wrapping_sub(self.window_at) as usize;
        if self.position < self.window_at || at.saturating_add(wanted) > self.window.len() {
            self.window.resize(left.min(WINDOW), 0);
            let filled = self.file.read_at(&mut self.window, self.position)?;
            self.window.truncate(filled);
            self.window_at = self.position;
            at = 0;
        }
        let header = BatchHeader::parse(&self.window[at..]).map_err(ScanError::Batch)?;
        if header.size() > left {
            return Err(ScanError::Batch(BatchError::Partial {
                needed: header.size(),
                available: left,
            }));
        }
        let placed = Placed {
            position: self.position,
            header,
        };
        self.position = placed.end();
        Ok(Some(placed))
    }
}
