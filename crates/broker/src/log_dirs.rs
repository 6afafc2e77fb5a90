//! The broker's log directories: opened at start, written to while running, closed cleanly at the end.
//!
//! One that fails, at start or later, is offline until the next start; the others serve on (KIP-112).

mod dir;
mod found;

pub use dir::{LogDir, Unusable};
pub use found::LogDirError;

use base::fs::Fs;
use base::{NodeId, Offset, TopicPartition, Uuid};
use found::Found;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use storage::LastShutdown;
use storage::dirs::PartitionDir;
use tokio::sync::watch;

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
                None => match found::look_into(fs, path, node, cluster_id, threads) {
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
