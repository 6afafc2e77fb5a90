//! The future log takes the place of the replica's, under the partition's lock.
//!
//! At every moment one whole log has the partition's name. First the future directory gets it, durably, and only then the old one loses
//! it: between the two both have it, hold the same, and a start takes the one that the cluster's metadata names, which is
//! the new one (`log_dirs`): the controller was told before.

use super::Move;
use super::copy::{Copied, CopyError, Source, copy, copy_on};
use crate::{Broker, checkpoints};
use partition::{NotExchangeable, Wakes};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tracing::warn;

/// What is copied at a time.
const CHUNK: u32 = 1024 * 1024;
/// What is copied at the most before it is looked again whether all is there.
const ROUND: u64 = 16 * 1024 * 1024;
/// What is copied at the most while producers wait.
const LAST: u32 = 64 * 1024;

/// Whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swapped {
    /// The replica lies in the other directory.
    Yes,
    /// Not now: too much was appended meanwhile, or the cleaner is at work.
    NotYet,
}

/// Exchanges the logs, if the future one can catch up in a moment.
///
/// # Errors
/// If nothing more can be copied, or the other directory fails.
pub(super) fn swap(broker: &Broker, moving: &Move) -> Result<Swapped, CopyError> {
    let partition = moving.hosted.lock().topic_partition().clone();
    let Some(_aside) = broker.cleaner.set_aside(&partition) else {
        return Ok(Swapped::NotYet);
    };
    if copy_on(broker, moving, CHUNK, ROUND)?.0 != Copied::Nothing {
        return Ok(Swapped::NotYet);
    }
    if let Some(log) = moving.log().as_mut() {
        log.flush(broker.clock.now())?;
    }
    // A recovery point of an earlier life there must not be trusted, and a start that was asked for not be forgotten.
    checkpoints::write_recovery_points_of(broker, &moving.dir);
    checkpoints::write_log_starts_of(broker, &moving.dir);
    if moving.dir.is_offline() || moving.is_cancelled() {
        return Ok(Swapped::NotYet);
    }
    let Some((left_behind, wakes)) = under_lock(broker, moving)? else {
        return Ok(Swapped::NotYet);
    };
    wakes.fire();
    moving.dir.recovery_points_moved.store(true, Ordering::Release);
    if let Some(path) = left_behind {
        let delay = broker.config.load().topic_defaults.file_delete_delay_ms;
        broker.future_replicas.removals.directory(path, delay);
    }
    checkpoints::write_recovery_points_of(broker, &moving.dir);
    checkpoints::write_log_starts_of(broker, &moving.dir);
    Ok(Swapped::Yes)
}

/// Answers where the old log lies now, if it is to be removed, and who is to be woken; nothing if it cannot be now.
fn under_lock(broker: &Broker, moving: &Move) -> Result<Option<(Option<PathBuf>, Wakes)>, CopyError> {
    let mut future = moving.log();
    let Some(log) = future.as_mut() else {
        return Ok(None);
    };
    let mut partition = moving.hosted.lock();
    let source = Source::of(&partition, log);
    if copy(broker, &source, log, &moving.dir, LAST)? == Copied::Stuck {
        return Ok(None);
    }
    log.take_over_epochs(partition.log());
    log.flush(broker.clock.now())?;
    match partition.check_exchange(log) {
        Ok(()) => {}
        Err(NotExchangeable::Offline | NotExchangeable::Busy | NotExchangeable::Different) => return Ok(None),
    }
    log.promote()?;
    let log = future.take().expect("it was there a moment ago, under the same lock");
    let (mut before, wakes) = partition.exchange(log);
    let old_dir = Arc::clone(&moving.hosted.dir());
    moving
        .hosted
        .moved_to(Arc::clone(&moving.dir), broker.flushes.of(&moving.dir));
    old_dir.partitions.fetch_sub(1, Ordering::Relaxed);
    let renamed = {
        let mut rng = broker.rng.lock().expect("no code panics while it draws a number");
        before.rename_for_delete(&mut rng)
    };
    let renamed = renamed.and_then(|path| Ok(broker.fs.sync_dir(&old_dir.path).map(|()| path)?));
    let left_behind = renamed.inspect_err(|error| {
        warn!(dir = %old_dir.path.display(), "a log that was moved away cannot be renamed");
        old_dir.failed(error);
    });
    Ok(Some((left_behind.ok(), wakes)))
}
