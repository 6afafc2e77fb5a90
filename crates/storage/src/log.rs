//! One replica's log.

use crate::config::LogConfig;
use crate::error::{OpenError, StorageError};
use crate::view::LogView;
use base::fs::Fs;
use base::{LeaderEpoch, Offset, Timestamp, TopicPartition, Uuid};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the broker that wrote the log ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastShutdown {
    /// It closed its logs: files are trusted as they are.
    Clean,
    /// It did not: everything from the recovery point on is checked.
    Unclean,
}

/// What opening a log needs.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The file system.
    pub fs: Arc<dyn Fs>,
    /// The partition's directory; created if absent.
    pub dir: PathBuf,
    /// Which partition it is.
    pub topic_partition: TopicPartition,
    /// Its settings.
    pub config: Arc<LogConfig>,
    /// From `log-start-offset-checkpoint`, 0 if it has no entry.
    pub log_start_offset: Offset,
    /// From `recovery-point-offset-checkpoint`, 0 if it has no entry.
    pub recovery_point: Offset,
    /// Whether to check the files.
    pub last_shutdown: LastShutdown,
    /// Wall-clock time.
    pub now: Timestamp,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i64,
    /// Any number: spreads the rolls of many logs over `segment.jitter.ms`.
    pub jitter_seed: u64,
}

/// One replica's log: whoever holds it may change it.
#[derive(Debug)]
pub struct Log {}

/// Files renamed out of the way, to be removed after `file.delete.delay.ms`: see [`Doomed::remove`].
#[derive(Debug, Default)]
#[must_use = "files are removed only if somebody calls `remove` later"]
pub struct Doomed {
    /// The files, under their `.deleted` names.
    pub files: Vec<PathBuf>,
}

impl Doomed {
    /// Removes the files; those that are gone already do not matter.
    pub fn remove(&self, _fs: &dyn Fs) -> Result<(), StorageError> {
        todo!()
    }
}

/// The end of an epoch in this log, as OffsetForLeaderEpoch answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest known epoch not above the one asked for; -1 if none is known.
    pub epoch: LeaderEpoch,
    /// Where the next epoch begins, or the log's end; -1 if none is known.
    pub end_offset: Offset,
}

impl Log {
    /// Opens (or creates) the log in `options.dir`.
    pub fn open(_options: LogOptions) -> Result<Self, OpenError> {
        todo!()
    }

    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        todo!()
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        todo!()
    }

    /// The settings.
    pub fn config(&self) -> &Arc<LogConfig> {
        todo!()
    }

    /// Takes over changed settings.
    pub fn update_config(&mut self, _config: Arc<LogConfig>) {
        todo!()
    }

    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> Offset {
        todo!()
    }

    /// The offset after the last record.
    pub fn log_end_offset(&self) -> Offset {
        todo!()
    }

    /// Up to where data is on stable storage: goes to `recovery-point-offset-checkpoint`.
    pub fn recovery_point(&self) -> Offset {
        todo!()
    }

    /// Bytes in all segments.
    pub fn size(&self) -> u64 {
        todo!()
    }

    /// Whether a write failed: the log takes nothing any more.
    pub fn is_offline(&self) -> bool {
        todo!()
    }

    /// A picture for reading without the lock.
    pub fn view(&self) -> LogView {
        todo!()
    }

    /// The offset below which no transaction is open or, ended, still above the high watermark: the last stable offset
    /// is the smaller of this and the high watermark. None if there is no such transaction.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        todo!()
    }

    /// Tells the log of a new high watermark: transactions whose marker lies below become stable.
    pub fn high_watermark_moved(&mut self, _high_watermark: Offset) {
        todo!()
    }

    /// The latest leader epoch seen.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        todo!()
    }

    /// A leader of `epoch` takes office: its epoch begins at the log's end.
    pub fn begin_epoch(&mut self, _epoch: LeaderEpoch) -> Result<(), StorageError> {
        todo!()
    }

    /// Where `epoch` ends in this log.
    pub fn end_offset_for_epoch(&self, _epoch: LeaderEpoch) -> EpochEnd {
        todo!()
    }

    /// Removes everything from `offset` on.
    pub fn truncate_to(&mut self, _offset: Offset, _now: Timestamp) -> Result<Doomed, StorageError> {
        todo!()
    }

    /// Removes everything and begins anew at `offset`.
    pub fn truncate_fully_and_start_at(&mut self, _offset: Offset, _now: Timestamp) -> Result<Doomed, StorageError> {
        todo!()
    }

    /// DeleteRecords, or a leader's log start: moves the log start to `offset`, which is at most the high watermark.
    /// Whole segments below go with the next [`Log::delete_old_segments`]. Returns whether it moved.
    pub fn advance_log_start(&mut self, _offset: Offset) -> Result<bool, StorageError> {
        todo!()
    }

    /// Retention: removes whole segments that are too old, too many bytes, or below the log start; none at or above
    /// the high watermark.
    pub fn delete_old_segments(&mut self, _high_watermark: Offset, _now: Timestamp) -> Result<Doomed, StorageError> {
        todo!()
    }

    /// Forgets producers idle for longer than `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, _now: Timestamp) {
        todo!()
    }

    /// Closes the log for a clean shutdown: everything synced, indexes trimmed, producer snapshot written.
    pub fn close(&mut self) -> Result<(), StorageError> {
        todo!()
    }

    /// Renames the directory to `<topic>-<partition>.<hex>-delete`; the caller removes it later.
    pub fn rename_for_delete(&mut self, _id: Uuid) -> Result<PathBuf, StorageError> {
        todo!()
    }
}
