//! The checkpoint files of the log directories: recovery points, high watermarks, log starts, and how far logs were cleaned.

use crate::Broker;
use crate::epoch_files;
use crate::log_dirs::LogDir;
use crate::partitions::Hosted;
use base::{Offset, TopicPartition};
use partition::Wakes;
use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storage::checkpoint::OffsetCheckpoint;
use tracing::debug;

/// Writes `recovery-point-offset-checkpoint` in every directory.
pub fn write_recovery_points(broker: &Broker) {
    let all = broker.partitions.all();
    for dir in broker.log_dirs.dirs.iter().filter(|dir| !dir.is_offline()) {
        epoch_files::write(broker, &all, dir);
        write_recovery_points_in(broker, &all, dir);
    }
}

/// Writes `recovery-point-offset-checkpoint` in the directories that flushed something since: an idle broker writes
/// nothing.
pub fn write_moved_recovery_points(broker: &Broker) {
    let mut all = None;
    for dir in &broker.log_dirs.dirs {
        if !dir.is_offline() && dir.recovery_points_moved.load(Ordering::Acquire) {
            let all = all.get_or_insert_with(|| broker.partitions.all());
            epoch_files::write(broker, all, dir);
            write_recovery_points_in(broker, all, dir);
        }
    }
}

/// Whether there is a recovery point that a file does not tell yet.
pub fn have_recovery_points_moved(broker: &Broker) -> bool {
    let mut dirs = broker.log_dirs.dirs.iter();
    dirs.any(|dir| dir.recovery_points_moved.load(Ordering::Acquire))
}

/// Writes `recovery-point-offset-checkpoint` in one directory: after a log in it was cut back, before anything is appended to it
/// again. What the file says is on stable storage is not read at the next start.
pub fn write_recovery_points_of(broker: &Broker, dir: &Arc<LogDir>) {
    if !dir.is_offline() {
        write_recovery_points_in(broker, &broker.partitions.all(), dir);
    }
}

fn write_recovery_points_in(broker: &Broker, all: &[Arc<Hosted>], dir: &Arc<LogDir>) {
    // Those that move while this reads are for the next time.
    dir.recovery_points_moved.store(false, Ordering::Release);
    let cut = RefCell::new(Vec::new());
    write_in(broker, all, dir, OffsetCheckpoint::RecoveryPoint, |partition| {
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
pub fn write_high_watermarks(broker: &Broker) {
    write_in_all(broker, OffsetCheckpoint::HighWatermark, high_watermark);
}

/// So many partitions are looked at without a thread for it, which costs more to begin.
const FEW: usize = 256;

/// Whether `replication-offset-checkpoint` would be written, as far as a short look tells.
pub fn may_high_watermarks_have_moved(broker: &Broker) -> bool {
    let which = OffsetCheckpoint::HighWatermark;
    let all = broker.partitions.all();
    let has_news = |dir: &Arc<LogDir>| match dir.checkpoints.try_lock() {
        Ok(written) => written.get(&which) != Some(&digest(&offsets(broker, &all, dir, which, high_watermark))),
        Err(_) => true,
    };
    let mut dirs = broker.log_dirs.dirs.iter().filter(|dir| !dir.is_offline());
    all.len() > FEW || dirs.any(has_news)
}

/// As other offsets are read, of which there may be none.
fn high_watermark(partition: &partition::Partition) -> Option<Offset> {
    Some(partition.high_watermark())
}

/// Writes `log-start-offset-checkpoint` in every directory: logs that start at 0 are left out.
pub fn write_log_starts(broker: &Broker) {
    write_in_all(broker, OffsetCheckpoint::LogStart, log_start);
}

/// Writes `log-start-offset-checkpoint` in one directory: before the answer to a DeleteRecords, so that no crash brings back
/// what was deleted.
pub fn write_log_starts_of(broker: &Broker, dir: &Arc<LogDir>) {
    if !dir.is_offline() {
        write_in(
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
pub fn write_first_dirty(broker: &Broker, dir: &Arc<LogDir>) {
    if !dir.is_offline() {
        let all = broker.partitions.all();
        write_in(broker, &all, dir, OffsetCheckpoint::Cleaner, |partition| {
            partition
                .log()
                .first_dirty_offset()
                .filter(|_| partition.log().config().compact)
        });
    }
}

fn write_in_all(broker: &Broker, which: OffsetCheckpoint, read: impl Fn(&partition::Partition) -> Option<Offset>) {
    let all = broker.partitions.all();
    for dir in broker.log_dirs.dirs.iter().filter(|dir| !dir.is_offline()) {
        write_in(broker, &all, dir, which, &read);
    }
}

fn write_in(
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
    let offsets = offsets(broker, all, dir, which, read);
    let contents = digest(&offsets);
    if written.get(&which) == Some(&contents) {
        return;
    }
    written.remove(&which);
    if write_file(broker, dir, which, &offsets) {
        written.insert(which, contents);
    }
}

/// What a checkpoint of one directory is to hold.
fn offsets(
    broker: &Broker,
    all: &[Arc<Hosted>],
    dir: &Arc<LogDir>,
    which: OffsetCheckpoint,
    read: impl Fn(&partition::Partition) -> Option<Offset>,
) -> Vec<(TopicPartition, Offset)> {
    let mut offsets = Vec::new();
    for hosted in all.iter().filter(|hosted| Arc::ptr_eq(&hosted.dir(), dir)) {
        let partition = hosted.lock();
        if let Some(offset) = read(&partition) {
            offsets.push((partition.topic_partition().clone(), offset));
        }
    }
    offsets.extend(broker.future_replicas.offsets_in(dir, which));
    offsets
}

/// An idle broker's checkpoints stay as they are: what would be the same again is not written, and not flushed, every few
/// seconds.
fn digest(offsets: &[(TopicPartition, Offset)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    offsets.hash(&mut hasher);
    hasher.finish()
}

/// Answers whether it was written.
fn write_file(broker: &Broker, dir: &LogDir, which: OffsetCheckpoint, offsets: &[(TopicPartition, Offset)]) -> bool {
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
