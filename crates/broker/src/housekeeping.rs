//! What a broker does now and then: retention, flushes, checkpoints, expiry, removing what was deleted.

use crate::Broker;
use crate::log_dirs::LogDir;
use crate::partitions::Hosted;
use crate::{epoch_files, flusher, open_files};
use base::{Clock, Instant, Offset, TopicPartition};
use partition::Wakes;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use storage::checkpoint::OffsetCheckpoint;
use storage::{Doomed, StorageError};
use tokio::sync::mpsc;
use tracing::{debug, warn};

/// The recovery points are written at least that often, whatever is configured: a start reads again what was flushed since, and
/// the file costs little.
const RECOVERY_POINTS_EVERY: Duration = Duration::from_secs(5);
/// How many removals may wait; more wait for the queue.
const REMOVALS: usize = 100_000;

/// Something to be removed once its delay is over.
#[derive(Debug)]
enum Removal {
    Directory(PathBuf),
    Files(Doomed),
}

/// The queue of what is to be removed later.
#[derive(Clone, Debug)]
pub struct Removals {
    queue: mpsc::Sender<(Instant, Removal)>,
    clock: Arc<dyn Clock>,
}

impl Removals {
    /// A queue, and the end from which [`remove_when_due`] takes.
    pub fn new(clock: Arc<dyn Clock>) -> (Self, Due) {
        let (queue, due) = mpsc::channel(REMOVALS);
        (Self { queue, clock }, Due { queue: due })
    }

    /// A partition's directory, already renamed away.
    pub fn directory(&self, path: PathBuf, delay_ms: i64) {
        self.push(Removal::Directory(path), delay_ms);
    }

    /// Segment files, already renamed away.
    pub fn files(&self, doomed: Doomed, delay_ms: i64) {
        if !doomed.files.is_empty() {
            self.push(Removal::Files(doomed), delay_ms);
        }
    }

    fn push(&self, removal: Removal, delay_ms: i64) {
        let due = self
            .clock
            .now()
            .plus(Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0)));
        if let Err(error) = self.queue.try_send((due, removal)) {
            // Names with `.deleted` and `-delete` are removed at the next start.
            warn!(%error, "too much waits to be removed; it stays until the next start");
        }
    }
}

/// The far end of [`Removals`].
#[derive(Debug)]
pub struct Due {
    queue: mpsc::Receiver<(Instant, Removal)>,
}

/// Removes what is due, as long as anyone can ask for more.
pub async fn remove_when_due(broker: Arc<Broker>, mut due: Due) {
    let mut waiting: BTreeMap<Instant, Vec<Removal>> = BTreeMap::new();
    loop {
        let first = waiting.keys().next();
        let wait = first.map_or(Duration::MAX, |at| at.since(broker.clock.now()));
        tokio::select! {
            asked = due.queue.recv() => match asked {
                Some((at, removal)) => waiting.entry(at).or_default().push(removal),
                None => return,
            },
            () = tokio::time::sleep(wait) => {
                if let Some((_, removals)) = waiting.pop_first() {
                    remove(&broker, removals).await;
                }
            }
        }
    }
}

async fn remove(broker: &Broker, removals: Vec<Removal>) {
    for removal in removals {
        let fs = Arc::clone(&broker.fs);
        let removed = network::thread::beside(move || match &removal {
            Removal::Directory(path) => fs.remove_dir(path).map_err(|error| error.to_string()),
            Removal::Files(doomed) => doomed.remove(fs.as_ref()).map_err(|error| error.to_string()),
        });
        if let Ok(Err(error)) = removed.await {
            warn!(%error, "deleted files cannot be removed");
        }
    }
}

/// Runs `duty` after `log.initial.task.delay.ms` and then every `interval` (asked anew each time) until the broker stops, if
/// `is_due` says so; the disk may make it wait, so it has a thread of its own while it runs.
async fn every(
    broker: Arc<Broker>,
    interval: fn(&Broker) -> Duration,
    is_due: fn(&Broker) -> bool,
    duty: impl Fn(&Broker) + Send + Sync + 'static,
) {
    let duty = Arc::new(duty);
    let mut stopping = broker.stopping.clone();
    let mut wait = broker.config.load().log.log_initial_task_delay.min(interval(&broker));
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait.max(Duration::from_millis(1))) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        wait = interval(&broker);
        if !is_due(&broker) {
            continue;
        }
        let (for_duty, duty) = (Arc::clone(&broker), Arc::clone(&duty));
        if network::thread::beside(move || duty(&for_duty)).await.is_err() {
            warn!("a housekeeping duty failed; it is tried again at its next turn");
        }
    }
}

/// Starts all duties. An idle broker only looks, once in a while, whether there is one.
pub fn start(broker: &Arc<Broker>, removals: &Removals) {
    let spawn = |interval: fn(&Broker) -> Duration, is_due: fn(&Broker) -> bool, duty: fn(&Broker)| {
        tokio::spawn(every(Arc::clone(broker), interval, is_due, duty));
    };
    spawn(
        |broker| {
            let configured = broker.config.load().log.log_flush_offset_checkpoint_interval;
            configured.min(RECOVERY_POINTS_EVERY)
        },
        have_recovery_points_moved,
        checkpoint_moved_recovery_points,
    );
    spawn(
        |broker| broker.config.load().log.log_flush_start_offset_checkpoint_interval,
        |_| true,
        checkpoint_log_starts,
    );
    spawn(
        |broker| broker.config.load().log.replica_high_watermark_checkpoint_interval,
        |_| true,
        checkpoint_high_watermarks,
    );
    spawn(
        |broker| broker.config.load().log.producer_id_expiration_check_interval,
        |_| true,
        expire_producers,
    );
    // One timer for both: each costs an idle broker two wake-ups.
    spawn(
        flush_interval,
        |broker| flusher::may_be_due(broker) || open_files::is_above_share(broker),
        |broker| {
            flusher::flush_due(broker);
            open_files::stay_below_share(broker);
        },
    );
    let removals = removals.clone();
    let retention = every(
        Arc::clone(broker),
        |broker| broker.config.load().log.log_retention_check_interval,
        |_| true,
        move |broker| enforce_retention(broker, &removals),
    );
    tokio::spawn(retention);
}

/// The partitions whose directory is in use: in one that failed nothing is touched any more.
fn online(broker: &Broker) -> impl Iterator<Item = Arc<Hosted>> {
    broker
        .partitions
        .all()
        .into_iter()
        .filter(|hosted| !hosted.dir().is_offline())
}

/// How many segments leave a log under its lock at a time.
const BITE: usize = 8;

/// Deletes old segments of every log.
pub fn enforce_retention(broker: &Broker, removals: &Removals) {
    for hosted in online(broker) {
        if let Err(error) = retire(broker.clock.as_ref(), removals, &hosted) {
            let partition = hosted.lock().topic_partition().clone();
            let now = broker.partitions.get(&partition.topic, partition.partition);
            // A topic that was deleted meanwhile took its files with it.
            if now.is_some_and(|now| Arc::ptr_eq(&now, &hosted)) {
                hosted.dir().failed(&error);
            }
        }
    }
}

/// The lock is held for moments: producers must not notice how much goes.
fn retire(clock: &dyn Clock, removals: &Removals, hosted: &Hosted) -> Result<(), StorageError> {
    let now = clock.wall();
    let view = {
        let partition = hosted.lock();
        partition.log().retention_view(partition.high_watermark())
    };
    let old = view.find_old(now)?;
    while !old.is_empty() {
        let (retired, delay) = {
            let mut partition = hosted.lock();
            let delay = partition.log().config().file_delete_delay_ms;
            (partition.log_mut().take_out(&old, BITE, now)?, delay)
        };
        if retired.is_empty() {
            break;
        }
        removals.files(retired.rename()?, delay);
    }
    Ok(())
}

/// How often it is looked what `flush.ms` wants flushed, and whether the logs have too many files open. Where nothing was said
/// and there is nothing to be expected, as seldom as other duties, with which an idle broker then wakes.
fn flush_interval(broker: &Broker) -> Duration {
    // Kafka's default, Long.MAX_VALUE, means that nothing asks for flushes by time; a topic may (`flush.ms`).
    let configured = broker.config.load().log.log_flush_scheduler_interval_ms;
    if configured == i64::MAX && !flusher::may_be_due(broker) && open_files::are_few(broker) {
        return RECOVERY_POINTS_EVERY;
    }
    Duration::from_millis(u64::try_from(configured).unwrap_or(0).clamp(1, 1000))
}

fn expire_producers(broker: &Broker) {
    let now = broker.clock.wall();
    for hosted in online(broker) {
        hosted.lock().log_mut().expire_producers(now);
    }
}

/// Writes `recovery-point-offset-checkpoint` in every directory.
pub fn checkpoint_recovery_points(broker: &Broker) {
    let all = broker.partitions.all();
    for dir in broker.log_dirs.dirs.iter().filter(|dir| !dir.is_offline()) {
        epoch_files::write(broker, &all, dir);
        checkpoint_recovery_points_in(broker, &all, dir);
    }
}

/// Writes `recovery-point-offset-checkpoint` in the directories that flushed something since: an idle broker writes
/// nothing.
pub fn checkpoint_moved_recovery_points(broker: &Broker) {
    let mut all = None;
    for dir in &broker.log_dirs.dirs {
        if !dir.is_offline() && dir.recovery_points_moved.load(Ordering::Acquire) {
            let all = all.get_or_insert_with(|| broker.partitions.all());
            epoch_files::write(broker, all, dir);
            checkpoint_recovery_points_in(broker, all, dir);
        }
    }
}

fn have_recovery_points_moved(broker: &Broker) -> bool {
    let mut dirs = broker.log_dirs.dirs.iter();
    dirs.any(|dir| dir.recovery_points_moved.load(Ordering::Acquire))
}

/// Writes `recovery-point-offset-checkpoint` in one directory: after a log in it was cut back, before anything is appended to it
/// again. What the file says is on stable storage is not read at the next start.
pub fn checkpoint_recovery_points_of(broker: &Broker, dir: &Arc<LogDir>) {
    if !dir.is_offline() {
        checkpoint_recovery_points_in(broker, &broker.partitions.all(), dir);
    }
}

fn checkpoint_recovery_points_in(broker: &Broker, all: &[Arc<Hosted>], dir: &Arc<LogDir>) {
    // Those that move while this reads are for the next time.
    dir.recovery_points_moved.store(false, Ordering::Release);
    let cut = RefCell::new(Vec::new());
    checkpoint_dir(broker, all, dir, OffsetCheckpoint::RecoveryPoint, |partition| {
        let noted = partition
            .unnoted_cut()
            .map(|cut| (partition.topic_partition().clone(), cut));
        cut.borrow_mut().extend(noted);
        Some(partition.log().noted_recovery_point())
    });
    let mut wakes = Wakes::none();
    for (at, cut) in cut.into_inner() {
        // One that is gone since needs nothing any more.
        if let Some(hosted) = broker
            .partitions
            .get(&at.topic, at.partition)
            .filter(|_| !dir.is_offline())
        {
            wakes.merge(hosted.lock().cut_noted(cut));
        }
    }
    wakes.fire();
}

/// Writes `replication-offset-checkpoint` in every directory.
pub fn checkpoint_high_watermarks(broker: &Broker) {
    checkpoint(broker, OffsetCheckpoint::HighWatermark, |partition| {
        Some(partition.high_watermark())
    });
}

/// Writes `log-start-offset-checkpoint` in every directory: logs that start at 0 are left out.
pub fn checkpoint_log_starts(broker: &Broker) {
    checkpoint(broker, OffsetCheckpoint::LogStart, log_start);
}

/// Writes `log-start-offset-checkpoint` in one directory: before the answer to a DeleteRecords, so that no crash brings back
/// what was deleted.
pub fn checkpoint_log_starts_of(broker: &Broker, dir: &Arc<LogDir>) {
    if !dir.is_offline() {
        checkpoint_dir(
            broker,
            &broker.partitions.all(),
            dir,
            OffsetCheckpoint::LogStart,
            log_start,
        );
    }
}

fn log_start(partition: &partition::Partition) -> Option<Offset> {
    Some(partition.log().log_start_offset()).filter(|start| *start > Offset::ZERO)
}

/// Writes `cleaner-offset-checkpoint` in one directory: the logs that were never cleaned are left out.
pub fn checkpoint_cleaner(broker: &Broker, dir: &Arc<LogDir>) {
    if !dir.is_offline() {
        let all = broker.partitions.all();
        checkpoint_dir(broker, &all, dir, OffsetCheckpoint::Cleaner, |partition| {
            partition
                .log()
                .first_dirty_offset()
                .filter(|_| partition.log().config().compact)
        });
    }
}

fn checkpoint(broker: &Broker, which: OffsetCheckpoint, read: impl Fn(&partition::Partition) -> Option<Offset>) {
    let all = broker.partitions.all();
    for dir in broker.log_dirs.dirs.iter().filter(|dir| !dir.is_offline()) {
        checkpoint_dir(broker, &all, dir, which, &read);
    }
}

fn checkpoint_dir(
    broker: &Broker,
    all: &[Arc<Hosted>],
    dir: &Arc<LogDir>,
    which: OffsetCheckpoint,
    read: impl Fn(&partition::Partition) -> Option<Offset>,
) {
    // What is read is written before anybody else reads: the file never goes back.
    let mut written = dir
        .checkpoints
        .lock()
        .expect("no code panics while it writes a checkpoint");
    let mut offsets: Vec<(TopicPartition, Offset)> = Vec::new();
    for hosted in all.iter().filter(|hosted| Arc::ptr_eq(&hosted.dir(), dir)) {
        let partition = hosted.lock();
        if let Some(offset) = read(&partition) {
            offsets.push((partition.topic_partition().clone(), offset));
        }
    }
    offsets.extend(broker.future_replicas.offsets_in(dir, which));
    let contents = digest(&offsets);
    if written.get(&which) == Some(&contents) {
        return;
    }
    written.remove(&which);
    if write(broker, dir, which, &offsets) {
        written.insert(which, contents);
    }
}

/// An idle broker's checkpoints stay as they are: what would be the same again is not written, and not flushed, every few
/// seconds.
fn digest(offsets: &[(TopicPartition, Offset)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    offsets.hash(&mut hasher);
    hasher.finish()
}

/// Answers whether it was written.
fn write(broker: &Broker, dir: &LogDir, which: OffsetCheckpoint, offsets: &[(TopicPartition, Offset)]) -> bool {
    let entries = offsets.iter().map(|(partition, offset)| (partition, *offset));
    match which.write(broker.fs.as_ref(), &dir.path, entries) {
        Ok(()) => {
            debug!(dir = %dir.path.display(), file = which.file_name(), "checkpoint written");
            true
        }
        Err(error) => {
            dir.failed(&error.into());
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitions::watched::Watched;
    use base::Timestamp;
    use base::clock::SystemClock;
    use records::BatchBuilder;
    use storage::LogConfig;

    #[test]
    fn nothing_is_read_renamed_or_removed_under_the_lock_however_much_is_old() {
        let config = LogConfig {
            retention_ms: 1,
            segment_bytes: 200,
            ..LogConfig::default()
        };
        let watched = Watched::new(config);
        for _ in 0..5 * BITE {
            let mut builder = BatchBuilder::new();
            builder.append(Timestamp(1), None, Some(&[b'v'; 100]), &[]);
            watched.append(builder.build());
        }
        // One that is young stays, and with it the last segment: to make a new one takes the lock, as every append that rolls does.
        let clock = SystemClock::new();
        let mut builder = BatchBuilder::new();
        builder.append(Timestamp(clock.wall().0 + 3_600_000), None, Some(b"young"), &[]);
        watched.append(builder.build());
        let (removals, mut due) = Removals::new(Arc::new(SystemClock::new()));
        watched.begin();
        retire(&clock, &removals, &watched.hosted).expect("retired");
        assert_eq!(watched.hosted.lock().log().segment_count(), 1);
        assert!(watched.done() >= 5 * BITE, "the files were renamed");
        assert_eq!(watched.under_lock(), Vec::<String>::new());
        let mut bites = 0;
        while let Ok((_, removal)) = due.queue.try_recv() {
            let Removal::Files(doomed) = removal else {
                panic!("{removal:?}")
            };
            assert!(doomed.segments <= BITE, "{} segments at once", doomed.segments);
            doomed.remove(watched.fs.as_ref()).expect("removed");
            bites += 1;
        }
        assert!(bites >= 5, "{bites}");
    }
}
