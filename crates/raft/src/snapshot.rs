//! The form of a snapshot file: a header, the metadata records, a footer, all in ordinary batches.
//!
//! Base offsets count from 0 within the file, the leader epoch is the snapshot's, nothing is compressed.

use crate::contents::{Contents, ContentsError, LogBatch};
use crate::control::{ControlRecord, control_batch};
use crate::effect::SealedBatch;
use crate::snapshot_id::SnapshotId;
use crate::voters::VoterSet;
use base::{LeaderEpoch, Offset, Timestamp};
use records::{BatchBuilder, batches};

/// A data batch in a snapshot is not made larger than this.
const BATCH_SIZE: usize = 1 << 20;
/// More than a record without key and headers takes besides its value.
const RECORD_OVERHEAD: usize = 28;

/// What stands before the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The append time of the last record that the snapshot covers; 0 if it covers none.
    pub last_contained_timestamp: Timestamp,
    /// `kraft.version`.
    pub kraft_version: i16,
    /// The voters, if they are records; written from `kraft.version` 1 on.
    pub voters: Option<VoterSet>,
}

/// Writes a snapshot, batch by batch.
#[derive(Debug)]
pub struct SnapshotWriter {
    epoch: LeaderEpoch,
    now: Timestamp,
    next: Offset,
    open: BatchBuilder,
}

impl SnapshotWriter {
    /// Begins the snapshot `id`; the first batch is the header.
    pub fn begin(id: SnapshotId, header: &SnapshotHeader, now: Timestamp) -> (Self, SealedBatch) {
        let mut records = vec![ControlRecord::SnapshotHeader {
            last_contained_timestamp: header.last_contained_timestamp,
        }];
        if header.kraft_version >= 1 {
            records.push(ControlRecord::KRaftVersion(header.kraft_version));
            records.extend(header.voters.clone().map(ControlRecord::Voters));
        }
        let mut writer = Self {
            epoch: id.epoch,
            now,
            next: Offset::ZERO,
            open: BatchBuilder::new(),
        };
        let batch = writer.control(&records);
        (writer, batch)
    }

    /// Adds a metadata record's value; now and then a batch is full and to be written.
    pub fn append(&mut self, value: &[u8]) -> Option<SealedBatch> {
        let full = !self.open.is_empty() && self.open.size() + value.len() + RECORD_OVERHEAD > BATCH_SIZE;
        let batch = if full { self.seal() } else { None };
        self.open.append(self.now, None, Some(value), &[]);
        batch
    }

    /// The last batches, the footer among them.
    pub fn finish(mut self) -> Vec<SealedBatch> {
        let mut last: Vec<_> = self.seal().into_iter().collect();
        last.push(self.control(&[ControlRecord::SnapshotFooter]));
        last
    }

    fn seal(&mut self) -> Option<SealedBatch> {
        let open = std::mem::take(&mut self.open);
        if open.is_empty() {
            return None;
        }
        let base = self.next;
        self.next = base.plus(i64::from(open.count()));
        Some(SealedBatch {
            base,
            epoch: self.epoch,
            batch: open.build(),
        })
    }

    fn control(&mut self, records: &[ControlRecord]) -> SealedBatch {
        let base = self.next;
        self.next = base.plus(records.len() as i64);
        SealedBatch {
            base,
            epoch: self.epoch,
            batch: control_batch(self.now, records),
        }
    }
}

/// Why a file is not a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// A batch in it cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// A batch is cut or damaged.
    #[error("the snapshot is damaged: {0}")]
    Batch(#[from] records::BatchError),
    /// A batch is not where the one before ends, or of another epoch.
    #[error("the snapshot's batch at offset {found} is not the one expected at {expected}")]
    Sequence {
        /// Where the batch before ends.
        expected: Offset,
        /// The batch's base offset.
        found: Offset,
    },
    /// It does not begin with a header.
    #[error("the snapshot does not begin with a header record")]
    NoHeader,
    /// It does not end with a footer: it was cut short.
    #[error("the snapshot does not end with a footer record")]
    NoFooter,
}

/// Reads a snapshot: the header, and every metadata record's value through `record`.
///
/// # Errors
/// If it is damaged or incomplete; `record` may have been called by then.
pub fn read(bytes: &[u8], mut record: impl FnMut(&[u8])) -> Result<SnapshotHeader, SnapshotError> {
    let mut header = None;
    let mut is_complete = false;
    let (mut expected, mut epoch) = (Offset::ZERO, None);
    for batch in batches(bytes) {
        let batch = LogBatch::read(&batch?)?;
        if batch.base != expected || *epoch.get_or_insert(batch.epoch) != batch.epoch {
            return Err(SnapshotError::Sequence {
                expected,
                found: batch.base,
            });
        }
        expected = batch.end;
        is_complete = false;
        match batch.contents {
            Contents::Data(values) => values.iter().for_each(|(_, value)| record(value)),
            Contents::Control(records) => {
                for (_, control) in records {
                    is_complete = control == ControlRecord::SnapshotFooter;
                    note(&mut header, control);
                }
            }
        }
        if header.is_none() {
            return Err(SnapshotError::NoHeader);
        }
    }
    if header.is_some() && !is_complete {
        return Err(SnapshotError::NoFooter);
    }
    header.ok_or(SnapshotError::NoHeader)
}

fn note(header: &mut Option<SnapshotHeader>, control: ControlRecord) {
    match (control, header) {
        (
            ControlRecord::SnapshotHeader {
                last_contained_timestamp,
            },
            header,
        ) => {
            *header = Some(SnapshotHeader {
                last_contained_timestamp,
                kraft_version: 0,
                voters: None,
            });
        }
        (ControlRecord::KRaftVersion(level), Some(header)) => header.kraft_version = level,
        (ControlRecord::Voters(voters), Some(header)) => header.voters = Some(voters),
        (ControlRecord::KRaftVersion(_) | ControlRecord::Voters(_), None)
        | (ControlRecord::SnapshotFooter | ControlRecord::LeaderChange { .. } | ControlRecord::Other(_), _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voters::parse_static;

    fn written(values: &[&[u8]], header: &SnapshotHeader) -> Vec<u8> {
        let id = SnapshotId {
            end: Offset(77),
            epoch: LeaderEpoch(3),
        };
        let (mut writer, first) = SnapshotWriter::begin(id, header, Timestamp(5));
        let mut sealed = vec![first];
        for value in values {
            sealed.extend(writer.append(value));
        }
        sealed.extend(writer.finish());
        let mut bytes = Vec::new();
        for part in sealed {
            bytes.extend_from_slice(&part.batch.header_at(part.base, part.epoch));
            bytes.extend_from_slice(part.batch.body());
        }
        bytes
    }

    fn header() -> SnapshotHeader {
        SnapshotHeader {
            last_contained_timestamp: Timestamp(42),
            kraft_version: 1,
            voters: parse_static("1@localhost:9093", "CONTROLLER").ok(),
        }
    }

    #[test]
    fn a_snapshot_reads_back() {
        let large = vec![7; BATCH_SIZE / 2];
        let values: [&[u8]; 4] = [b"one", &large, &large, b"two"];
        let mut read_back = Vec::new();
        let found = read(&written(&values, &header()), |value| read_back.push(value.to_vec())).unwrap();
        assert_eq!(found, header());
        assert_eq!(read_back, values);
        let static_quorum = SnapshotHeader {
            kraft_version: 0,
            voters: None,
            ..header()
        };
        assert_eq!(read(&written(&[], &static_quorum), |_| ()), Ok(static_quorum));
    }

    #[test]
    fn a_damaged_or_cut_snapshot_is_refused() {
        let whole = written(&[b"one", b"two"], &header());
        assert_eq!(read(&[], |_| ()), Err(SnapshotError::NoHeader));
        for cut in 1..whole.len() {
            assert!(read(&whole[..cut], |_| ()).is_err(), "cut at {cut}");
        }
        for flipped in (16..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[flipped] ^= 0x40;
            assert!(read(&damaged, |_| ()).is_err(), "byte {flipped}");
        }
    }
}
