//! A batch that may be appended: the proof is the type.

use crate::checksum::crc32c_of_two;
use crate::header::{BatchHeader, CHECKSUM_FROM, HEADER_LEN};
use base::{LeaderEpoch, Offset};
use bytes::Bytes;

/// A batch whose checksum, size, format and record structure hold. Made by [`VerifiedBatch::verify`] from a producer's
/// bytes or by [`crate::BatchBuilder`]. The header is apart from the records, so that offsets are assigned without
/// touching (or copying) the bytes that came from the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedBatch {
    header: BatchHeader,
    body: Bytes,
}

impl VerifiedBatch {
    /// For this crate's builder and verifier: `body` is known to be well-formed and `header` to describe it.
    pub(crate) fn proven(header: BatchHeader, body: Bytes) -> Self {
        debug_assert_eq!(header.size(), HEADER_LEN + body.len());
        Self { header, body }
    }

    /// The header; base offset and leader epoch are as the producer sent them.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The records' block as it will be stored.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    /// The header's bytes as the leader of `epoch` stores it at `base`. The checksum does not cover either.
    pub fn header_at(&self, base: Offset, epoch: LeaderEpoch) -> [u8; HEADER_LEN] {
        let header = BatchHeader {
            base_offset: base,
            partition_leader_epoch: epoch,
            ..self.header
        };
        header.to_bytes()
    }

    /// The whole batch in one piece; copies.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.size());
        bytes.extend_from_slice(&self.header.to_bytes());
        bytes.extend_from_slice(&self.body);
        bytes.into()
    }
}

/// The checksum that belongs into `header` before `body`.
pub(crate) fn checksum_of(header: &BatchHeader, body: &[u8]) -> u32 {
    crc32c_of_two(&header.to_bytes()[CHECKSUM_FROM..], body)
}
