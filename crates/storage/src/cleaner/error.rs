//! Why a log was not cleaned.

use crate::error::{ReadError, StorageError};
use crate::scan::ScanError;
use base::Offset;
use records::{BatchError, CleanError};
use std::io;

/// Why a log was not cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CleaningError {
    /// The log directory.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Whoever sets the pace wants no more.
    #[error("the cleaning was stopped")]
    Stopped,
    /// A batch is damaged: it is not copied with a new checksum.
    #[error("the batch at position {position} of segment {segment} is damaged: {error}")]
    Batch {
        /// The segment's base offset.
        segment: Offset,
        /// Where the batch begins.
        position: u64,
        /// What is wrong.
        error: BatchError,
    },
    /// The records of the batch at this offset cannot be read.
    #[error("the records of the batch at offset {0} cannot be read")]
    Records(Offset),
    /// What is left of the batch at this offset cannot be written.
    #[error("the batch at offset {0} cannot be written anew: {1}")]
    Rewrite(Offset, CleanError),
    /// The map of keys cannot take even one batch more.
    #[error("{slots} keys of log.cleaner.dedupe.buffer.size do not suffice for the batch at offset {offset}")]
    MapTooSmall {
        /// The batch.
        offset: Offset,
        /// Keys that fit.
        slots: usize,
    },
}

impl From<io::Error> for CleaningError {
    fn from(error: io::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<ScanError> for CleaningError {
    fn from(error: ScanError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<ReadError> for CleaningError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) => Self::Storage(error),
            ReadError::OffsetOutOfRange { .. }
            | ReadError::Batch(_)
            | ReadError::Records(_)
            | ReadError::Damaged(_) => Self::Storage(StorageError::Corrupt("a batch header")),
        }
    }
}
