//! Cleaned logs against a model: what a reader sees, whatever was cleaned and wherever the machine stopped.

mod crashes;
mod disk;
mod history;
mod rules;

use super::*;
use crate::{LastShutdown, Log, LogConfig, LogOptions};
use base::{Offset, Timestamp, TopicPartition};
use disk::Disk;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const NOW: i64 = 1_700_000_000_000;

/// A log's options on a disk in memory.
fn options(disk: &Arc<Disk>, config: &LogConfig) -> LogOptions {
    let fs = Arc::clone(disk);
    let mut options = LogOptions::new(
        fs,
        PathBuf::from("/d/topic-0"),
        TopicPartition::new("topic", 0),
        Timestamp(NOW),
    );
    options.config = Arc::new(config.clone());
    options.producer_id_expiration_ms = i64::MAX;
    options
}

fn compact(delete_retention_ms: i64) -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        delete_retention_ms,
        segment_bytes: 1200,
        index_interval_bytes: 200,
        min_cleanable_dirty_ratio: 0.0,
        ..LogConfig::default()
    }
}

fn cleaner(keys: usize, io_bytes: usize) -> Cleaner {
    let settings = CleanerSettings {
        map_bytes: keys * OffsetMap::SLOT_BYTES,
        load_factor: 1.0,
        io_bytes,
    };
    Cleaner::new(settings, (11, 12))
}

fn last_stable(log: &Log) -> Offset {
    let end = log.log_end_offset();
    log.first_unstable_offset().map_or(end, |first| first.min(end))
}

/// One pass as the host does it; answers up to where it came.
fn clean(log: &mut Log, cleaner: &mut Cleaner, now: i64) -> Result<Offset, CleaningError> {
    let mut go = |_| Pace::Go;
    let to_clean = log.cleaning_view(last_stable(log)).measure(Timestamp(now))?;
    let mut pass = cleaner.begin(&to_clean, Timestamp(now), &mut go)?;
    while let Some(group) = pass.next_group() {
        let producers = log.last_records();
        let cleaned = pass.clean(group, &producers, &mut go)?;
        let swap = log.install(cleaned).expect("nobody else changes the log");
        let finished = swap.finish();
        let doomed = log.finish_swap(swap, finished)?.rename()?;
        doomed.remove(log.fs())?;
    }
    let (end, _) = pass.end();
    log.set_first_dirty_offset(end);
    Ok(end)
}
