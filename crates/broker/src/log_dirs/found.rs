//! What lies in a log directory when the broker starts.

use base::fs::Fs;
use base::{NodeId, Offset, TopicPartition, Uuid};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use storage::LastShutdown;
use storage::checkpoint::{CheckpointError, OffsetCheckpoint};
use storage::dirs::meta_properties::{MetaProperties, MetaPropertiesError};
use storage::dirs::{self, CleanShutdown, PartitionDir, PartitionMetadataError, ScanError};
use tracing::warn;

/// Why a log directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogDirError {
    /// Not one of them can be used.
    #[error("no log directory can be used: {0}")]
    NoneUsable(String),
    /// It could not be read or written.
    #[error("log directory {path}: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// It belongs to another node or cluster.
    #[error("log directory {path} belongs to {what} {found}, but this is {what} {expected}")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// `node` or `cluster`.
        what: &'static str,
        /// In `meta.properties`.
        found: String,
        /// By configuration or by the other directories.
        expected: String,
    },
    /// `meta.properties` cannot be understood.
    #[error(transparent)]
    MetaProperties(#[from] MetaPropertiesError),
    /// A checkpoint cannot be understood.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A folder in it cannot be understood.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A partition's topic id cannot be read.
    #[error(transparent)]
    PartitionMetadata(#[from] PartitionMetadataError),
}

/// What a directory held when the broker started.
#[derive(Debug)]
pub struct Found {
    /// How the broker that used it last ended.
    pub last_shutdown: LastShutdown,
    /// Its epoch, if it ended cleanly and wrote it down.
    pub broker_epoch: Option<i64>,
    /// The partition directories not yet opened.
    pub current: BTreeMap<TopicPartition, PartitionDir>,
    /// Partitions that were being moved here.
    pub future: Vec<PartitionDir>,
    /// Directories of deleted partitions.
    pub deleted: Vec<PathBuf>,
    /// Up to where each log is on stable storage.
    pub recovery_points: BTreeMap<TopicPartition, Offset>,
    /// Where each log starts.
    pub log_starts: BTreeMap<TopicPartition, Offset>,
    /// The high watermarks.
    pub high_watermarks: BTreeMap<TopicPartition, Offset>,
    /// Up to where each compacted log was cleaned.
    pub first_dirty: BTreeMap<TopicPartition, Offset>,
}

/// Whose the directory is, and what lies in it; several of its partitions are looked at a time.
pub fn look_into(
    fs: &dyn Fs,
    path: &Path,
    node: NodeId,
    cluster_id: &str,
    threads: usize,
) -> Result<(Uuid, Found), LogDirError> {
    Ok((identity(fs, path, node, cluster_id)?, look(fs, path, threads)?))
}

fn identity(fs: &dyn Fs, path: &Path, node: NodeId, cluster_id: &str) -> Result<Uuid, LogDirError> {
    let foreign = |what, found: String, expected: String| LogDirError::Foreign {
        path: path.to_owned(),
        what,
        found,
        expected,
    };
    let not_formatted = || LogDirError::Io {
        path: path.to_owned(),
        source: io::ErrorKind::NotFound.into(),
    };
    let properties = MetaProperties::read(fs, path)?.ok_or_else(not_formatted)?;
    if let Some(found) = properties.node_id.filter(|found| *found != node) {
        return Err(foreign("node", found.to_string(), node.to_string()));
    }
    if let Some(found) = properties.cluster_id.filter(|found| found != cluster_id) {
        return Err(foreign("cluster", found, cluster_id.to_owned()));
    }
    properties.directory_id.ok_or_else(not_formatted)
}

fn look(fs: &dyn Fs, path: &Path, threads: usize) -> Result<Found, LogDirError> {
    let io = |source| LogDirError::Io {
        path: path.to_owned(),
        source,
    };
    let marker = CleanShutdown::read(fs, path).map_err(io)?;
    let mut scan = dirs::scan(fs, path)?;
    read_topic_ids(fs, &mut scan.current, threads)?;
    read_topic_ids(fs, &mut scan.future, threads)?;
    let found = Found {
        last_shutdown: if marker.is_some() {
            LastShutdown::Clean
        } else {
            LastShutdown::Unclean
        },
        broker_epoch: marker.as_ref().and_then(|marker| marker.broker_epoch),
        current: scan
            .current
            .into_iter()
            .map(|dir| (dir.partition.clone(), dir))
            .collect(),
        future: scan.future,
        deleted: scan.deleted.into_iter().map(|dir| dir.path).collect(),
        recovery_points: OffsetCheckpoint::RecoveryPoint.read(fs, path)?,
        log_starts: OffsetCheckpoint::LogStart.read(fs, path)?,
        high_watermarks: OffsetCheckpoint::HighWatermark.read(fs, path)?,
        first_dirty: cleaner_checkpoint(fs, path),
    };
    if marker.is_some() {
        CleanShutdown::remove(fs, path).map_err(io)?;
    }
    Ok(found)
}

/// Asks every partition's directory whose it is, several at a time.
fn read_topic_ids(fs: &dyn Fs, dirs: &mut [PartitionDir], threads: usize) -> Result<(), PartitionMetadataError> {
    let share = dirs.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let read = |dirs: &mut [PartitionDir]| dirs.iter_mut().try_for_each(|dir| dir.read_topic_id(fs));
        let threads: Vec<_> = dirs
            .chunks_mut(share)
            .map(|dirs| scope.spawn(move || read(dirs)))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("reading a small file does not panic"))
    })
}

/// Without it, or with one that cannot be read, logs are cleaned from their start: that costs time and nothing else.
fn cleaner_checkpoint(fs: &dyn Fs, path: &Path) -> BTreeMap<TopicPartition, Offset> {
    let read = OffsetCheckpoint::Cleaner.read(fs, path);
    read.unwrap_or_else(|error| {
        warn!(dir = %path.display(), %error, "the cleaner's checkpoint cannot be read; logs are cleaned from their start");
        BTreeMap::new()
    })
}
