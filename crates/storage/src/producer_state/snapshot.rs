//! The bytes of a producer snapshot: version, checksum, and one fixed-size entry per producer.

use super::entry::{BatchMetadata, ProducerEntry};
use base::{Offset, ProducerEpoch, ProducerId, Timestamp};
use records::checksum::crc32c;

const VERSION: i16 = 1;
const CHECKSUM_AT: usize = 2;
const ENTRIES_AT: usize = 6;
const ENTRY_LEN: usize = 46;

/// One producer as a snapshot keeps it: of its batches only the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The last sequence of its last batch; -1 if it has none in this epoch.
    pub last_sequence: i32,
    /// The last offset of its last batch; -1 if it has none in this epoch.
    pub last_offset: Offset,
    /// How many offsets the first record of that batch lies before its last.
    pub offset_delta: i32,
    /// Its last timestamp.
    pub timestamp: Timestamp,
    /// The epoch of the coordinator that wrote its last marker; -1 before the first.
    pub coordinator_epoch: i32,
    /// The first offset of its open transaction; -1 if none is open.
    pub current_txn_first_offset: Offset,
}

/// The file is not a whole producer snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The file's version is not 1.
    #[error("producer snapshot has the unknown version {0}")]
    Version(i16),
    /// The checksum does not fit the content.
    #[error("producer snapshot is corrupt: checksum {stored} is stored, {computed} computed")]
    Checksum {
        /// What the file says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The file's length does not fit its entry count.
    #[error("producer snapshot of {len} bytes cannot hold its entries")]
    Length {
        /// The file's length.
        len: usize,
    },
}

impl SnapshotEntry {
    /// What a snapshot keeps of `entry`.
    pub(super) fn of(producer_id: ProducerId, entry: &ProducerEntry) -> Self {
        let last = entry.last_batch();
        Self {
            producer_id,
            epoch: entry.epoch,
            last_sequence: entry.last_sequence(),
            last_offset: last.map_or(Offset::NONE, |batch| batch.last_offset),
            offset_delta: last.map_or(0, |batch| batch.offset_delta),
            timestamp: entry.last_timestamp,
            coordinator_epoch: entry.coordinator_epoch,
            current_txn_first_offset: entry.current_txn_first_offset.unwrap_or(Offset::NONE),
        }
    }

    /// The producer's state that the snapshot brings back.
    pub(super) fn to_entry(self) -> ProducerEntry {
        let mut entry = ProducerEntry::new();
        entry.enter_epoch(self.epoch);
        if self.last_offset.0 >= 0 {
            let batch = BatchMetadata {
                last_sequence: self.last_sequence,
                last_offset: self.last_offset,
                offset_delta: self.offset_delta,
                timestamp: self.timestamp,
            };
            entry.push(self.epoch, batch);
        }
        entry.last_timestamp = self.timestamp;
        entry.coordinator_epoch = self.coordinator_epoch;
        let first_offset = self.current_txn_first_offset;
        entry.current_txn_first_offset = (first_offset.0 >= 0).then_some(first_offset);
        entry
    }
}

/// The file's bytes for `entries`.
pub fn encode(entries: &[SnapshotEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ENTRIES_AT + 4 + entries.len() * ENTRY_LEN);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    let count = i32::try_from(entries.len()).expect("a partition has fewer than 2^31 producers");
    bytes.extend_from_slice(&count.to_be_bytes());
    for entry in entries {
        bytes.extend_from_slice(&entry.producer_id.0.to_be_bytes());
        bytes.extend_from_slice(&entry.epoch.0.to_be_bytes());
        bytes.extend_from_slice(&entry.last_sequence.to_be_bytes());
        bytes.extend_from_slice(&entry.last_offset.0.to_be_bytes());
        bytes.extend_from_slice(&entry.offset_delta.to_be_bytes());
        bytes.extend_from_slice(&entry.timestamp.0.to_be_bytes());
        bytes.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
        bytes.extend_from_slice(&entry.current_txn_first_offset.0.to_be_bytes());
    }
    let checksum = crc32c(&bytes[ENTRIES_AT..]);
    bytes[CHECKSUM_AT..ENTRIES_AT].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// The entries in the file's bytes.
pub fn decode(bytes: &[u8]) -> Result<Vec<SnapshotEntry>, SnapshotError> {
    let wrong_length = SnapshotError::Length { len: bytes.len() };
    let mut fields = Fields { rest: bytes };
    let version = i16::from_be_bytes(fields.take().ok_or(wrong_length)?);
    if version != VERSION {
        return Err(SnapshotError::Version(version));
    }
    let stored = u32::from_be_bytes(fields.take().ok_or(wrong_length)?);
    let computed = crc32c(fields.rest);
    if stored != computed {
        return Err(SnapshotError::Checksum { stored, computed });
    }
    let count = i32::from_be_bytes(fields.take().ok_or(wrong_length)?);
    let fits = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(ENTRY_LEN));
    if fits.is_none_or(|len| len != fields.rest.len()) {
        return Err(wrong_length);
    }
    let mut entries = Vec::with_capacity(fields.rest.len() / ENTRY_LEN);
    while !fields.rest.is_empty() {
        entries.push(fields.entry().ok_or(wrong_length)?);
    }
    Ok(entries)
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn entry(&mut self) -> Option<SnapshotEntry> {
        Some(SnapshotEntry {
            producer_id: ProducerId(i64::from_be_bytes(self.take()?)),
            epoch: ProducerEpoch(i16::from_be_bytes(self.take()?)),
            last_sequence: i32::from_be_bytes(self.take()?),
            last_offset: Offset(i64::from_be_bytes(self.take()?)),
            offset_delta: i32::from_be_bytes(self.take()?),
            timestamp: Timestamp(i64::from_be_bytes(self.take()?)),
            coordinator_epoch: i32::from_be_bytes(self.take()?),
            current_txn_first_offset: Offset(i64::from_be_bytes(self.take()?)),
        })
    }
}
