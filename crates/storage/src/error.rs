//! What can go wrong, as facts. The comments name the protocol's error.

use crate::producer_state::ProducerError;
use base::Offset;
use base::fs::is_out_of_descriptors;
use records::BatchError;
use std::io;

/// The log's files could not be read or written: KAFKA_STORAGE_ERROR. After a failed write the log is offline for
/// good, since what reached the disk is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// A read, write or sync failed now.
    #[error("log directory failure: {0}")]
    Io(io::ErrorKind),
    /// No more files could be opened: nothing was written, and it may be tried again.
    #[error("too many open files")]
    TooManyOpenFiles,
    /// A write failed earlier.
    #[error("the log is offline after an earlier write error")]
    Offline,
    /// A file does not hold what its name promises.
    #[error("a file of the log is corrupt: {0}")]
    Corrupt(&'static str),
}

impl StorageError {
    /// Whether the volume has no space left: nothing is wrong with what is on it.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io(kind) if is_full(*kind))
    }

    /// Whether the disk is well all the same: what was refused may be tried again.
    pub fn is_passing(&self) -> bool {
        self.is_full() || *self == Self::TooManyOpenFiles
    }
}

/// Whether an error says that there is no space left, or none of it for us.
pub fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        if is_out_of_descriptors(&error) {
            Self::TooManyOpenFiles
        } else {
            Self::Io(error.kind())
        }
    }
}

/// Why a log could not be opened.
pub type OpenError = StorageError;

/// Why nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// KAFKA_STORAGE_ERROR.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// RECORD_LIST_TOO_LARGE.
    #[error("{size} bytes of batches do not fit into a segment of {max}")]
    LargerThanSegment {
        /// Bytes to append.
        size: usize,
        /// `segment.bytes`.
        max: u32,
    },
    /// INVALID_RECORD: one append spans more offsets than a segment's index can tell apart.
    #[error("offsets {first} to {last} do not fit into one segment")]
    OffsetOverflow {
        /// The first.
        first: Offset,
        /// The last.
        last: Offset,
    },
    /// A follower's batches do not continue its log: its fetcher must truncate or stop.
    #[error("offset {found} was to be appended where {expected} is next")]
    UnexpectedOffset {
        /// The log's end.
        expected: Offset,
        /// The batch's base offset.
        found: Offset,
    },
    /// OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED or INVALID_TXN_STATE.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// INVALID_RECORD: a control batch that is no transaction marker, from a client or a coordinator.
    #[error("a control batch without a readable marker")]
    NoMarker,
}

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// KAFKA_STORAGE_ERROR.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// OFFSET_OUT_OF_RANGE.
    #[error("offset {offset} is not within [{start}, {end}]")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// The log start offset.
        start: Offset,
        /// The log end offset.
        end: Offset,
    },
    /// CORRUPT_MESSAGE.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// CORRUPT_MESSAGE: the records of the batch at this offset cannot be read.
    #[error("the records of the batch at offset {0} cannot be read")]
    Records(Offset),
    /// CORRUPT_MESSAGE: the scrub has found that what holds the offset is not what was written.
    #[error("what holds offset {0} is damaged")]
    Damaged(Offset),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Storage(error.into())
    }
}
