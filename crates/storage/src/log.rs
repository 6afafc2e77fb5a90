//! One replica's log.

use crate::active::Active;
use crate::config::LogConfig;
use crate::error::StorageError;
use crate::home::Home;
use crate::leader_epoch::LeaderEpochCache;
use crate::producer_state::ProducerStateManager;
use crate::room::Ahead;
use crate::segment::Segment;
use crate::unsynced::Unsynced;
use crate::view::LogView;
use base::fs::is_out_of_descriptors;
use base::{Instant, Offset, TopicPartition};
use std::path::Path;
use std::sync::Arc;

/// One replica's log: whoever holds it may change it.
#[derive(Debug)]
pub struct Log {
    pub(crate) home: Arc<Home>,
    pub(crate) topic_partition: TopicPartition,
    pub(crate) config: Arc<LogConfig>,
    /// Ascending, never empty; the last one is appended to.
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    pub(crate) active: Active,
    /// What lies ahead of its end.
    pub(crate) ahead: Ahead,
    pub(crate) log_start: Offset,
    pub(crate) log_end: Offset,
    pub(crate) recovery_point: Offset,
    /// When it was opened, the log ended below the recovery point of its checkpoint.
    pub(crate) checkpoint_is_ahead: bool,
    /// The last one told: what is below it needs no holding back after a replay.
    pub(crate) high_watermark: Offset,
    /// Where the first segment ends that was completed and whose indexes are not known to be on stable storage.
    pub(crate) indexes_due: Option<Offset>,
    /// Files that the next flush puts on stable storage beside the last segment.
    pub(crate) unsynced: Unsynced,
    /// How often the log was cut: a flush under way then says nothing of what was appended since.
    pub(crate) truncations: u64,
    pub(crate) last_flush: Option<Instant>,
    pub(crate) jitter_seed: u64,
    pub(crate) offline: bool,
    /// What is below was cleaned; none if it never was.
    pub(crate) first_dirty: Option<Offset>,
    /// The cleaner is putting an output in place: no segment may leave meanwhile.
    pub(crate) swapping: bool,
    pub(crate) epochs: LeaderEpochCache,
    pub(crate) producers: ProducerStateManager,
    /// Bytes appended since the last snapshot of the producers, about: what a start replays for them.
    pub(crate) since_snapshot: u64,
}

impl Log {
    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The directory.
    pub fn dir(&self) -> Arc<Path> {
        self.home.dir()
    }

    /// The file system.
    pub fn fs(&self) -> &dyn base::fs::Fs {
        &*self.home.fs
    }

    /// The settings.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// Takes over changed settings; they hold from the next append on.
    pub fn update_config(&mut self, config: Arc<LogConfig>) {
        self.config = config;
    }

    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start
    }

    /// The offset after the last record.
    pub fn log_end_offset(&self) -> Offset {
        self.log_end
    }

    /// Up to where data is on stable storage: goes to `recovery-point-offset-checkpoint`.
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// Whether the log, when it was opened, ended below the recovery point that its checkpoint names: what is appended now
    /// must not count as safe before that is written anew, or the next recovery trusts what was never flushed.
    pub fn was_shorter_than_its_checkpoint(&self) -> bool {
        self.checkpoint_is_ahead
    }

    /// Bytes in all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size()).sum()
    }

    /// How many segments there are, at least one.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Where the first segment begins: a log start above it goes to `log-start-offset-checkpoint`.
    pub fn first_segment_base(&self) -> Offset {
        self.segments[0].base()
    }

    /// Whether a write failed: the log takes nothing any more.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// A picture for reading without the lock.
    pub fn view(&self) -> LogView {
        LogView {
            segments: Arc::clone(&self.segments),
            log_start: self.log_start,
            log_end: self.log_end,
            active_size: self.active_segment().size(),
            active_largest: self.active.largest,
            latest: self.active.latest(),
        }
    }

    pub(crate) fn active_segment(&self) -> &Arc<Segment> {
        self.segments.last().expect("a log has at least one segment")
    }

    /// A new segment at `base`, not yet in the list.
    pub(crate) fn create_segment(&mut self, base: Offset) -> Result<Arc<Segment>, StorageError> {
        self.unsynced.names_changed();
        let preallocate = self.config.preallocate.then_some(self.config.segment_bytes);
        Ok(Arc::new(Segment::create(Arc::clone(&self.home), base, preallocate)?))
    }

    /// Runs a step that writes: if it fails, what is on the disk is unknown and the log goes offline.
    pub(crate) fn writing<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if self.offline {
            return Err(StorageError::Offline);
        }
        let result = step(self);
        self.offline = result.is_err();
        result
    }

    /// Runs a step that appends. If there is no space for it (or no descriptor), what was written of it is cut off again and the
    /// log stays as it was.
    pub(crate) fn appending<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let end = self.log_end;
        let result = self.writing(step);
        let passes = result.as_ref().is_err_and(StorageError::is_passing);
        if passes && self.log_end == end {
            self.offline = match self.cut_unfinished() {
                Ok(()) => false,
                // The file is not even open, so nothing was written to it.
                Err(error) => !is_out_of_descriptors(&error),
            };
        }
        result
    }

    /// Gives back the descriptors of a log that nobody is working with. They are opened again when they are needed.
    pub fn rest(&mut self) -> Result<(), StorageError> {
        if self.offline || self.flush_wish() == crate::FlushWish::Now || self.swapping {
            return Ok(());
        }
        self.segments.iter().try_for_each(|segment| segment.rest())?;
        Ok(())
    }

    fn cut_unfinished(&mut self) -> std::io::Result<()> {
        self.ahead.forget();
        let segment = self.active_segment();
        segment.log()?.set_len(segment.size())
    }
}
