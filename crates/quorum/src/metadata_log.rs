//! The metadata log on disk: `__cluster_metadata-0` with its batches and its `quorum-state`.

use crate::error::QuorumError;
use base::fs::Fs;
use base::{Clock, Offset, TopicPartition, Uuid};
use bytes::Bytes;
use config::broker::MetadataLogSettings;
use raft::contents::LogBatch;
use raft::quorum_state::{self, QUORUM_STATE_FILE};
use raft::{QuorumState, SealedBatch, VoterSet};
use records::{BatchError, ReplicatedBatches, batches};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::dirs::{METADATA_DIR, partition_metadata};
use storage::origin::Origin;
use storage::{Flush, LastShutdown, Log, LogConfig, LogOptions, LogView, StorageError};
use storage::{MinOne, ReadRequest};

/// The metadata topic's name.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";
/// How much of the log is read at once at start.
const READ_SIZE: u32 = 4 << 20;

/// The open log.
#[derive(Debug)]
pub(crate) struct MetadataLog {
    fs: Arc<dyn Fs>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    log: Log,
}

impl MetadataLog {
    /// Opens the log below `metadata_dir`, creating it if absent.
    pub(crate) fn open(
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
        metadata_dir: &Path,
        settings: &MetadataLogSettings,
    ) -> Result<Self, QuorumError> {
        let dir = metadata_dir.join(METADATA_DIR);
        let log = Log::open(LogOptions {
            fs: Arc::clone(&fs),
            dir: dir.clone(),
            topic_partition: TopicPartition::new(METADATA_TOPIC, 0),
            config: Arc::new(log_config(settings)),
            log_start_offset: Offset::ZERO,
            recovery_point: Offset::ZERO,
            // As Kafka, which has no clean-shutdown marker for this log: what is on disk is checked at every start.
            last_shutdown: LastShutdown::Unclean,
            now: clock.wall(),
            producer_id_expiration_ms: i64::MAX,
            jitter_seed: 0,
            to_check: Arc::default(),
        })?;
        if partition_metadata::read(&*fs, &dir)?.is_none() {
            partition_metadata::write(&*fs, &dir, Uuid::METADATA_TOPIC)?;
        }
        // The directory's own name must be durable before anything in it is relied on. The quorum state is the first such
        // thing: where there is one, this was done before.
        if !fs.exists(&dir.join(QUORUM_STATE_FILE)) {
            fs.sync_dir(metadata_dir)?;
        }
        Ok(Self { fs, clock, dir, log })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn fs(&self) -> &Arc<dyn Fs> {
        &self.fs
    }

    pub(crate) fn start(&self) -> Offset {
        self.log.log_start_offset()
    }

    pub(crate) fn end(&self) -> Offset {
        self.log.log_end_offset()
    }

    pub(crate) fn size(&self) -> u64 {
        self.log.size()
    }

    pub(crate) fn view(&self) -> LogView {
        self.log.view()
    }

    /// Calls `visit` with every batch from `from`, where one begins, up to `to`, and returns where the last of them ends.
    pub(crate) fn read_batches(
        &self,
        from: Offset,
        to: Offset,
        mut visit: impl FnMut(&LogBatch<'_>) -> Result<(), QuorumError>,
    ) -> Result<Offset, QuorumError> {
        let view = self.view();
        let mut next = from;
        while next < to {
            let bytes = read(&view, next, to, READ_SIZE)?;
            if bytes.is_empty() {
                break;
            }
            let before = next;
            for batch in batches(&bytes) {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(BatchError::Partial { .. }) => break,
                    Err(error) => return Err(QuorumError::Batch { offset: next, error }),
                };
                let batch = LogBatch::read(&batch)?;
                visit(&batch)?;
                next = batch.end;
            }
            if next == before {
                return Err(QuorumError::Unreadable {
                    dir: self.dir.clone(),
                    offset: next,
                });
            }
        }
        Ok(next)
    }

    /// Calls `visit`, which says where the next batch begins, with runs of bytes that together are the whole log.
    ///
    /// The log may have a hole: a power failure can take the end of one segment and leave the segment begun after it. A
    /// flush syncs segments in order, so nothing from the hole on was ever flushed, let alone committed: it is removed.
    pub(crate) fn read_all(
        &mut self,
        mut visit: impl FnMut(&[u8]) -> Result<Offset, QuorumError>,
    ) -> Result<(), QuorumError> {
        let (view, end) = (self.view(), self.end());
        let mut from = self.start();
        while from < end {
            let bytes = read(&view, from, end, READ_SIZE)?;
            if first_offset(&bytes) != Some(from) {
                tracing::warn!(at = %from, %end, "the metadata log has a hole, left by a crash; what follows is removed");
                let doomed = self.log.truncate_to(from, self.clock.wall())?;
                return Ok(doomed.remove(&*self.fs)?);
            }
            let next = visit(&bytes)?;
            if next <= from {
                return Err(QuorumError::Unreadable {
                    dir: self.dir.clone(),
                    offset: from,
                });
            }
            from = next;
        }
        Ok(())
    }

    /// Appends a sealed batch, whose base must be the log's end.
    ///
    /// # Panics
    /// If it is not: the machine and the log disagree, and nothing written from here on could be trusted.
    pub(crate) fn append(&mut self, sealed: &SealedBatch) -> Result<(), QuorumError> {
        assert_eq!(
            sealed.base,
            self.end(),
            "the machine's log and the log on disk end at the same offset"
        );
        let batches = std::slice::from_ref(&sealed.batch);
        self.log
            .append_as_leader(batches, sealed.epoch, Origin::RaftLeader, self.clock.wall())?;
        Ok(())
    }

    /// Appends a leader's batches as they are; they must continue this log.
    pub(crate) fn append_fetched(&mut self, batches: &ReplicatedBatches) -> Result<(), QuorumError> {
        self.log.append_as_follower(batches, self.clock.wall())?;
        Ok(())
    }

    /// Removes everything from `end` on, which the leader does not have.
    pub(crate) fn truncate(&mut self, end: Offset) -> Result<(), QuorumError> {
        let doomed = self.log.truncate_to(end, self.clock.wall())?;
        // Readers hold the files open, so there is nobody to wait for.
        Ok(doomed.remove(&*self.fs)?)
    }

    /// Removes everything and begins anew at `start`, a snapshot's end.
    pub(crate) fn restart_at(&mut self, start: Offset) -> Result<(), QuorumError> {
        let doomed = self.log.truncate_fully_and_start_at(start, self.clock.wall())?;
        Ok(doomed.remove(&*self.fs)?)
    }

    /// Puts everything appended on stable storage.
    pub(crate) fn flush(&mut self) -> Result<(), QuorumError> {
        self.log.flush(self.clock.now())?;
        self.make_room()
    }

    /// As [`MetadataLog::flush`], in two steps: what is to be synced, away from here. `None` if all is.
    pub(crate) fn prepare_flush(&mut self) -> Result<Option<Flush>, QuorumError> {
        Ok(self.log.prepare_flush()?)
    }

    /// The flush ended.
    pub(crate) fn finish_flush(&mut self, flush: Flush, result: Result<(), StorageError>) -> Result<(), QuorumError> {
        self.log.finish_flush(flush, result, self.clock.now());
        result?;
        self.make_room()
    }

    /// Room for the next flushes, now and then: a leader with nothing else to do writes a few bytes twice a second, and what that
    /// costs is mostly the flush.
    fn make_room(&mut self) -> Result<(), QuorumError> {
        match self.log.wants_room() {
            Some(room) => Ok(self.log.make_room_now(&room)?),
            None => Ok(()),
        }
    }

    /// Drops what lies before `start`, a snapshot's end, as far as whole segments allow.
    pub(crate) fn clean_before(&mut self, start: Offset) -> Result<(), QuorumError> {
        self.log.advance_log_start(start)?;
        let doomed = self.log.delete_old_segments(start, self.clock.wall())?;
        // Readers hold the files open, so there is nobody to wait for.
        doomed.remove(&*self.fs)?;
        Ok(())
    }

    /// Closes the log; only a close that was reached makes the next start a short one.
    pub(crate) fn close(&mut self) -> Result<(), QuorumError> {
        Ok(self.log.close(self.clock.now())?)
    }

    /// The durable quorum state; the initial one if there is none yet.
    pub(crate) fn read_quorum_state(&self) -> Result<QuorumState, QuorumError> {
        let path = self.dir.join(QUORUM_STATE_FILE);
        if !self.fs.exists(&path) {
            return Ok(QuorumState::INITIAL);
        }
        Ok(quorum_state::decode(&self.fs.read(&path)?)?)
    }

    /// Makes `state` durable, in the form of the `kraft.version`.
    pub(crate) fn write_quorum_state(
        &self,
        state: &QuorumState,
        kraft_version: i16,
        voters: &VoterSet,
    ) -> Result<(), QuorumError> {
        let content = if kraft_version >= 1 {
            quorum_state::encode_version_1(state)
        } else {
            quorum_state::encode_version_0(state, voters.ids())
        };
        Ok(self.fs.replace(&self.dir.join(QUORUM_STATE_FILE), &content)?)
    }
}

/// The bytes of whole batches from the one that holds `from` on; at least one batch if there is one below `bound`.
pub(crate) fn read(view: &LogView, from: Offset, bound: Offset, max_bytes: u32) -> Result<Bytes, QuorumError> {
    let slice = view.read(ReadRequest {
        from,
        max_bytes,
        bound,
        min_one: MinOne::Whole,
    })?;
    let Some(region) = slice.region else {
        return Ok(Bytes::new());
    };
    let mut bytes = vec![0; region.len as usize];
    let read = region.file.read_at(&mut bytes, region.position)?;
    bytes.truncate(read);
    Ok(bytes.into())
}

fn first_offset(bytes: &[u8]) -> Option<Offset> {
    let first = batches(bytes).next()?.ok()?;
    Some(first.header().base_offset)
}

/// No retention of its own: this log is cleaned by snapshots.
fn log_config(settings: &MetadataLogSettings) -> LogConfig {
    let segment = settings
        .internal_metadata_log_segment_bytes
        .unwrap_or(settings.metadata_log_segment_bytes);
    LogConfig {
        segment_bytes: u32::try_from(segment).unwrap_or(u32::MAX),
        segment_ms: settings.metadata_log_segment_ms,
        max_message_bytes: u32::try_from(settings.internal_metadata_max_batch_size_in_bytes).unwrap_or(u32::MAX),
        retention_bytes: -1,
        retention_ms: -1,
        ..LogConfig::default()
    }
}
