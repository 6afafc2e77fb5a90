//! Cleaning one log from start to end.

use super::choose::Chosen;
use super::is_wanted;
use crate::Broker;
use crate::checkpoints;
use crate::partitions::Hosted;
use crate::removals::Removals;
use base::Offset;
use std::sync::Arc;
use std::time::Duration;
use storage::cleaner::{self as ready, Cleaner, CleanerStats, CleaningError, Pace};
use storage::{Doomed, StorageError};
use tracing::{info, warn};

/// The longest sleep of a throttled thread before it looks whether it is still wanted.
const NAP: Duration = Duration::from_millis(100);

/// Whether a log was cleaned: if so there may be another, if not it is time to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cleaned {
    Yes,
    No,
}

/// Cleans the chosen log and gives it back.
pub(super) fn clean(
    broker: &Broker,
    removals: &Removals,
    thread: usize,
    cleaner: &mut Cleaner,
    chosen: Chosen,
) -> Cleaned {
    let partition = chosen.hosted.lock().topic_partition().clone();
    let begun = broker.clock.now();
    let result = run(broker, removals, thread, cleaner, &chosen);
    let cleaned = match result {
        Ok((end, stats)) => {
            let took = broker.clock.now().since(begun);
            info!(
                %partition, from = %chosen.log.first_dirty, to = %end, ?took,
                read = stats.bytes_read, written = stats.bytes_written, "log cleaned"
            );
            broker.cleaner.measures.cleaned(thread, &stats, took);
            note_progress(broker, &chosen.hosted, end);
            Cleaned::Yes
        }
        Err(error) => {
            failed(broker, &chosen.hosted, &error);
            Cleaned::No
        }
    };
    broker.cleaner.state().in_progress.remove(&partition);
    cleaned
}

fn run(
    broker: &Broker,
    removals: &Removals,
    thread: usize,
    cleaner: &mut Cleaner,
    chosen: &Chosen,
) -> Result<(Offset, CleanerStats), CleaningError> {
    let hosted = &chosen.hosted;
    let mut pace = |bytes: usize| keep_pace(broker, thread, hosted, bytes);
    let mut pass = cleaner.begin(&chosen.log, broker.clock.wall(), &mut pace)?;
    while let Some(group) = pass.next_group() {
        let producers = hosted.lock().log().last_records();
        let cleaned = pass.clean(group, &producers, &mut pace)?;
        let (doomed, delay) = exchange(hosted, cleaned)?;
        removals.files(doomed, delay);
    }
    Ok(pass.end())
}

/// Puts what was cleaned in the place of what it was made of; answers what is to be removed, and how much later. The lock is held for
/// moments, and no file is touched meanwhile: producers must not notice how much is exchanged.
fn exchange(hosted: &Hosted, cleaned: ready::Cleaned) -> Result<(Doomed, i64), CleaningError> {
    let installed = hosted.lock().log_mut().install(cleaned);
    let swap = match installed {
        Ok(swap) => swap,
        Err(outdated) => {
            // Retention or a truncation took some of the segments; what is left is looked at again.
            outdated.discard()?;
            return Err(CleaningError::Stopped);
        }
    };
    let finished = swap.finish();
    let (retired, delay) = {
        let mut partition = hosted.lock();
        let retired = partition.log_mut().finish_swap(swap, finished)?;
        (retired, partition.log().config().file_delete_delay_ms)
    };
    Ok((retired.rename()?, delay))
}

/// Waits until `bytes` may be read or written; ends the pass if the broker stops or the log is not to be cleaned any more.
fn keep_pace(broker: &Broker, thread: usize, hosted: &Arc<Hosted>, bytes: usize) -> Pace {
    loop {
        if !is_wanted(broker, thread) || hosted.dir().is_offline() || !is_to_be_cleaned(broker, hosted) {
            return Pace::Stop;
        }
        let rate = broker.config.load().cleaner.log_cleaner_io_max_bytes_per_second;
        match broker.cleaner.throttle.take(bytes, rate, broker.clock.now()) {
            Ok(()) => return Pace::Go,
            Err(wait) => std::thread::sleep(wait.min(NAP)),
        }
    }
}

fn is_to_be_cleaned(broker: &Broker, hosted: &Arc<Hosted>) -> bool {
    let (partition, compact) = {
        let partition = hosted.lock();
        (partition.topic_partition().clone(), partition.log().config().compact)
    };
    compact && is_hosted(broker, hosted, &partition)
}

fn is_hosted(broker: &Broker, hosted: &Arc<Hosted>, partition: &base::TopicPartition) -> bool {
    let now = broker.partitions.get(&partition.topic, partition.partition);
    now.is_some_and(|now| Arc::ptr_eq(&now, hosted))
}

/// Notes how far the log is clean, here and in `cleaner-offset-checkpoint`.
fn note_progress(broker: &Broker, hosted: &Hosted, end: Offset) {
    hosted.lock().log_mut().set_first_dirty_offset(end);
    checkpoints::write_first_dirty(broker, &hosted.dir());
}

fn failed(broker: &Broker, hosted: &Arc<Hosted>, error: &CleaningError) {
    let partition = hosted.lock().topic_partition().clone();
    if !is_hosted(broker, hosted, &partition) {
        return;
    }
    match error {
        CleaningError::Stopped => {}
        CleaningError::Storage(
            error @ (StorageError::Io(_) | StorageError::Offline | StorageError::TooManyOpenFiles),
        ) => hosted.dir().failed(error),
        CleaningError::Storage(StorageError::Corrupt(_))
        | CleaningError::Batch { .. }
        | CleaningError::Records(_)
        | CleaningError::Rewrite(..)
        | CleaningError::MapTooSmall { .. } => {
            warn!(%partition, %error, "the log cannot be cleaned and is left as it is until the next start");
            set_aside(broker, hosted);
        }
    }
}

/// The log is not looked at again before the next start.
pub(super) fn set_aside(broker: &Broker, hosted: &Hosted) {
    let partition = hosted.lock().topic_partition().clone();
    let mut state = broker.cleaner.state();
    state
        .uncleanable
        .entry(hosted.dir().path.clone())
        .or_default()
        .insert(partition);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitions::watched::Watched;
    use base::Timestamp;
    use records::BatchBuilder;
    use storage::LogConfig;
    use storage::cleaner::CleanerSettings;

    #[test]
    fn nothing_is_read_or_renamed_under_the_lock_however_much_is_compacted() {
        let config = LogConfig {
            compact: true,
            delete: false,
            segment_bytes: 200,
            min_cleanable_dirty_ratio: 0.0,
            ..LogConfig::default()
        };
        let watched = Watched::new(config);
        for at in 0..120 {
            let mut builder = BatchBuilder::new();
            builder.append(Timestamp(at), Some(b"key"), Some(&[b'v'; 100]), &[]);
            watched.append(builder.build());
        }
        let hosted = &watched.hosted;
        assert_eq!(hosted.lock().log().segment_count(), 120);
        // What is not on stable storage is not cleaned.
        hosted.lock().log_mut().flush(base::Instant::ZERO).expect("flushed");
        let settings = CleanerSettings {
            map_bytes: 1 << 20,
            load_factor: 0.9,
            io_bytes: 1 << 16,
        };
        let mut cleaner = Cleaner::new(settings, (1, 2));
        let view = {
            let partition = hosted.lock();
            partition.log().cleaning_view(partition.last_stable_offset())
        };
        watched.begin();
        let log = view.measure(Timestamp(1_000)).expect("measured");
        let mut pass = cleaner.begin(&log, Timestamp(1_000), &mut |_| Pace::Go).expect("begun");
        let mut exchanged = 0;
        while let Some(group) = pass.next_group() {
            let producers = hosted.lock().log().last_records();
            let cleaned = pass.clean(group, &producers, &mut |_| Pace::Go).expect("cleaned");
            exchanged += exchange(hosted, cleaned).expect("exchanged").0.segments;
        }
        assert!(exchanged > 100, "{exchanged}");
        assert!(watched.done() > 100, "the files were touched");
        assert_eq!(watched.under_lock(), Vec::<String>::new());
    }
}
