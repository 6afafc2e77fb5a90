//! Putting appended data on stable storage, without the partition's lock while the disk works.
//!
//! One at a time: whoever prepares a flush finishes it before the next of that log is prepared.

use crate::config::Durability;
use crate::error::StorageError;
use crate::home::Home;
use crate::leader_epoch;
use crate::log::Log;
use crate::segment::Segment;
use crate::unsynced::{Epochs, Names, Unsynced};
use base::fs::{File, Fs, Open, Overwritten};
use base::{Instant, Offset};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A flush that was prepared under the lock, to run without it.
#[derive(Debug)]
#[must_use = "the recovery point moves only when the flush ran and was finished"]
pub struct Flush {
    home: Arc<Home>,
    /// The partition's directory when this was prepared; it has another name once the partition is deleted.
    dir: Arc<Path>,
    /// The last segment's files, of which these are to be synced whole.
    active: Vec<Arc<dyn File>>,
    /// And of this one only what was written over.
    overwritten: Option<Overwritten>,
    /// The last segment, and up to where its file of batches is made safe.
    position: (Offset, u64),
    /// What else changed.
    unsynced: Unsynced,
    /// What `leader-epoch-checkpoint` is to hold, if it changed.
    epochs: Option<Vec<u8>>,
    from: Offset,
    up_to: Offset,
    truncations: u64,
}

impl Flush {
    /// The offset up to which the data will be safe.
    pub fn up_to(&self) -> Offset {
        self.up_to
    }

    /// How many records (offsets, to be exact) are made safe.
    pub fn records(&self) -> u64 {
        u64::try_from(self.up_to.since(self.from)).unwrap_or(0)
    }

    /// Syncs the files; blocks as long as the disk takes.
    pub fn run(&self) -> Result<(), StorageError> {
        run_together(self.home.fs.as_ref(), std::slice::from_ref(self))
    }

    /// How many of the last segment's files are synced whole.
    #[cfg(test)]
    pub(crate) fn synced_whole(&self) -> usize {
        self.active.len()
    }

    /// Of which one only what was written over is.
    #[cfg(test)]
    pub(crate) fn overwritten(&self) -> Option<&Overwritten> {
        self.overwritten.as_ref()
    }

    /// Whether the partition's directory was renamed meanwhile: it is deleted, and nobody asks for its data.
    fn is_void(&self) -> bool {
        self.home.dir() != self.dir
    }

    fn collect(&self, work: &mut Work) -> io::Result<()> {
        work.files.extend(self.active.iter().cloned());
        work.overwritten.extend(self.overwritten.iter().cloned());
        for segment in &self.unsynced.sealed {
            work.files.extend(segment.files_of_sealed()?);
        }
        for snapshot in &self.unsynced.snapshots {
            // It may have been removed since, with its segment.
            match self.home.fs.open(snapshot, Open::Write) {
                Ok(file) => work.files.push(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(contents) = &self.epochs {
            work.replaced
                .push((self.dir.join(leader_epoch::FILE_NAME), contents.clone()));
        }
        if self.unsynced.names != Names::Synced {
            work.dirs.push(self.dir.to_path_buf());
        }
        if self.unsynced.names == Names::NewDirectory {
            work.dirs.extend(self.dir.parent().map(Path::to_path_buf));
        }
        Ok(())
    }
}

/// Whether a log is to be flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushWish {
    /// Nobody asks for it.
    Nothing,
    /// `flush.ms` asks for it, once [`Log::flush_due`] says so.
    InTime,
    /// Somebody waits for it, or a segment was completed.
    Now,
}

/// What there is to flush: as long as it is the same, a flush that was asked for is good for all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushMark {
    end: Offset,
    truncations: u64,
    sealed: usize,
}

/// Whether a flush writes the file of epochs, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WithEpochs {
    Yes,
    No,
}

/// What many flushes come to.
#[derive(Debug, Default)]
struct Work {
    files: Vec<Arc<dyn File>>,
    overwritten: Vec<Overwritten>,
    replaced: Vec<(PathBuf, Vec<u8>)>,
    dirs: Vec<PathBuf>,
}

/// Runs the flushes of many logs of one log directory as one: they share what the disk does. All fail or none.
pub fn run_together(fs: &dyn Fs, flushes: &[Flush]) -> Result<(), StorageError> {
    loop {
        let mut void = 0_usize;
        let result = try_together(fs, flushes, &mut void);
        // A directory that was renamed under us is one that nobody waits for; the others still are to be synced.
        let renamed = matches!(result, Err(StorageError::Io(io::ErrorKind::NotFound)))
            && flushes.iter().filter(|flush| flush.is_void()).count() > void;
        if !renamed {
            return result;
        }
    }
}

fn try_together(fs: &dyn Fs, flushes: &[Flush], void: &mut usize) -> Result<(), StorageError> {
    let mut work = Work::default();
    for flush in flushes {
        if flush.is_void() {
            *void += 1;
        } else {
            flush.collect(&mut work)?;
        }
    }
    if !work.replaced.is_empty() {
        fs.replace_all(&work.replaced)?;
    }
    work.dirs.sort();
    work.dirs.dedup();
    Ok(fs.sync_overwritten(&work.files, &work.overwritten, &work.dirs)?)
}

impl Log {
    /// Whether a flush is due: a segment was completed, or `flush.messages` or `flush.ms` asks for it.
    pub fn flush_due(&mut self, now: Instant) -> bool {
        let unflushed = self.log_end.since(self.recovery_point);
        if unflushed <= 0 || self.offline {
            self.last_flush = Some(now);
            return !self.offline && !self.unsynced.sealed.is_empty();
        }
        let since = now.since(*self.last_flush.get_or_insert(now));
        self.recovery_point < self.active_segment().base()
            || unflushed >= self.config.flush_messages
            || since >= Duration::from_millis(u64::try_from(self.config.flush_ms).unwrap_or(u64::MAX))
    }

    /// Whether somebody waits for a flush: what was appended is to be on stable storage before it is acknowledged.
    pub fn flush_awaited(&self) -> bool {
        let unflushed = self.log_end.since(self.recovery_point);
        unflushed > 0 && !self.offline && (self.shows_flushed_only() || unflushed >= self.config.flush_messages)
    }

    /// What the log asks of whoever flushes it.
    pub fn flush_wish(&self) -> FlushWish {
        if self.offline {
            FlushWish::Nothing
        } else if self.flush_awaited() || !self.unsynced.sealed.is_empty() {
            FlushWish::Now
        } else if self.recovery_point < self.log_end && self.config.flush_ms < i64::MAX {
            FlushWish::InTime
        } else {
            FlushWish::Nothing
        }
    }

    /// The file that the next flush syncs, to begin with it early; none if that is not known at once.
    pub fn file_to_flush(&self) -> Option<Arc<dyn File>> {
        if self.offline {
            None
        } else {
            self.active_segment().log().ok()
        }
    }

    /// What a flush that is asked for now is to be good for.
    pub fn flush_mark(&self) -> FlushMark {
        FlushMark {
            end: self.log_end,
            truncations: self.truncations,
            sealed: self.unsynced.sealed.len(),
        }
    }

    /// Up to where an acknowledgement of this replica is good: as `riverrun.durability` says, what is on stable storage
    /// or all there is. With `flush.messages=1` nothing is kept back from stable storage either.
    pub fn acknowledged_end(&self) -> Offset {
        if self.shows_flushed_only() {
            self.recovery_point
        } else {
            self.log_end
        }
    }

    pub(crate) fn shows_flushed_only(&self) -> bool {
        self.config.durability == Durability::Flush || self.config.flush_messages <= 1
    }

    /// Collects what is to be synced; none if all is. Fails with [`StorageError::TooManyOpenFiles`] and leaves everything as it was if
    /// no more files can be opened. The files are opened here, under the lock, so that they are those
    /// of this log whatever happens to their names.
    pub fn prepare_flush(&mut self) -> Result<Option<Flush>, StorageError> {
        if self.offline || (self.recovery_point >= self.log_end && self.unsynced.is_empty()) {
            return Ok(None);
        }
        self.prepare(WithEpochs::Yes)
    }

    /// As [`Log::prepare_flush`], but leaves `leader-epoch-checkpoint` as it is: nobody who waits for records has to wait for a
    /// file that only tells where a start need not read them. [`Log::epochs_due`] says what it is to hold.
    pub fn prepare_flush_of_records(&mut self) -> Result<Option<Flush>, StorageError> {
        if self.offline || (self.recovery_point >= self.log_end && self.unsynced.has_only_epochs()) {
            return Ok(None);
        }
        self.prepare(WithEpochs::No)
    }

    fn prepare(&mut self, with_epochs: WithEpochs) -> Result<Option<Flush>, StorageError> {
        let has_data = self.recovery_point < self.log_end;
        let opened = match has_data {
            true => self.active_segment().files_of_active().map_err(StorageError::from),
            false => Ok(Vec::new()),
        };
        if let Err(StorageError::TooManyOpenFiles) = opened {
            return Err(StorageError::TooManyOpenFiles);
        }
        self.writing(|log| {
            let mut active = opened?;
            match log.note_producers_if_due() {
                // It is only for the next start's sake.
                Err(error) if error.is_passing() => {}
                noted => noted?,
            }
            let unsynced = std::mem::take(&mut log.unsynced);
            let epochs = match with_epochs {
                WithEpochs::Yes => (unsynced.epochs == Epochs::Due).then(|| log.epochs.contents()),
                WithEpochs::No => {
                    log.unsynced.epochs = unsynced.epochs;
                    log.unsynced.epochs_from = unsynced.epochs_from;
                    None
                }
            };
            let segment = log.active_segment();
            let position = (segment.base(), segment.size());
            let overwritten = log
                .ahead
                .overwritten(position.0, position.1)
                .filter(|_| !active.is_empty())
                .map(|range| Overwritten {
                    // The file of batches is the first.
                    file: active.remove(0),
                    range,
                });
            Ok(Some(Flush {
                home: Arc::clone(&log.home),
                dir: log.home.dir(),
                active,
                overwritten,
                position,
                unsynced,
                epochs,
                from: log.recovery_point,
                up_to: log.log_end,
                truncations: log.truncations,
            }))
        })
    }

    /// Notes how `flush` went: the recovery point moves, or the log goes offline.
    pub fn finish_flush(&mut self, flush: Flush, result: Result<(), StorageError>, now: Instant) {
        if !Arc::ptr_eq(&flush.home, &self.home) {
            // It is of the log that was moved away, and another disk did it, or failed to.
            return;
        }
        if result.is_ok() && !flush.unsynced.sealed.is_empty() {
            self.indexes_due = self.unsynced.sealed.first().map(|segment| self.end_of(segment));
        }
        let since = now.since(self.last_flush.replace(now).unwrap_or(now));
        match result {
            Ok(()) if flush.truncations == self.truncations => {
                if flush.records() > 0 {
                    self.ahead.flushed(flush.position.0, flush.position.1, since);
                }
                self.recovery_point = self.recovery_point.max(flush.up_to);
                flush.unsynced.sealed.iter().for_each(|segment| segment.give_back());
            }
            // The log was cut meanwhile, and what is there now may have been appended after the sync.
            Ok(()) => {}
            Err(_) => self.offline = true,
        }
    }

    fn end_of(&self, segment: &Segment) -> Offset {
        let next = self.segments.partition_point(|other| other.base() <= segment.base());
        self.segments.get(next).map_or(self.log_end, |next| next.base())
    }

    /// All three steps at once.
    pub fn flush(&mut self, now: Instant) -> Result<(), StorageError> {
        let Some(flush) = self.prepare_flush()? else {
            return if self.offline {
                Err(StorageError::Offline)
            } else {
                Ok(())
            };
        };
        let result = flush.run();
        self.finish_flush(flush, result, now);
        result
    }

    /// Closes the log for a clean shutdown: everything synced, index files complete, producer snapshot written. The
    /// files are opened again if the log is used all the same.
    pub fn close(&mut self, now: Instant) -> Result<(), StorageError> {
        self.flush(now)?;
        self.writing(|log| {
            log.producers.take_snapshot(crate::producer_state::Sync::Now)?;
            let segment = Arc::clone(log.active_segment());
            if segment.size() > 0 {
                segment.seal(log.active.largest)?;
            } else {
                segment.trim_log()?;
            }
            if log.ahead.is_beyond(segment.base(), segment.size()) {
                // The next start, and Kafka's, trusts the length.
                segment.log()?.sync()?;
            }
            log.ahead.forget();
            for segment in log.segments.iter() {
                segment.rest()?;
            }
            Ok(())
        })
    }
}
