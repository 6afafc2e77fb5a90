//! One batch, read where it lies.

use crate::checksum::crc32c;
use crate::header::{BatchError, BatchHeader, CHECKSUM_FROM, HEADER_LEN};
use crate::record::Records;

/// Exactly one batch within borrowed bytes: the header is parsed, the records are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchView<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the start of `bytes`, and what follows it.
    pub fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let size = header.size();
        if bytes.len() < size {
            return Err(BatchError::Partial {
                needed: size,
                available: bytes.len(),
            });
        }
        let (bytes, rest) = bytes.split_at(size);
        Ok((Self { header, bytes }, rest))
    }

    /// The parsed header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records' block, compressed if the attributes say so.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }

    /// Compares the checksum.
    pub fn check(&self) -> Result<(), BatchError> {
        let computed = crc32c(&self.bytes[CHECKSUM_FROM..]);
        if computed == self.header.crc {
            Ok(())
        } else {
            Err(BatchError::Checksum {
                stored: self.header.crc,
                computed,
            })
        }
    }

    /// The records of an uncompressed batch; of a compressed one, decompress [`BatchView::body`] and use
    /// [`Records::new`].
    pub fn records(&self) -> Option<Records<'a>> {
        let plain = !self.header.attributes.is_compressed();
        plain.then(|| Records::new(self.body(), self.header.record_count))
    }
}
