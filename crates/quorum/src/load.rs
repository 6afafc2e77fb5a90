//! What the disk holds at start: the state of the newest snapshot, and the outline of the log.
//!
//! The log's metadata records are not applied yet: which of them are committed, only the quorum can tell.

use crate::error::QuorumError;
use crate::metadata_log::MetadataLog;
use crate::snapshots::{self, SnapshotFile};
use base::{LeaderEpoch, Offset, Timestamp};
use controller::ControllerState;
use metadata::MetadataImage;
use raft::contents::{Contents, LogBatch};
use raft::history::QuorumHistory;
use raft::snapshot::SnapshotHeader;
use raft::{LogShape, SnapshotId, VoterSet};
use records::{BatchError, batches};

/// What the files say.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The fold of everything below `covered`.
    pub(crate) state: ControllerState,
    /// The end of the newest snapshot.
    pub(crate) covered: Offset,
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
    let covered = newest.map_or(Offset::ZERO, |id| id.end);
    let mut state = Loaded {
        state: ControllerState::default(),
        covered,
        history: QuorumHistory::new(static_voters.clone()),
        shape: LogShape::new(log.start(), log.start(), Vec::new(), None),
        snapshots: files
            .into_iter()
            .filter(|file| file.id != SnapshotId::BOOTSTRAP)
            .collect(),
        bytes_since_snapshot: 0,
        last_timestamp: Timestamp(0),
    };
    let before_start = state.snapshots.iter().find(|file| file.id.end == log.start());
    if let Some(file) = before_start {
        state.shape.set_start_epoch(file.id.epoch);
    }
    if let Some(id) = newest {
        state.take_snapshot(log, id)?;
    }
    if log.start() > covered {
        return Err(QuorumError::Gap {
            dir: log.dir().to_owned(),
            start: log.start(),
            covered,
        });
    }
    log.read_all(|bytes| state.take_batches(bytes, covered))?;
    if let Some(id) = newest {
        if (state.shape.last_epoch(), log.end()) < (id.epoch, id.end) {
            state.begin_anew(log, id, static_voters)?;
        }
        // Only now: the log before the snapshot's end is of older epochs than the snapshot.
        state.shape.add_snapshot(id);
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
        self.last_timestamp = header.last_contained_timestamp;
        self.state = ControllerState::from_snapshot(snapshots::loader(id, &header, image), id.end);
        Ok(())
    }

    /// The leader's snapshot was installed, and the node stopped before the log gave way to it.
    fn begin_anew(
        &mut self,
        log: &mut MetadataLog,
        id: SnapshotId,
        static_voters: VoterSet,
    ) -> Result<(), QuorumError> {
        tracing::info!(snapshot = %id, end = %log.end(), "the metadata log ends before the snapshot and begins anew there");
        log.restart_at(id.end)?;
        self.shape.install(id);
        self.history = QuorumHistory::new(static_voters);
        self.bytes_since_snapshot = 0;
        self.take_snapshot(log, id)
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
            self.take_batch(&read, covered);
        }
        Ok(next)
    }

    fn take_batch(&mut self, batch: &LogBatch<'_>, covered: Offset) {
        self.shape.grow(batch.epoch.max(LeaderEpoch(0)), batch.end);
        if let Contents::Control(records) = &batch.contents {
            for (offset, record) in records {
                self.history.take(*offset, record);
            }
        }
        if batch.end > covered {
            self.last_timestamp = batch.timestamp;
        }
    }
}
