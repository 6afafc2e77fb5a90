//! Replicas that move to another log directory of this broker (KIP-113, KIP-858): `docs/adr/0019-future-replicas.md`.
//!
//! A *future replica* lies in `<topic>-<partition>.<id>-future` of the other directory and is filled from the replica itself
//! ([`copy`]) by a task of its own ([`mover`]). Once it has caught up, the controller is told of the directory, and then, under the
//! partition's lock, the future log takes the place of the replica's ([`swap`]).

mod copy;
mod mover;
mod resume;
mod swap;

pub use resume::resume;

use crate::Broker;
use crate::hosting;
use crate::log_dirs::LogDir;
use crate::partitions::Hosted;
use crate::removals::Removals;
use crate::replication::PartitionId;
use base::{Offset, TopicPartition};
use config::BrokerConfig;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use storage::checkpoint::OffsetCheckpoint;
use storage::dirs::{name, partition_metadata};
use storage::{Log, LogOptions, StorageError};
use tokio::sync::{Semaphore, watch};

/// The most replicas that are remembered to be wanted in a directory before there is a replica.
const MOST_WANTED: usize = 100_000;

/// The future replicas of a broker.
#[derive(Debug)]
pub struct FutureReplicas {
    moves: Mutex<BTreeMap<PartitionId, Arc<Move>>>,
    /// Where replicas are to lie that are not hosted yet.
    wanted: Mutex<BTreeMap<TopicPartition, Arc<LogDir>>>,
    /// Replicas whose future one was found at start, and they themselves not: they are lost with the directory they lie in.
    stranded: Mutex<Vec<PartitionId>>,
    /// How many moves have ended.
    ended: watch::Sender<u64>,
    /// Who may copy now.
    copiers: Semaphore,
    removals: Removals,
}

/// One replica that moves.
#[derive(Debug)]
pub struct Move {
    id: PartitionId,
    hosted: Arc<Hosted>,
    /// Where it moves to.
    dir: Arc<LogDir>,
    /// What is there of it; none once it has taken the replica's place or was given up.
    log: Mutex<Option<Log>>,
    cancelled: watch::Sender<bool>,
    /// The controller was told, or is being told, that the replica lies there.
    assigned: AtomicBool,
}

impl FutureReplicas {
    /// None yet. As many are copied at a time as `num.replica.alter.log.dirs.threads` says, or as there are log directories.
    pub fn new(config: &BrokerConfig, removals: Removals) -> Self {
        let configured = config.replication.num_replica_alter_log_dirs_threads;
        let copiers = configured.and_then(|threads| usize::try_from(threads).ok());
        Self {
            copiers: Semaphore::new(copiers.unwrap_or(config.log_dirs.len()).max(1)),
            moves: Mutex::default(),
            wanted: Mutex::default(),
            stranded: Mutex::default(),
            ended: watch::channel(0).0,
            removals,
        }
    }

    /// Where the partition's future replica lies, if it has one.
    pub fn dir_of(&self, id: PartitionId) -> Option<Arc<LogDir>> {
        self.moves().get(&id).map(|moving| Arc::clone(&moving.dir))
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Move>> {
        self.moves().values().cloned().collect()
    }

    /// Gives a partition's future replica up, if it has one.
    pub fn cancel(&self, id: PartitionId) {
        if let Some(moving) = self.moves().remove(&id) {
            moving.cancelled.send_replace(true);
            self.ended.send_modify(|ended| *ended += 1);
        }
    }

    /// Whether the controller is told by a move where the partition lies.
    pub fn is_assigned(&self, id: PartitionId) -> bool {
        self.moves().get(&id).is_some_and(|moving| moving.is_assigned())
    }

    /// The replicas that the controller may take to lie where they were being moved to, and that lie in a directory that is offline.
    pub fn stranded(&self) -> Vec<PartitionId> {
        self.stranded_now().clone()
    }

    /// Whether a replica is one of those.
    pub fn is_stranded(&self, id: PartitionId) -> bool {
        self.stranded_now().contains(&id)
    }

    fn stranded_now(&self) -> MutexGuard<'_, Vec<PartitionId>> {
        self.stranded
            .lock()
            .expect("no code panics while it looks at what is stranded")
    }

    /// How many moves have ended, now and whenever another has.
    pub fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// Waits until nothing moves any more: the broker stops.
    pub async fn stopped(&self) {
        let mut ended = self.ended();
        while !self.moves().is_empty() {
            if ended.changed().await.is_err() {
                return;
            }
        }
    }

    /// A replica that comes to be hosted here is to lie in `dir`.
    pub fn want(&self, partition: TopicPartition, dir: Arc<LogDir>) {
        let mut wanted = self.wanted();
        if wanted.len() < MOST_WANTED || wanted.contains_key(&partition) {
            wanted.insert(partition, dir);
        }
    }

    /// Where a replica that comes to be hosted is to lie, if anybody said so.
    pub fn take_wanted(&self, partition: &TopicPartition) -> Option<Arc<LogDir>> {
        self.wanted().remove(partition)
    }

    /// What a checkpoint of a directory says of the future replicas in it.
    pub fn offsets_in(&self, dir: &Arc<LogDir>, which: OffsetCheckpoint) -> Vec<(TopicPartition, Offset)> {
        let moves = self.all();
        let here = moves.iter().filter(|moving| Arc::ptr_eq(&moving.dir, dir));
        let offsets = here.filter_map(|moving| {
            let log = moving.log();
            let log = log.as_ref()?;
            let offset = match which {
                OffsetCheckpoint::LogStart => Some(log.log_start_offset()).filter(|start| *start > Offset::ZERO),
                // What is there is checked whole after a start, and cleaned anew.
                _ => None,
            };
            Some((log.topic_partition().clone(), offset?))
        });
        offsets.collect()
    }

    fn moves(&self) -> MutexGuard<'_, BTreeMap<PartitionId, Arc<Move>>> {
        self.moves.lock().expect("no code panics while it looks at the moves")
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Arc<LogDir>>> {
        self.wanted
            .lock()
            .expect("no code panics while it looks at what is wanted")
    }

    /// The move is over, if it was not cancelled before.
    fn over(&self, moving: &Arc<Move>) {
        let mut moves = self.moves();
        if moves.get(&moving.id).is_some_and(|known| Arc::ptr_eq(known, moving)) {
            moves.remove(&moving.id);
        }
        drop(moves);
        self.ended.send_modify(|ended| *ended += 1);
    }
}

impl Move {
    /// Where it moves to.
    pub fn dir(&self) -> &Arc<LogDir> {
        &self.dir
    }

    /// The replica.
    pub fn hosted(&self) -> &Arc<Hosted> {
        &self.hosted
    }

    /// What is there of it.
    pub fn log(&self) -> MutexGuard<'_, Option<Log>> {
        self.log.lock().expect("no code panics while it fills a future log")
    }

    fn is_assigned(&self) -> bool {
        self.assigned.load(Ordering::Acquire)
    }

    fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }
}

/// Begins to move a replica to `dir`, which it does not lie in. Waits for the disk.
///
/// # Errors
/// If its future log cannot be created.
pub fn begin(
    broker: &Arc<Broker>,
    id: PartitionId,
    hosted: &Arc<Hosted>,
    dir: &Arc<LogDir>,
) -> Result<(), StorageError> {
    let partition = hosted.lock().topic_partition().clone();
    let path = {
        let mut rng = broker.rng.lock().expect("no code panics while it draws a number");
        dir.path.join(name::future(&partition, &mut rng))
    };
    let start = hosted.lock().log().log_start_offset();
    let log = open(broker, hosted, path.clone(), start)?;
    broker.fs.replace_all(&[partition_metadata::file(&path, id.topic)])?;
    go_on(broker, id, hosted, dir, log);
    Ok(())
}

fn open(broker: &Broker, hosted: &Hosted, path: PathBuf, start: Offset) -> Result<Log, StorageError> {
    let (topic_partition, config) = {
        let partition = hosted.lock();
        (
            partition.topic_partition().clone(),
            Arc::clone(partition.log().config()),
        )
    };
    Log::open(LogOptions {
        log_start_offset: start,
        ..hosting::log_options(broker, path, topic_partition, &config)
    })
}

fn go_on(broker: &Arc<Broker>, id: PartitionId, hosted: &Arc<Hosted>, dir: &Arc<LogDir>, log: Log) {
    let moving = Arc::new(Move {
        id,
        hosted: Arc::clone(hosted),
        dir: Arc::clone(dir),
        log: Mutex::new(Some(log)),
        cancelled: watch::channel(false).0,
        assigned: AtomicBool::new(false),
    });
    dir.partitions.fetch_add(1, Ordering::Relaxed);
    let replaced = broker.future_replicas.moves().insert(id, Arc::clone(&moving));
    if let Some(replaced) = replaced {
        replaced.cancelled.send_replace(true);
    }
    tokio::spawn(mover::run(Arc::clone(broker), moving));
}
