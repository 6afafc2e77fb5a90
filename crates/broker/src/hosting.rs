//! Taking partitions in: opening or creating their logs, leading them, letting them go.

use crate::Broker;
use crate::checking::Checking;
use crate::log_config::PartitionSettings;
use crate::log_dirs::{LogDir, TakenUp};
use crate::partitions::Hosted;
use crate::replication::{Follow, PartitionId, Task};
use base::{Offset, TopicPartition, Uuid};
use metadata::image::{PartitionImage, TopicImage};
use partition::{Following, Leadership, Partition, Wakes};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use storage::dirs::{name, partition_metadata};
use storage::{LastShutdown, Log, LogConfig, LogOptions, StorageError};

/// Why a partition is not hosted.
#[derive(Debug, thiserror::Error)]
pub enum HostingError {
    /// The directory it lies in is offline, or may be: nothing is begun anew elsewhere.
    #[error("its log directory is offline")]
    Offline,
    /// Its log cannot be opened.
    #[error(transparent)]
    Log(#[from] StorageError),
}

/// A partition that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The partition.
    pub hosted: Arc<Hosted>,
    /// Where its topic id is to be written, if its directory does not tell it yet: see [`name_topics`].
    pub unnamed: Option<PathBuf>,
}

/// Opens or creates the log of one partition of `topic`; `checking` tells how far that is.
pub fn open(
    broker: &Broker,
    topic: &TopicImage,
    index: i32,
    settings: &PartitionSettings,
    checking: &Checking,
) -> Result<Opened, HostingError> {
    let topic_partition = TopicPartition::new(Arc::clone(&topic.name), index);
    let place = match broker.log_dirs.take(&topic_partition, topic.id) {
        Some(found) => found,
        None => new_place(broker, topic, index, &topic_partition)?,
    };
    if place.dir.is_offline() {
        return Err(HostingError::Offline);
    }
    let dir = Arc::clone(&place.dir);
    let to_check = checking.of(&place.dir);
    let last_shutdown = place.last_shutdown;
    let hosted = open_at(broker, topic.id, topic_partition, place, settings, to_check);
    match &hosted {
        Err(HostingError::Log(error)) => {
            if last_shutdown == LastShutdown::Unclean {
                dir.has_unchecked.store(true, Ordering::Release);
            }
            dir.failed(error);
        }
        Err(HostingError::Offline) | Ok(_) => {}
    }
    hosted
}

fn open_at(
    broker: &Broker,
    topic_id: Uuid,
    topic_partition: TopicPartition,
    place: TakenUp,
    settings: &PartitionSettings,
    to_check: Arc<AtomicUsize>,
) -> Result<Opened, HostingError> {
    let brokers = Arc::clone(&broker.standings);
    let throttled = settings.throttled(topic_partition.partition, broker.node);
    let mut log = Log::open(LogOptions {
        log_start_offset: place.log_start,
        recovery_point: place.recovery_point,
        last_shutdown: place.last_shutdown,
        to_check,
        ..log_options(broker, place.path.clone(), topic_partition, &settings.log)
    })?;
    if let Some(offset) = place.first_dirty {
        log.set_first_dirty_offset(offset);
    }
    let partition = Partition::new(
        topic_id,
        log,
        place.high_watermark,
        settings.min_insync_replicas,
        brokers,
    );
    let flushes = broker.flushes.of(&place.dir);
    let unnamed = (!place.has_topic_id).then_some(place.path);
    let hosted = Hosted::new(place.dir, partition, flushes);
    hosted.set_throttled(throttled);
    Ok(Opened { hosted, unnamed })
}

/// What the log in `dir` is opened with, as far as the broker says it: from its beginning, and nothing in it is taken for
/// closed in order.
pub fn log_options(
    broker: &Broker,
    dir: PathBuf,
    topic_partition: TopicPartition,
    config: &Arc<LogConfig>,
) -> LogOptions {
    let expiration = broker.config.load().log.producer_id_expiration.as_millis();
    LogOptions {
        config: Arc::clone(config),
        producer_id_expiration_ms: i64::try_from(expiration).unwrap_or(i64::MAX),
        jitter_seed: broker
            .rng
            .lock()
            .expect("no code panics while it draws a number")
            .next_u64(),
        ..LogOptions::new(Arc::clone(&broker.fs), dir, topic_partition, broker.clock.wall())
    }
}

/// Writes down which topic each of these directories belongs to, for all of them together: a thousand new partitions
/// wait for the disk as long as one.
pub fn name_topics(broker: &Broker, unnamed: &[(Arc<LogDir>, PathBuf, Uuid)]) {
    for dir in &broker.log_dirs.dirs {
        let files: Vec<_> = unnamed
            .iter()
            .filter(|(lies_in, ..)| Arc::ptr_eq(lies_in, dir))
            .map(|(_, path, topic_id)| partition_metadata::file(path, *topic_id))
            .collect();
        if files.is_empty() || dir.is_offline() {
            continue;
        }
        if let Err(error) = broker.fs.replace_all(&files) {
            dir.failed(&error.into());
        }
    }
}

/// A place for a partition that has no directory yet: the one the metadata assigns, or the emptiest.
fn new_place(
    broker: &Broker,
    topic: &TopicImage,
    index: i32,
    topic_partition: &TopicPartition,
) -> Result<TakenUp, HostingError> {
    let assigned = topic
        .partition(index)
        .and_then(|partition| partition.directory(broker.node))
        .filter(|id| !id.is_reserved());
    // Before the first image is applied every partition may be an old one, and lie in a directory that cannot be read.
    let is_start = broker.image.borrow().end == Offset::ZERO;
    // Who was being moved lies somewhere, whole: perhaps in what cannot be read now, whatever the metadata says by now.
    if is_start && broker.log_dirs.any_offline() && broker.log_dirs.was_moving(topic_partition) {
        return Err(HostingError::Offline);
    }
    let wanted = broker.future_replicas.take_wanted(topic_partition);
    let dir = match assigned {
        _ if wanted.as_ref().is_some_and(|dir| !dir.is_offline()) => wanted,
        Some(id) => broker.log_dirs.by_id(id).cloned(),
        None if is_start && broker.log_dirs.any_offline() => None,
        None => broker.log_dirs.for_new_partition(),
    };
    let dir = dir.filter(|dir| !dir.is_offline()).ok_or(HostingError::Offline)?;
    dir.partitions.fetch_add(1, Ordering::Relaxed);
    Ok(TakenUp {
        path: dir.path.join(name::current(topic_partition)),
        dir,
        has_topic_id: false,
        // There may be a directory after all, which could not be opened at the start: nothing in it is known to be whole, or synced.
        last_shutdown: LastShutdown::Unclean,
        recovery_point: Offset::ZERO,
        log_start: Offset::ZERO,
        high_watermark: Offset::ZERO,
        first_dirty: None,
    })
}

/// Brings a hosted partition's role in line with the metadata; answers whom it is to fetch from.
pub fn assume_role(broker: &Broker, hosted: &Arc<Hosted>, topic: &Arc<str>, image: &PartitionImage) -> (Wakes, Task) {
    let mut partition = hosted.lock();
    if image.leader == broker.node {
        let leadership = Leadership {
            node: broker.node,
            epoch: image.leader_epoch,
            partition_epoch: image.partition_epoch,
            replicas: image.replicas.clone(),
            isr: image.isr.clone(),
        };
        if partition.unnoted_cut().is_some() {
            // It was cut as a follower, and nobody fetches for it now: the next turn of the checkpoints tells of it.
            hosted.dir().recovery_points_moved.store(true, Ordering::Release);
        }
        return match partition.lead(leadership, broker.clock.now()) {
            Ok(wakes) => (wakes, Task::Rest),
            Err(error) => {
                hosted.dir().take_offline(&error);
                (Wakes::none(), Task::Rest)
            }
        };
    }
    let wakes = partition.follow(Following {
        leader: image.leader,
        epoch: image.leader_epoch,
        partition_epoch: image.partition_epoch,
    });
    if !image.has_leader() {
        return (wakes, Task::Rest);
    }
    let follow = Follow {
        topic: Arc::clone(topic),
        hosted: Arc::clone(hosted),
        epoch: image.leader_epoch,
    };
    (wakes, Task::Follow(image.leader, follow))
}

/// Lets a partition go: its directory is renamed away at once and is to be removed later.
pub fn let_go(broker: &Broker, hosted: &Hosted) -> (Option<PathBuf>, Wakes) {
    let mut partition = hosted.lock();
    let wakes = partition.retire();
    broker.future_replicas.cancel(PartitionId {
        topic: partition.topic_id(),
        index: partition.topic_partition().partition,
    });
    hosted.dir().partitions.fetch_sub(1, Ordering::Relaxed);
    if hosted.dir().is_offline() {
        return (None, wakes);
    }
    let renamed = {
        let mut rng = broker.rng.lock().expect("no code panics while it draws a number");
        partition.log_mut().rename_for_delete(&mut rng)
    };
    match renamed {
        Ok(path) => (Some(path), wakes),
        Err(error) => {
            hosted.dir().take_offline(&error);
            (None, wakes)
        }
    }
}
