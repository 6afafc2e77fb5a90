//! The 61 bytes before a batch's records.

use crate::attributes::{Attributes, TimestampType};
use crate::record::Record;
use base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// Bytes before the records.
pub const HEADER_LEN: usize = 61;
/// Bytes that the `batchLength` field does not count: itself and `baseOffset` before it.
pub const LOG_OVERHEAD: usize = 12;
/// Where the checksum begins to count.
pub(crate) const CHECKSUM_FROM: usize = 21;
const MAGIC_AT: usize = 16;
/// Bytes that tell of which format the rest is.
const TO_MAGIC: usize = MAGIC_AT + 1;
const CURRENT_MAGIC: i8 = 2;

/// The fields before the records, in the order of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The first record's offset; assigned by the leader.
    pub base_offset: Offset,
    /// Bytes after this field; the whole batch is [`LOG_OVERHEAD`] longer.
    pub batch_length: i32,
    /// The epoch of the leader that appended it; -1 from producers.
    pub partition_leader_epoch: LeaderEpoch,
    /// CRC-32C of everything after it.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Last offset less base offset; survives compaction.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas count from, or the delete horizon.
    pub base_timestamp: Timestamp,
    /// The greatest timestamp, or the time of the append.
    pub max_timestamp: Timestamp,
    /// The producer, if idempotent.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: ProducerEpoch,
    /// The first record's sequence number; -1 without a producer.
    pub base_sequence: i32,
    /// How many records follow; 0 in what compaction leaves of a producer's last batch.
    pub record_count: i32,
}

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end within the batch: the tail of a write that was torn, or of a fetch that was cut.
    #[error("a batch of {needed} bytes is cut after {available}")]
    Partial {
        /// Bytes the batch needs, as far as known.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// The length field is negative or less than a header.
    #[error("a batch cannot have length {0}")]
    Length(i32),
    /// Not format version 2.
    #[error("record format {0} is not supported")]
    Magic(i8),
    /// The checksum is another.
    #[error("record is corrupt (stored crc = {stored}, computed crc = {computed})")]
    Checksum {
        /// In the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the records need not be there.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let partial = BatchError::Partial {
            needed: HEADER_LEN,
            available: bytes.len(),
        };
        let Some(front) = bytes.first_chunk::<TO_MAGIC>() else {
            return Err(partial);
        };
        let batch_length = i32::from_be_bytes(field(front, 8));
        let magic = i8::from_be_bytes(field(front, MAGIC_AT));
        if magic != CURRENT_MAGIC {
            return Err(BatchError::Magic(magic));
        }
        if batch_length < (HEADER_LEN - LOG_OVERHEAD) as i32 {
            return Err(BatchError::Length(batch_length));
        }
        let Some(bytes) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(partial);
        };
        Ok(Self {
            base_offset: Offset(i64::from_be_bytes(field(bytes, 0))),
            batch_length,
            partition_leader_epoch: LeaderEpoch(i32::from_be_bytes(field(bytes, 12))),
            crc: u32::from_be_bytes(field(bytes, 17)),
            attributes: Attributes(i16::from_be_bytes(field(bytes, 21))),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)),
            base_timestamp: Timestamp(i64::from_be_bytes(field(bytes, 27))),
            max_timestamp: Timestamp(i64::from_be_bytes(field(bytes, 35))),
            producer_id: ProducerId(i64::from_be_bytes(field(bytes, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field(bytes, 51))),
            base_sequence: i32::from_be_bytes(field(bytes, 53)),
            record_count: i32::from_be_bytes(field(bytes, 57)),
        })
    }

    /// The header's bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        put(&mut bytes, 0, self.base_offset.0.to_be_bytes());
        put(&mut bytes, 8, self.batch_length.to_be_bytes());
        put(&mut bytes, 12, self.partition_leader_epoch.0.to_be_bytes());
        put(&mut bytes, MAGIC_AT, CURRENT_MAGIC.to_be_bytes());
        put(&mut bytes, 17, self.crc.to_be_bytes());
        put(&mut bytes, 21, self.attributes.0.to_be_bytes());
        put(&mut bytes, 23, self.last_offset_delta.to_be_bytes());
        put(&mut bytes, 27, self.base_timestamp.0.to_be_bytes());
        put(&mut bytes, 35, self.max_timestamp.0.to_be_bytes());
        put(&mut bytes, 43, self.producer_id.0.to_be_bytes());
        put(&mut bytes, 51, self.producer_epoch.0.to_be_bytes());
        put(&mut bytes, 53, self.base_sequence.to_be_bytes());
        put(&mut bytes, 57, self.record_count.to_be_bytes());
        bytes
    }

    /// Bytes of the whole batch, header included.
    pub fn size(&self) -> usize {
        usize::try_from(self.batch_length).map_or(HEADER_LEN, |length| length + LOG_OVERHEAD)
    }

    /// The last record's offset.
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The offset after the batch.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// The last record's sequence number (which wraps from the greatest `i32` to 0); -1 without a producer.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        self.base_sequence.wrapping_add(self.last_offset_delta) & i32::MAX
    }

    /// When one of its records was written: by the producer's clock, or by the broker's for all of them.
    pub fn timestamp_of(&self, record: &Record<'_>) -> Timestamp {
        self.timestamp_after(record.timestamp_delta)
    }

    /// The same of a record that tells so many milliseconds.
    pub(crate) fn timestamp_after(&self, delta: i64) -> Timestamp {
        match self.attributes.timestamp_type() {
            TimestampType::CreateTime => Timestamp(self.base_timestamp.0.wrapping_add(delta)),
            TimestampType::LogAppendTime => self.max_timestamp,
        }
    }

    /// When its tombstones, or its marker, may go; none before the cleaner has come by.
    pub fn delete_horizon(&self) -> Option<Timestamp> {
        let has = self.attributes.has_delete_horizon();
        has.then_some(self.base_timestamp)
    }

    /// Whether an idempotent producer wrote it.
    pub fn has_producer(&self) -> bool {
        self.producer_id.0 > ProducerId::NONE.0
    }
}

/// The `N` bytes at `from`. Inlined, it is one load: where it stands is known.
#[inline(always)]
fn field<const N: usize, const ALL: usize>(bytes: &[u8; ALL], from: usize) -> [u8; N] {
    *bytes[from..].first_chunk().expect("every field lies within the header")
}

/// Puts the bytes of a field at `from`.
#[inline(always)]
fn put<const N: usize>(bytes: &mut [u8; HEADER_LEN], from: usize, field: [u8; N]) {
    *bytes[from..]
        .first_chunk_mut()
        .expect("every field lies within the header") = field;
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn sample() -> BatchHeader {
        BatchHeader {
            base_offset: Offset(7),
            batch_length: 49,
            partition_leader_epoch: LeaderEpoch(3),
            crc: 0xdead_beef,
            attributes: Attributes(0x10),
            last_offset_delta: 2,
            base_timestamp: Timestamp(1000),
            max_timestamp: Timestamp(1002),
            producer_id: ProducerId(5),
            producer_epoch: ProducerEpoch(1),
            base_sequence: i32::MAX - 1,
            record_count: 3,
        }
    }

    #[test]
    fn a_header_reads_back_and_its_sums_hold() {
        let header = sample();
        assert_eq!(BatchHeader::parse(&header.to_bytes()), Ok(header));
        assert_eq!(header.size(), 61);
        assert_eq!(header.next_offset(), Offset(10));
        assert_eq!(header.last_sequence(), 0, "sequence numbers wrap to 0");
    }

    #[test]
    fn what_is_not_a_header_is_refused() {
        let good = sample().to_bytes();
        assert_eq!(
            BatchHeader::parse(&good[..60]),
            Err(BatchError::Partial {
                needed: 61,
                available: 60
            })
        );
        assert_eq!(
            BatchHeader::parse(&[]),
            Err(BatchError::Partial {
                needed: 61,
                available: 0
            })
        );
        let mut old = good;
        old[16] = 1;
        assert_eq!(BatchHeader::parse(&old), Err(BatchError::Magic(1)));
        for length in [-1, 0, 48] {
            let header = BatchHeader {
                batch_length: length,
                ..sample()
            };
            assert_eq!(BatchHeader::parse(&header.to_bytes()), Err(BatchError::Length(length)));
        }
    }
}
