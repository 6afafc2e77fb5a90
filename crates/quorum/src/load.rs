//! What the disk holds at start: the newest snapshot, and every batch after it.

use crate::error::QuorumError;
use crate::metadata_log::MetadataLog;
use crate::snapshots::{self, SnapshotFile};
use base::{LeaderEpoch, Offset, Timestamp};
use bytes::Bytes;
use controller::ControllerState;
use coordinator_runtime::Shard;
use metadata::image::Provenance;
use metadata::{Loader, MetadataImage};
use protocol::metadata_records::MetadataRecord;
use raft::contents::{Contents, LogBatch};
use raft::control::ControlRecord;
use raft::history::QuorumHistory;
use raft::snapshot::SnapshotHeader;
use raft::{LogShape, SnapshotId, VoterSet};
use records::{BatchError, batches};

/// The state that the files add up to.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) state: ControllerState,
    pub(crate) history: QuorumHistory,
    pub(crate) shape: LogShape,
    /// Every finished snapshot, oldest first.
    pub(crate) snapshots: Vec<SnapshotFile>,
    /// Bytes of the log that the newest snapshot does not cover.
    pub(crate) bytes_since_snapshot: u64,
    /// The append time of the last record.
    pub(crate) last_timestamp: Timestamp,
}

/// Reads everything.
pub(crate) fn load(log: &mut MetadataLog, static_voters: VoterSet) -> Result<Loaded, QuorumError> {
    let files = snapshots::list(log)?;
    let newest = files.last().map(|file| file.id);
    let mut state = Loaded {
        state: ControllerState::default(),
        history: QuorumHistory::new(static_voters),
        shape: LogShape::new(log.start(), log.start(), Vec::new(), None),
        snapshots: files
            .into_iter()
            .filter(|file| file.id != SnapshotId::BOOTSTRAP)
            .collect(),
        bytes_since_snapshot: 0,
        last_timestamp: Timestamp(0),
    };
    if let Some(id) = newest {
        state.take_snapshot(log, id)?;
    }
    let covered = newest.map_or(Offset::ZERO, |id| id.end);
    if log.start() > covered {
        return Err(QuorumError::Gap {
            dir: log.dir().to_owned(),
            start: log.start(),
            covered,
        });
    }
    log.read_all(|bytes| state.take_batches(bytes, covered))?;
    // Only now: the log before the snapshot's end is of older epochs than the snapshot.
    if let Some(id) = newest {
        state.shape.add_snapshot(id);
    }
    if log.end() < covered {
        return Err(QuorumError::Behind {
            dir: log.dir().to_owned(),
            end: log.end(),
            covered,
        });
    }
    Ok(state)
}

impl Loaded {
    fn take_snapshot(&mut self, log: &MetadataLog, id: SnapshotId) -> Result<(), QuorumError> {
        let (header, image) = snapshots::read(log, id)?;
        self.take_header(id, &header);
        // The bootstrap snapshot of newer releases holds records too; they are for the first leader to append.
        let image = if id == SnapshotId::BOOTSTRAP {
            MetadataImage::default()
        } else {
            image
        };
        let provenance = Provenance {
            last_contained_offset: Offset(id.end.0 - 1),
            last_contained_epoch: id.epoch,
            last_contained_timestamp: header.last_contained_timestamp,
        };
        self.last_timestamp = header.last_contained_timestamp;
        self.state = ControllerState::from_snapshot(Loader::new(image, provenance), id.end);
        Ok(())
    }

    fn take_header(&mut self, id: SnapshotId, header: &SnapshotHeader) {
        if header.kraft_version >= 1 {
            self.history.set_base_kraft_version(id.end, header.kraft_version);
        }
        if let Some(voters) = &header.voters {
            self.history.set_base_voters(id.end, voters.clone());
        }
    }

    /// Takes the whole batches in `bytes` and returns where the next begins.
    fn take_batches(&mut self, bytes: &[u8], covered: Offset) -> Result<Offset, QuorumError> {
        let mut next = self.shape.end();
        for batch in batches(bytes) {
            let batch = match batch {
                Ok(batch) => batch,
                Err(BatchError::Partial { .. }) => break,
                Err(error) => return Err(QuorumError::Batch { offset: next, error }),
            };
            let size = batch.bytes().len() as u64;
            let read = LogBatch::read(&batch)?;
            next = read.end;
            if read.end > covered {
                self.bytes_since_snapshot += size;
            }
            self.take_batch(&read, covered)?;
        }
        Ok(next)
    }

    fn take_batch(&mut self, batch: &LogBatch<'_>, covered: Offset) -> Result<(), QuorumError> {
        self.shape.grow(batch.epoch.max(LeaderEpoch(0)), batch.end);
        match &batch.contents {
            Contents::Control(records) => {
                for (offset, record) in records {
                    self.take_control(*offset, record);
                }
            }
            Contents::Data(values) => {
                for (offset, value) in values.iter().filter(|(offset, _)| *offset >= covered) {
                    let record = MetadataRecord::decode(&Bytes::copy_from_slice(value))
                        .map_err(|error| QuorumError::Record { offset: *offset, error })?;
                    self.state.replay(*offset, &record)?;
                }
            }
        }
        if batch.end > covered {
            self.last_timestamp = batch.timestamp;
        }
        Ok(())
    }

    fn take_control(&mut self, offset: Offset, record: &ControlRecord) {
        match record {
            ControlRecord::KRaftVersion(level) => self.history.set_kraft_version(offset, *level),
            ControlRecord::Voters(voters) => self.history.set_voters(offset, voters.clone()),
            ControlRecord::LeaderChange { .. }
            | ControlRecord::SnapshotHeader { .. }
            | ControlRecord::SnapshotFooter
            | ControlRecord::Other(_) => {}
        }
    }
}
