//! The broker's log directories: opened at start, written to while running, closed cleanly at the end.

use base::fs::{Fs, Lock};
use base::{NodeId, Offset, TopicPartition, Uuid};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use storage::LastShutdown;
use storage::checkpoint::{CheckpointError, OffsetCheckpoint};
use storage::dirs::meta_properties::{MetaProperties, MetaPropertiesError};
use storage::dirs::{self, CleanShutdown, PartitionDir, ScanError};
use tracing::error;

/// Why a log directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogDirError {
    /// Another process has it.
    #[error("log directory {0} is in use by another broker (its .lock is held)")]
    InUse(PathBuf),
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
}

/// One log directory.
#[derive(Debug)]
pub struct LogDir {
    /// Where it is.
    pub path: PathBuf,
    /// Its id in the cluster's metadata.
    pub id: Uuid,
    /// How many partitions lie in it.
    pub partitions: AtomicUsize,
    offline: AtomicBool,
    _lock: Box<dyn Lock>,
}

impl LogDir {
    /// Whether a write to it failed; nothing is written to it any more.
    pub fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    /// Takes it out of use.
    pub fn take_offline(&self, reason: &dyn std::fmt::Display) {
        if !self.offline.swap(true, Ordering::AcqRel) {
            error!(dir = %self.path.display(), %reason, "log directory is offline");
        }
    }
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
    /// Directories of deleted partitions.
    pub deleted: Vec<PathBuf>,
    /// Up to where each log is on stable storage.
    pub recovery_points: BTreeMap<TopicPartition, Offset>,
    /// Where each log starts.
    pub log_starts: BTreeMap<TopicPartition, Offset>,
    /// The high watermarks.
    pub high_watermarks: BTreeMap<TopicPartition, Offset>,
}

/// All log directories, in the order of `log.dirs`.
#[derive(Debug)]
pub struct LogDirs {
    /// The directories.
    pub dirs: Vec<Arc<LogDir>>,
    /// What was found in each at start and is not taken up yet.
    found: Mutex<Vec<Found>>,
}

impl LogDirs {
    /// Locks every directory and looks at what is in it. The directories are formatted already.
    pub fn open(fs: &dyn Fs, paths: &[PathBuf], node: NodeId, cluster_id: &str) -> Result<Self, LogDirError> {
        let mut opened = Vec::new();
        let mut found = Vec::new();
        for path in paths {
            let lock = dirs::lock(fs, path).map_err(|source| match source.kind() {
                io::ErrorKind::WouldBlock => LogDirError::InUse(path.clone()),
                _ => LogDirError::Io {
                    path: path.clone(),
                    source,
                },
            })?;
            let id = identity(fs, path, node, cluster_id)?;
            let contents = look(fs, path)?;
            opened.push(Arc::new(LogDir {
                path: path.clone(),
                id,
                partitions: AtomicUsize::new(contents.current.len()),
                offline: AtomicBool::new(false),
                _lock: lock,
            }));
            found.push(contents);
        }
        Ok(Self {
            dirs: opened,
            found: Mutex::new(found),
        })
    }

    /// The epoch under which this broker ended cleanly, if all directories agree on it; -1 else.
    pub fn previous_broker_epoch(&self) -> i64 {
        let found = self.found();
        let first = found.first().and_then(|found| found.broker_epoch);
        first
            .filter(|_| found.iter().all(|found| found.broker_epoch == first))
            .unwrap_or(-1)
    }

    /// Takes up the partition found at start, with where it lies and what the checkpoints say of it.
    pub fn take(&self, partition: &TopicPartition, topic_id: Uuid) -> Option<TakenUp> {
        let mut found = self.found();
        for (at, contents) in found.iter_mut().enumerate() {
            let matches = |dir: &PartitionDir| dir.topic_id.is_none_or(|id| id == topic_id);
            if !contents.current.get(partition).is_some_and(matches) {
                continue;
            }
            let dir = contents.current.remove(partition)?;
            return Some(TakenUp {
                dir: Arc::clone(&self.dirs[at]),
                path: dir.path,
                has_topic_id: dir.topic_id.is_some(),
                last_shutdown: contents.last_shutdown,
                recovery_point: contents.recovery_points.get(partition).copied().unwrap_or(Offset::ZERO),
                log_start: contents.log_starts.get(partition).copied().unwrap_or(Offset::ZERO),
                high_watermark: contents.high_watermarks.get(partition).copied().unwrap_or(Offset::ZERO),
            });
        }
        None
    }

    /// What the metadata does not place here, once everything else was taken up; and what was already deleted.
    pub fn leftovers(&self) -> (Vec<PartitionDir>, Vec<PathBuf>) {
        let mut strays = Vec::new();
        let mut deleted = Vec::new();
        for contents in self.found().iter_mut() {
            strays.extend(std::mem::take(&mut contents.current).into_values());
            deleted.append(&mut contents.deleted);
        }
        (strays, deleted)
    }

    /// Where a new partition goes: the online directory with the fewest partitions.
    pub fn for_new_partition(&self) -> Option<Arc<LogDir>> {
        let online = self.dirs.iter().filter(|dir| !dir.is_offline());
        online.min_by_key(|dir| dir.partitions.load(Ordering::Relaxed)).cloned()
    }

    /// The directory with that id.
    pub fn by_id(&self, id: Uuid) -> Option<&Arc<LogDir>> {
        self.dirs.iter().find(|dir| dir.id == id)
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Vec<Found>> {
        self.found
            .lock()
            .expect("no code panics while it looks at what was found at start")
    }
}

/// A partition directory found at start.
#[derive(Debug)]
pub struct TakenUp {
    /// The log directory.
    pub dir: Arc<LogDir>,
    /// The partition's directory in it.
    pub path: PathBuf,
    /// Whether `partition.metadata` names the topic.
    pub has_topic_id: bool,
    /// Whether its files can be trusted.
    pub last_shutdown: LastShutdown,
    /// Up to where it is on stable storage.
    pub recovery_point: Offset,
    /// Where it starts.
    pub log_start: Offset,
    /// Its high watermark.
    pub high_watermark: Offset,
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

fn look(fs: &dyn Fs, path: &Path) -> Result<Found, LogDirError> {
    let io = |source| LogDirError::Io {
        path: path.to_owned(),
        source,
    };
    let marker = CleanShutdown::read(fs, path).map_err(io)?;
    let scan = dirs::scan(fs, path)?;
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
        deleted: scan.deleted.into_iter().map(|dir| dir.path).collect(),
        recovery_points: OffsetCheckpoint::RecoveryPoint.read(fs, path)?,
        log_starts: OffsetCheckpoint::LogStart.read(fs, path)?,
        high_watermarks: OffsetCheckpoint::HighWatermark.read(fs, path)?,
    };
    if marker.is_some() {
        CleanShutdown::remove(fs, path).map_err(io)?;
    }
    Ok(found)
}
