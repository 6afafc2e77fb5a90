//! Opening a log: what is on the disk becomes a log that can be appended to.

use crate::active::Active;
use crate::config::LogConfig;
use crate::error::{OpenError, StorageError};
use crate::home::Home;
use crate::leader_epoch::{Flush, LeaderEpochCache};
use crate::leftovers::{self, Listing};
use crate::log::Log;
use crate::names::SegmentFile;
use crate::producer_state::ProducerStateManager;
use crate::recovery::{rebuild_indexes, recover, recover_tail};
use crate::replay::TransactionIndexes;
use crate::room::Ahead;
use crate::segment::Segment;
use crate::unsynced::{Names, Unsynced};
use base::fs::Fs;
use base::{Offset, Timestamp, TopicPartition};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How the broker that wrote the log ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastShutdown {
    /// It closed its logs: files are trusted as they are.
    Clean,
    /// It did not: everything from the recovery point on is checked.
    Unclean,
}

/// What opening a log needs.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The file system.
    pub fs: Arc<dyn Fs>,
    /// The partition's directory; created if absent.
    pub dir: PathBuf,
    /// Which partition it is.
    pub topic_partition: TopicPartition,
    /// Its settings.
    pub config: Arc<LogConfig>,
    /// From `log-start-offset-checkpoint`, 0 if it has no entry.
    pub log_start_offset: Offset,
    /// From `recovery-point-offset-checkpoint`, 0 if it has no entry.
    pub recovery_point: Offset,
    /// Whether to check the files.
    pub last_shutdown: LastShutdown,
    /// Wall-clock time.
    pub now: Timestamp,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i64,
    /// Any number: spreads the rolls of many logs over `segment.jitter.ms`.
    pub jitter_seed: u64,
    /// Tells how many segments are still to be checked, while they are.
    pub to_check: Arc<AtomicUsize>,
}

/// A log being put together.
struct Opening {
    options: LogOptions,
    home: Arc<Home>,
    segments: Vec<Arc<Segment>>,
    epochs: LeaderEpochCache,
    indexes: TransactionIndexes,
    /// There were no segments, so there is nothing to check.
    is_new: bool,
    /// Complete segments that were checked, and may have been changed.
    checked: Vec<Arc<Segment>>,
    /// The last segment's state and the log's end, once it was checked.
    last: Option<(Active, Offset)>,
    /// From where on the epochs that the batches tell are to be written down.
    due: Option<Offset>,
}

impl Log {
    /// Opens (or creates) the log in `options.dir`.
    pub fn open(options: LogOptions) -> Result<Self, OpenError> {
        let home = Arc::new(Home::new(Arc::clone(&options.fs), &options.dir));
        let found = leftovers::clear(&home)?;
        let expiration = Duration::from_millis(u64::try_from(options.producer_id_expiration_ms).unwrap_or(0));
        let epochs = LeaderEpochCache::of(Arc::clone(&home))?;
        let producers = ProducerStateManager::of(Arc::clone(&home), found.snapshots, expiration);
        let mut opening = Opening {
            options,
            home,
            segments: Vec::new(),
            epochs,
            indexes: TransactionIndexes::Kept,
            is_new: found.segments.is_empty(),
            checked: Vec::new(),
            last: None,
            due: None,
        };
        opening.find_segments(found.segments)?;
        match opening.options.last_shutdown {
            _ if opening.is_new => {}
            LastShutdown::Unclean => opening.check(opening.options.recovery_point)?,
            LastShutdown::Clean => opening.check_transaction_indexes()?,
        }
        let (active, end) = opening.load_active()?;
        opening.into_log(producers, active, end)
    }
}

impl Opening {
    fn fresh(&self, base: Offset) -> Active {
        Active::new(base, &self.options.config, self.options.now, self.options.jitter_seed)
    }

    fn create(&mut self, base: Offset) -> Result<(), StorageError> {
        let config = &self.options.config;
        let preallocate = config.preallocate.then_some(config.segment_bytes);
        self.segments
            .push(Arc::new(Segment::create(Arc::clone(&self.home), base, preallocate)?));
        Ok(())
    }

    fn find_segments(&mut self, listing: Listing) -> Result<(), StorageError> {
        for (base, kinds) in listing {
            let size = self.home.fs.len(&self.home.path(&SegmentFile::Log.name(base)))?;
            let segment = Arc::new(Segment::existing(Arc::clone(&self.home), base, size));
            if kinds.contains(&SegmentFile::TransactionIndex) {
                segment.set_transaction_index();
            }
            let has_indexes = kinds.contains(&SegmentFile::OffsetIndex) && kinds.contains(&SegmentFile::TimeIndex);
            if !has_indexes && self.options.last_shutdown == LastShutdown::Clean {
                rebuild_indexes(&segment, self.fresh(base), &self.options.config)?;
            }
            self.segments.push(segment);
        }
        if self.segments.is_empty() {
            self.create(self.options.log_start_offset)?;
        }
        Ok(())
    }

    /// Checks the segments from the one that holds the record before `from` on; after a bad batch nothing is kept. One that ends at
    /// `from` may have been completed since, with indexes that were not synced any more.
    fn check(&mut self, from: Offset) -> Result<(), StorageError> {
        let first = self
            .segments
            .partition_point(|segment| segment.base() < from)
            .saturating_sub(1);
        let mut rebuilt_from = self.segments[first].base();
        // What begins at or above is told by the batches: the file may be of before or after them.
        let mut epochs_due = self.epochs.truncate_from_end(from) == Flush::Due;
        for number in first..self.segments.len() {
            let left = self.segments.len() - number;
            self.options.to_check.store(left, Ordering::Relaxed);
            let segment = Arc::clone(&self.segments[number]);
            let fresh = self.fresh(segment.base());
            let config = &self.options.config;
            let tail = if number == first && from > segment.base() {
                recover_tail(&segment, fresh, from, config, &mut self.epochs)?
            } else {
                None
            };
            let found = match tail {
                Some(found) => {
                    rebuilt_from = from;
                    found
                }
                None => recover(&segment, fresh, config, &mut self.epochs)?,
            };
            epochs_due |= found.epochs == Flush::Due;
            self.last = Some((found.active, found.end));
            let next = self.segments.get(number + 1);
            let is_cut = found.cut > 0 || (found.room > 0 && next.is_some_and(|next| next.base() != found.end));
            if is_cut || next.is_some_and(|next| next.base() < found.end || self.is_hole(found.end, next.base())) {
                for later in self.segments.drain(number + 1..) {
                    remove(&self.home, &later)?;
                }
                break;
            }
            if next.is_some() {
                segment.seal(found.active.largest)?;
                segment.rest()?;
                self.checked.push(segment);
            }
        }
        self.options.to_check.store(0, Ordering::Relaxed);
        self.indexes = TransactionIndexes::RebuiltFrom(rebuilt_from);
        if epochs_due {
            // Written together with those of all others.
            self.due = Some(from);
        }
        Ok(())
    }

    /// Whether what lay between two segments is lost: it was not flushed yet, and no cleaner leaves gaps in this log. What
    /// follows a hole is not kept, or a follower would never ask for what is missing.
    fn is_hole(&self, end: Offset, next: Offset) -> bool {
        !self.options.config.compact && next > end && next > self.options.recovery_point
    }

    /// A transaction index that is damaged is built anew, with what follows it.
    fn check_transaction_indexes(&mut self) -> Result<(), StorageError> {
        for number in 0..self.segments.len() {
            let segment = Arc::clone(&self.segments[number]);
            if !segment.has_transaction_index() {
                continue;
            }
            match segment.transactions(|_| Ok(())) {
                Ok(()) => segment.rest()?,
                Err(StorageError::Corrupt(_)) => return self.check(segment.base()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The last segment's state and the log's end.
    fn load_active(&mut self) -> Result<(Active, Offset), StorageError> {
        let (active, end) = match self.last.take() {
            Some(checked) => checked,
            None => self.load_last()?,
        };
        let start = self.options.log_start_offset;
        if end >= start {
            return Ok((active, end));
        }
        // What is left lies wholly below the log's start: begin anew there.
        for segment in std::mem::take(&mut self.segments) {
            remove(&self.home, &segment)?;
        }
        self.create(start)?;
        Ok((self.fresh(start), start))
    }

    /// Reads the last segment's state; one that cannot be read is checked like after a crash.
    fn load_last(&mut self) -> Result<(Active, Offset), StorageError> {
        let last = Arc::clone(self.segments.last().expect("there is at least one"));
        match Active::load(&last, self.fresh(last.base())) {
            Ok(loaded) => Ok(loaded),
            Err(crate::scan::ScanError::Io(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
                Err(error.into())
            }
            Err(_) => {
                self.check(last.base())?;
                Ok(self.last.take().expect("the check went over the last segment"))
            }
        }
    }

    fn into_log(self, producers: ProducerStateManager, active: Active, end: Offset) -> Result<Log, StorageError> {
        let options = self.options;
        let log_start = options.log_start_offset.max(self.segments[0].base());
        let recovery_point = match options.last_shutdown {
            LastShutdown::Clean => end,
            LastShutdown::Unclean => options.recovery_point.min(end),
        };
        let checkpoint_is_ahead = options.last_shutdown == LastShutdown::Unclean && options.recovery_point > end;
        let names = match options.last_shutdown {
            _ if self.is_new => Names::NewDirectory,
            LastShutdown::Clean => Names::Synced,
            LastShutdown::Unclean => Names::Changed,
        };
        let mut unsynced = Unsynced {
            sealed: self.checked,
            snapshots: Vec::new(),
            names,
            ..Unsynced::default()
        };
        if let Some(from) = self.due {
            unsynced.epoch_begins(from);
        }
        let mut log = Log {
            home: self.home,
            topic_partition: options.topic_partition,
            config: options.config,
            segments: Arc::new(self.segments),
            active,
            ahead: Ahead::default(),
            log_start,
            log_end: end,
            recovery_point,
            checkpoint_is_ahead,
            high_watermark: log_start,
            indexes_due: None,
            unsynced,
            truncations: 0,
            last_flush: None,
            jitter_seed: options.jitter_seed,
            offline: false,
            first_dirty: None,
            swapping: false,
            epochs: self.epochs,
            producers,
            since_snapshot: 0,
        };
        let _ = log.epochs.truncate_from_end(end);
        let _ = log.epochs.truncate_from_start(log_start);
        if options.last_shutdown == LastShutdown::Unclean {
            log.recall_epochs()?;
        }
        let bases: Vec<_> = log.segments.iter().map(|segment| segment.base()).collect();
        log.producers.remove_stray_snapshots(&bases)?;
        log.reload_producers(self.indexes, options.now)?;
        log.active_segment().rest()?;
        Ok(log)
    }
}

/// Removes the files of a segment that nobody has read yet.
fn remove(home: &Home, segment: &Segment) -> Result<(), StorageError> {
    for path in segment.mark_deleted()? {
        home.fs.remove_file(&path)?;
    }
    Ok(())
}

impl From<crate::checkpoint::CheckpointError> for StorageError {
    fn from(error: crate::checkpoint::CheckpointError) -> Self {
        match error {
            crate::checkpoint::CheckpointError::Io { source, .. } => source.into(),
            _ => Self::Corrupt("leader-epoch-checkpoint"),
        }
    }
}

impl LogOptions {
    /// Options with Kafka's defaults for an empty log in `dir`, to be adjusted.
    pub fn new(fs: Arc<dyn Fs>, dir: PathBuf, topic_partition: TopicPartition, now: Timestamp) -> Self {
        Self {
            fs,
            dir,
            topic_partition,
            config: Arc::new(LogConfig::default()),
            log_start_offset: Offset::ZERO,
            recovery_point: Offset::ZERO,
            last_shutdown: LastShutdown::Unclean,
            now,
            producer_id_expiration_ms: 86_400_000,
            jitter_seed: 0,
            to_check: Arc::default(),
        }
    }
}
