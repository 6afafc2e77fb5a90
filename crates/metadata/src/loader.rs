//! Reading the metadata log with its transactions (KIP-868).

use crate::apply::ApplyError;
use crate::image::{MetadataImage, Provenance};
use base::{LeaderEpoch, Offset, Timestamp};
use protocol::metadata_records::MetadataRecord;

/// An image that follows the log: what lies between begin and end of a transaction shows only once it ended, and never
/// if it was aborted.
#[derive(Clone, Debug)]
pub struct Loader {
    image: MetadataImage,
    provenance: Provenance,
    /// The image when the open transaction began, and the offset of its first record.
    transaction: Option<(MetadataImage, Offset)>,
}

/// The log holds what no writer writes, or what this program does not understand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A record does not fit the image.
    #[error("the record at offset {offset} does not apply: {reason}")]
    Apply {
        /// Where the record lies.
        offset: Offset,
        /// What is wrong with it.
        reason: ApplyError,
    },
    /// Transactions do not nest.
    #[error("a transaction begins at offset {offset}, but the one begun at {open} is still open")]
    NestedTransaction {
        /// Where the inner one begins.
        offset: Offset,
        /// Where the outer one began.
        open: Offset,
    },
    /// An end or abort without a begin.
    #[error("a transaction ends at offset {0}, but none is open")]
    NoTransaction(Offset),
}

impl Default for Loader {
    fn default() -> Self {
        Self::new(MetadataImage::default(), Provenance::EMPTY)
    }
}

impl Loader {
    /// A loader that goes on from an image, such as one read from a snapshot.
    pub fn new(image: MetadataImage, provenance: Provenance) -> Self {
        Self {
            image,
            provenance,
            transaction: None,
        }
    }

    /// What may be shown: everything but an open transaction.
    pub fn published(&self) -> &MetadataImage {
        self.transaction.as_ref().map_or(&self.image, |(before, _)| before)
    }

    /// Everything that was read, an open transaction included: what the active controller decides on.
    pub fn latest(&self) -> &MetadataImage {
        &self.image
    }

    /// Up to where the log was read.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Where the open transaction began, if one is open.
    pub fn open_transaction(&self) -> Option<Offset> {
        self.transaction.as_ref().map(|(_, offset)| *offset)
    }

    /// Takes note of a batch's end: its last offset, its leader epoch and when it was appended.
    pub fn advance(&mut self, last_offset: Offset, epoch: LeaderEpoch, timestamp: Timestamp) {
        self.provenance = Provenance {
            last_contained_offset: last_offset,
            last_contained_epoch: epoch,
            last_contained_timestamp: timestamp,
        };
    }

    /// Reads one record.
    ///
    /// # Errors
    /// If it does not fit what was read before.
    pub fn replay(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), LoadError> {
        match record {
            MetadataRecord::BeginTransaction(_) => match self.open_transaction() {
                Some(open) => Err(LoadError::NestedTransaction { offset, open }),
                None => {
                    self.transaction = Some((self.image.clone(), offset));
                    Ok(())
                }
            },
            MetadataRecord::EndTransaction(_) => self
                .transaction
                .take()
                .map(drop)
                .ok_or(LoadError::NoTransaction(offset)),
            MetadataRecord::AbortTransaction(_) => {
                let (before, _) = self.transaction.take().ok_or(LoadError::NoTransaction(offset))?;
                self.image = before;
                Ok(())
            }
            _ => self
                .image
                .apply(record)
                .map_err(|reason| LoadError::Apply { offset, reason }),
        }
    }
}
