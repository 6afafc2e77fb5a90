//! The broker's log directories: opened at start, written to while running, closed cleanly at the end.
//!
//! One that fails, at start or later, is offline until the next start; the others serve on (KIP-112).

use crate::space::SpaceGuard;
use base::fs::Fs;
use base::{NodeId, Offset, TopicPartition, Uuid};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use storage::checkpoint::{CheckpointError, OffsetCheckpoint};
use storage::dirs::meta_properties::{MetaProperties, MetaPropertiesError};
use storage::dirs::{self, CleanShutdown, PartitionDir, PartitionMetadataError, ScanError};
use storage::{LastShutdown, StorageError};
use tokio::sync::watch;
use tracing::{error, warn};

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

/// One log directory.
#[derive(Debug)]
pub struct LogDir {
    /// Where it is.
    pub path: PathBuf,
    /// Its id in the cluster's metadata.
    pub id: Uuid,
    /// How many partitions lie in it.
    pub partitions: AtomicUsize,
    /// The space left on its volume.
    pub space: SpaceGuard,
    /// A digest of what each of its checkpoint files holds; held while one of them is written.
    pub checkpoints: Mutex<BTreeMap<OffsetCheckpoint, u64>>,
    /// Whether a recovery point moved that `recovery-point-offset-checkpoint` does not tell yet.
    pub recovery_points_moved: AtomicBool,
    offline: AtomicBool,
    /// Whether the controller has heard that it is offline.
    told: AtomicBool,
    /// How many directories are offline, for those who must act on it.
    failures: watch::Sender<usize>,
}

/// A log directory that could not even be looked at.
#[derive(Clone, Debug)]
pub struct Unusable {
    /// Where it is.
    pub path: PathBuf,
    /// What failed.
    pub reason: String,
}

impl LogDir {
    pub(crate) fn new(path: &Path, id: Uuid, partitions: usize, failures: &watch::Sender<usize>) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            id,
            partitions: AtomicUsize::new(partitions),
            space: SpaceGuard::new(path),
            checkpoints: Mutex::default(),
            recovery_points_moved: AtomicBool::new(false),
            offline: AtomicBool::new(false),
            told: AtomicBool::new(false),
            failures: failures.clone(),
        })
    }

    /// Whether a write to it failed; nothing is written to it any more.
    pub fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    /// Whether it failed and is one that the controller knows of: then it must hear of it.
    pub fn is_to_be_told(&self) -> bool {
        self.is_offline() && self.id != Uuid::ZERO
    }

    /// The controller has answered a heartbeat that named it among those that failed.
    pub fn note_told(&self) {
        self.told.store(true, Ordering::Release);
    }

    /// Whether the controller has heard that it is offline.
    pub fn is_told(&self) -> bool {
        self.told.load(Ordering::Acquire)
    }

    /// Something could not be written: takes the directory out of use, unless it is merely full or the process has too many
    /// files open.
    pub fn failed(&self, error: &StorageError) {
        if error.is_full() {
            self.space.found_full();
        } else if error.is_passing() {
            warn!(dir = %self.path.display(), %error, "refused for now; is the limit on open files what it should be?");
        } else {
            self.take_offline(error);
        }
    }

    /// Takes it out of use.
    pub fn take_offline(&self, reason: &dyn std::fmt::Display) {
        if !self.offline.swap(true, Ordering::AcqRel) {
            error!(dir = %self.path.display(), %reason, "log directory is offline");
            self.failures.send_modify(|failed| *failed += 1);
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

/// All log directories, in the order of `log.dirs`.
#[derive(Debug)]
pub struct LogDirs {
    /// The directories.
    pub dirs: Vec<Arc<LogDir>>,
    /// What was found at start in those that could be read, and is not taken up yet.
    found: Mutex<Vec<(Arc<LogDir>, Found)>>,
    failures: watch::Sender<usize>,
    /// Those that take no new partitions (KIP-1066).
    cordoned: watch::Sender<Vec<PathBuf>>,
}

impl LogDirs {
    /// These directories, with nothing in them.
    #[cfg(test)]
    pub(crate) fn of(dirs: Vec<Arc<LogDir>>) -> Self {
        Self {
            dirs,
            found: Mutex::default(),
            failures: watch::channel(0).0,
            cordoned: watch::channel(Vec::new()).0,
        }
    }

    /// Looks at what is in every directory; they are formatted and locked already. Those in `unusable`, and those that
    /// cannot be read, are offline from the start. `threads` look into each.
    pub fn open(
        fs: &dyn Fs,
        paths: &[PathBuf],
        unusable: &[Unusable],
        node: NodeId,
        cluster_id: &str,
        threads: usize,
    ) -> Result<Self, LogDirError> {
        let (failures, _) = watch::channel(0);
        let mut opened = Self {
            dirs: Vec::new(),
            found: Mutex::default(),
            failures,
            cordoned: watch::channel(Vec::new()).0,
        };
        let mut reasons = Vec::new();
        for path in paths {
            let known = unusable.iter().find(|unusable| unusable.path == *path);
            let looked = match known {
                Some(known) => Err(known.reason.clone()),
                None => match open_one(fs, path, node, cluster_id, threads) {
                    Err(error @ LogDirError::Foreign { .. }) => return Err(error),
                    looked => looked.map_err(|error| error.to_string()),
                },
            };
            if let Err(reason) = opened.add(path, looked) {
                reasons.push(reason);
            }
        }
        if reasons.len() == paths.len() {
            return Err(LogDirError::NoneUsable(reasons.join("; ")));
        }
        Ok(opened)
    }

    fn add(&mut self, path: &Path, looked: Result<(Uuid, Found), String>) -> Result<(), String> {
        match looked {
            Ok((id, contents)) => {
                let dir = LogDir::new(path, id, contents.current.len(), &self.failures);
                self.found().push((Arc::clone(&dir), contents));
                self.dirs.push(dir);
                Ok(())
            }
            Err(reason) => {
                let dir = LogDir::new(path, Uuid::ZERO, 0, &self.failures);
                dir.take_offline(&reason);
                self.dirs.push(dir);
                Err(reason)
            }
        }
    }

    /// How many directories are offline, now and whenever it changes.
    pub fn failures(&self) -> watch::Receiver<usize> {
        self.failures.subscribe()
    }

    /// How many directories are offline.
    pub fn offline(&self) -> usize {
        *self.failures.borrow()
    }

    /// Whether a directory is offline.
    pub fn any_offline(&self) -> bool {
        *self.failures.borrow() > 0
    }

    /// The epoch under which this broker ended cleanly, if all directories agree on it; -1 else.
    pub fn previous_broker_epoch(&self) -> i64 {
        let found = self.found();
        let first = found.first().and_then(|(_, found)| found.broker_epoch);
        first
            .filter(|_| found.iter().all(|(_, found)| found.broker_epoch == first))
            .unwrap_or(-1)
    }

    /// Takes up the partition found at start, with where it lies and what the checkpoints say of it.
    pub fn take(&self, partition: &TopicPartition, topic_id: Uuid) -> Option<TakenUp> {
        let mut found = self.found();
        for (log_dir, contents) in found.iter_mut() {
            let matches = |dir: &PartitionDir| dir.topic_id.is_none_or(|id| id == topic_id);
            if !contents.current.get(partition).is_some_and(matches) {
                continue;
            }
            let dir = contents.current.remove(partition)?;
            return Some(TakenUp {
                dir: Arc::clone(log_dir),
                path: dir.path,
                has_topic_id: dir.topic_id.is_some(),
                last_shutdown: contents.last_shutdown,
                recovery_point: contents.recovery_points.get(partition).copied().unwrap_or(Offset::ZERO),
                log_start: contents.log_starts.get(partition).copied().unwrap_or(Offset::ZERO),
                high_watermark: contents.high_watermarks.get(partition).copied().unwrap_or(Offset::ZERO),
                first_dirty: contents.first_dirty.get(partition).copied(),
            });
        }
        None
    }

    /// How many partitions that were found in the directory at start are not taken up yet.
    pub fn still_to_take(&self, dir: &LogDir) -> usize {
        let found = self.found();
        let of_dir = found.iter().filter(|(lies_in, _)| std::ptr::eq(&**lies_in, dir));
        of_dir.map(|(_, contents)| contents.current.len()).sum()
    }

    /// Gives up the partitions found at start that do not belong here. `belongs` is told of a partition, of the log directory that
    /// it lies in, and in which others it lies, too: it was being exchanged for what had been moved there.
    pub fn strays(&self, belongs: impl Fn(&PartitionDir, &LogDir, &[Uuid]) -> bool) -> Vec<PartitionDir> {
        let mut found = self.found();
        let mut places: BTreeMap<TopicPartition, Vec<Uuid>> = BTreeMap::new();
        for (dir, contents) in found.iter() {
            for partition in contents.current.keys() {
                places.entry(partition.clone()).or_default().push(dir.id);
            }
        }
        let mut strays = Vec::new();
        for (lies_in, contents) in found.iter_mut() {
            let (current, stray) = std::mem::take(&mut contents.current)
                .into_iter()
                .partition(|(at, dir)| belongs(dir, lies_in, &places[at]));
            contents.current = current;
            strays.extend(BTreeMap::into_values(stray));
        }
        strays
    }

    /// What was found at start of partitions that were being moved.
    pub fn futures(&self) -> Vec<FoundFuture> {
        let mut futures = Vec::new();
        for (dir, contents) in self.found().iter_mut() {
            let (dir, starts) = (&*dir, &contents.log_starts);
            futures.extend(
                std::mem::take(&mut contents.future)
                    .into_iter()
                    .map(|found| FoundFuture {
                        dir: Arc::clone(dir),
                        log_start: starts.get(&found.partition).copied().unwrap_or(Offset::ZERO),
                        path: found.path,
                        partition: found.partition,
                        topic_id: found.topic_id,
                    }),
            );
        }
        futures
    }

    /// Whether the partition was being moved when the broker ended: then it lies somewhere whole.
    pub fn was_moving(&self, partition: &TopicPartition) -> bool {
        let found = self.found();
        let mut futures = found.iter().flat_map(|(_, contents)| &contents.future);
        futures.any(|future| future.partition == *partition)
    }

    /// The directories found at start of what was deleted before it.
    pub fn deleted(&self) -> Vec<PathBuf> {
        let mut found = self.found();
        found
            .iter_mut()
            .flat_map(|(_, contents)| std::mem::take(&mut contents.deleted))
            .collect()
    }

    /// Where a new partition goes: of the online directories that are not cordoned the one with the fewest partitions.
    /// Where all are cordoned the controller has placed it here by hand or before it knew, and any will do.
    pub fn for_new_partition(&self) -> Option<Arc<LogDir>> {
        let online = self.dirs.iter().filter(|dir| !dir.is_offline());
        let by_need = |dir: &&Arc<LogDir>| (self.is_cordoned(dir), dir.partitions.load(Ordering::Relaxed));
        online.min_by_key(by_need).cloned()
    }

    /// Takes over which directories take no new partitions, named as in `log.dirs`.
    pub fn cordon(&self, names: &[String]) {
        let wanted: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        self.cordoned.send_if_modified(|cordoned| {
            let is_new = *cordoned != wanted;
            *cordoned = wanted;
            is_new
        });
    }

    /// Whether the directory takes no new partitions.
    pub fn is_cordoned(&self, dir: &LogDir) -> bool {
        self.cordoned.borrow().contains(&dir.path)
    }

    /// Which directories take no new partitions, now and whenever it changes.
    pub fn cordons(&self) -> watch::Receiver<Vec<PathBuf>> {
        self.cordoned.subscribe()
    }

    /// The directory with that id.
    pub fn by_id(&self, id: Uuid) -> Option<&Arc<LogDir>> {
        self.dirs.iter().find(|dir| dir.id == id)
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Vec<(Arc<LogDir>, Found)>> {
        self.found
            .lock()
            .expect("no code panics while it looks at what was found at start")
    }
}

/// What was found at start of a partition that was being moved.
#[derive(Debug)]
pub struct FoundFuture {
    /// Where it was being moved to.
    pub dir: Arc<LogDir>,
    /// The directory in it.
    pub path: PathBuf,
    /// The partition.
    pub partition: TopicPartition,
    /// The id of its topic, if the directory tells.
    pub topic_id: Option<Uuid>,
    /// Where it starts.
    pub log_start: Offset,
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
    /// Up to where it was cleaned, if it ever was.
    pub first_dirty: Option<Offset>,
}

fn open_one(
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
