//! One segment: a stretch of the log in a file of its own, with its indexes.
//!
//! Readers share it with the one writer. Files are opened when they are first needed: ten thousand idle partitions
//! hold no descriptors.

use crate::damage::Damage;
use crate::error::StorageError;
use crate::home::Home;
use crate::index::file::IndexFile;
use crate::index::offset::OffsetIndex;
use crate::index::time::{TimeIndex, TimeOffset};
use crate::index::txn::{TransactionIndex, TxnIndexError};
use crate::names::SegmentFile;
use crate::scan::{HeaderScan, Placed, ScanError};
use base::fs::{File, Open};
use base::{Offset, Timestamp};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod indexes;
mod stage;

use indexes::Indexes;
pub(crate) use stage::Stage;

/// A segment; the writer appends, readers look up and read.
#[derive(Debug)]
pub(crate) struct Segment {
    home: Arc<Home>,
    base: Offset,
    size: AtomicU64,
    transaction_index: AtomicBool,
    /// Whether any damage is known.
    is_damaged: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    log: Option<Arc<dyn File>>,
    indexes: Indexes,
    largest: Option<TimeOffset>,
    first_timestamp: Option<Timestamp>,
    /// Stretches that nobody is served from, ascending.
    damages: Box<[Damage]>,
}

impl Segment {
    /// The segment whose files are there already; nothing is opened.
    pub(crate) fn existing(home: Arc<Home>, base: Offset, size: u64) -> Self {
        let transaction_index = AtomicBool::new(false);
        Self {
            home,
            base,
            size: AtomicU64::new(size),
            transaction_index,
            is_damaged: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// A new, empty segment; files of that name are emptied. `preallocate` is how many bytes the file of batches has
    /// from the start, until the segment is sealed.
    pub(crate) fn create(home: Arc<Home>, base: Offset, preallocate: Option<u32>) -> io::Result<Self> {
        let segment = Self::existing(home, base, 0);
        segment.empty_files(Stage::Live)?;
        if let Some(bytes) = preallocate {
            segment.log()?.set_len(u64::from(bytes))?;
        }
        Ok(segment)
    }

    /// Creates or empties the files of batches and of both indexes; the latter are not kept open.
    fn empty_files(&self, stage: Stage) -> io::Result<()> {
        let mut state = self.state();
        state.stage = stage;
        state.log = Some(self.open(&state, SegmentFile::Log, Open::Truncate)?);
        self.empty_indexes(&mut state)
    }

    fn empty_indexes(&self, state: &mut State) -> io::Result<()> {
        for kind in [SegmentFile::OffsetIndex, SegmentFile::TimeIndex] {
            self.open(state, kind, Open::Truncate)?;
        }
        state.indexes.are_empty();
        Ok(())
    }

    pub(crate) fn base(&self) -> Offset {
        self.base
    }

    /// Bytes of batches.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Release);
    }

    /// Whether there may be a transaction index.
    pub(crate) fn has_transaction_index(&self) -> bool {
        self.transaction_index.load(Ordering::Acquire)
    }

    pub(crate) fn set_transaction_index(&self) {
        self.transaction_index.store(true, Ordering::Release);
    }

    /// The path of one of the segment's files, wherever it is by now.
    pub(crate) fn path(&self, kind: SegmentFile) -> PathBuf {
        self.path_in(&self.state(), kind)
    }

    /// The file of batches.
    pub(crate) fn log(&self) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        if let Some(file) = &state.log {
            return Ok(Arc::clone(file));
        }
        let file = self.open(&state, SegmentFile::Log, Open::Write)?;
        state.log = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Where to start looking for `offset`.
    pub(crate) fn position_before(&self, offset: Offset) -> io::Result<u64> {
        let search = self.offsets(|index| index.at_or_before(offset))?;
        Ok(search.last()?.map_or(0, |entry| u64::from(entry.position)))
    }

    /// An offset that no batch before `position` reaches, if the index knows one.
    pub(crate) fn offset_from(&self, position: u64) -> io::Result<Option<Offset>> {
        let search = self.offsets(|index| index.at_or_after_position(position))?;
        Ok(search.next()?.map(|entry| entry.offset))
    }

    /// Where to start looking for a timestamp of at least `target`: an offset before it.
    pub(crate) fn offset_before_time(&self, target: Timestamp) -> io::Result<Offset> {
        let search = self.times(|index| index.at_or_before(target))?;
        Ok(search.last()?.map_or(self.base, |entry| entry.offset))
    }

    /// The greatest timestamp of a segment that is no longer appended to; its file's time if no record has one.
    pub(crate) fn largest_timestamp(&self) -> io::Result<TimeOffset> {
        if let Some(largest) = self.state().largest {
            return Ok(largest);
        }
        let largest = match self.times(|index| index.last())?? {
            Some(entry) => entry,
            None => TimeOffset {
                timestamp: self.modified()?,
                offset: self.base,
            },
        };
        let mut state = self.state();
        state.largest = Some(largest);
        if state.stage == Stage::Live {
            // It is asked of every old segment, again and again: the file need not stay open for the answer.
            state.indexes.forget_times();
        }
        Ok(largest)
    }

    /// The greatest timestamp of the first batch; -1 if there is no batch. For a segment that is no longer appended to.
    pub(crate) fn first_timestamp(&self) -> Result<Timestamp, ScanError> {
        if let Some(first) = self.state().first_timestamp {
            return Ok(first);
        }
        let file = self.log()?;
        let first = HeaderScan::new(&*file, 0, self.size()).next()?;
        let first = first.map_or(Timestamp::NONE, |placed| placed.header.max_timestamp);
        self.state().first_timestamp = Some(first);
        Ok(first)
    }

    /// When the file of batches was last written.
    pub(crate) fn modified(&self) -> io::Result<Timestamp> {
        self.home.fs.modified(&self.path(SegmentFile::Log))
    }

    /// The first batch at or after `position` whose last offset is at least `offset`; the segment ends at `end`.
    pub(crate) fn find_batch(&self, offset: Offset, end: u64) -> Result<Option<Placed>, ScanError> {
        let file = self.log()?;
        self.find_in(&mut HeaderScan::new(&*file, self.position_before(offset)?, end), offset)
    }

    /// The first batch of a walk whose last offset is at least `offset`.
    pub(crate) fn find_in(&self, scan: &mut HeaderScan<'_>, offset: Offset) -> Result<Option<Placed>, ScanError> {
        if self.is_damaged.load(Ordering::Acquire) {
            return self.find_beside_damage(scan, offset);
        }
        while let Some(placed) = scan.next()? {
            if placed.header.last_offset() >= offset {
                return Ok(Some(placed));
            }
        }
        Ok(None)
    }

    /// As [`Segment::find_in`], where some stretches are not to be trusted: they are passed over, but not for what they hold.
    fn find_beside_damage(&self, scan: &mut HeaderScan<'_>, offset: Offset) -> Result<Option<Placed>, ScanError> {
        let damages = self.state().damages.clone();
        loop {
            let here = scan.position();
            match damages
                .iter()
                .find(|damage| (damage.position..damage.end).contains(&here))
            {
                Some(damage) if offset < damage.until => return Err(ScanError::Damaged(offset)),
                Some(damage) => scan.skip_to(damage.end),
                None => match scan.next()? {
                    Some(placed) if placed.header.last_offset() < offset => {}
                    found => return Ok(found),
                },
            }
        }
    }

    /// Where the bytes end that can be served from `position` on: where damage begins, or at `end`.
    pub(crate) fn served_up_to(&self, position: u64, end: u64) -> u64 {
        if !self.is_damaged.load(Ordering::Acquire) {
            return end;
        }
        let state = self.state();
        let mut ahead = state.damages.iter().filter(|damage| damage.end > position);
        ahead.next().map_or(end, |damage| damage.position.clamp(position, end))
    }

    /// Nobody is served from these stretches from now on, and from what was damaged before otherwise again.
    pub(crate) fn set_damages(&self, mut damages: Vec<Damage>) {
        damages.sort_unstable_by_key(|damage| damage.position);
        let mut state = self.state();
        self.is_damaged.store(!damages.is_empty(), Ordering::Release);
        state.damages = damages.into();
    }

    /// Works with the offset index, loading it if need be.
    pub(crate) fn offsets<T>(&self, work: impl FnOnce(&mut OffsetIndex) -> T) -> io::Result<T> {
        let mut state = self.state();
        let State { stage, indexes, .. } = &mut *state;
        let file = || self.index_file(*stage, SegmentFile::OffsetIndex);
        Ok(work(indexes.offsets(self.base, file)?))
    }

    /// Works with the time index, loading it if need be.
    pub(crate) fn times<T>(&self, work: impl FnOnce(&mut TimeIndex) -> T) -> io::Result<T> {
        let mut state = self.state();
        let State { stage, indexes, .. } = &mut *state;
        let file = || self.index_file(*stage, SegmentFile::TimeIndex);
        Ok(work(indexes.times(self.base, file)?))
    }

    /// Works with the transaction index, loading it if need be; without a file it is empty.
    pub(crate) fn transactions<T>(
        &self,
        work: impl FnOnce(&mut TransactionIndex) -> io::Result<T>,
    ) -> Result<T, StorageError> {
        let mut state = self.state();
        let State { stage, indexes, .. } = &mut *state;
        let path = || self.path_at(*stage, SegmentFile::TransactionIndex);
        let index = indexes.transactions(|| TransactionIndex::open(Arc::clone(&self.home.fs), path(), self.base))?;
        let result = work(index)?;
        self.transaction_index.store(index.on_disk(), Ordering::Release);
        Ok(result)
    }

    /// Empties the transaction index, to build it anew.
    pub(crate) fn reset_transactions(&self) -> io::Result<()> {
        let mut state = self.state();
        let path = self.path_in(&state, SegmentFile::TransactionIndex);
        let index = TransactionIndex::reset(Arc::clone(&self.home.fs), path)?;
        state.indexes.set_transactions(index);
        self.transaction_index.store(false, Ordering::Release);
        Ok(())
    }

    /// Opens the files that must be on stable storage before the log may rely on them while it is appended to: the
    /// batches and the aborted transactions. The other indexes are checked after a crash.
    pub(crate) fn files_of_active(&self) -> io::Result<Vec<Arc<dyn File>>> {
        let mut files = vec![self.log()?];
        if self.has_transaction_index() {
            files.push(self.open(&self.state(), SegmentFile::TransactionIndex, Open::Write)?);
        }
        Ok(files)
    }

    /// Opens all files of a segment that is complete; none if it has left the log.
    pub(crate) fn files_of_sealed(&self) -> io::Result<Vec<Arc<dyn File>>> {
        let state = self.state();
        let mut files = Vec::new();
        for kind in SegmentFile::ALL {
            if state.stage != Stage::Deleted && self.home.fs.exists(&self.path_in(&state, kind)) {
                files.push(self.open(&state, kind, Open::Write)?);
            }
        }
        Ok(files)
    }

    /// Empties both indexes, to build them anew.
    pub(crate) fn reset_indexes(&self) -> io::Result<()> {
        let mut state = self.state();
        self.empty_indexes(&mut state)?;
        (state.largest, state.first_timestamp) = (None, None);
        Ok(())
    }

    /// Whether the indexes can be what they should be, as far as they tell.
    pub(crate) fn indexes_are_in_order(&self) -> io::Result<bool> {
        let size = self.size();
        Ok(self.offsets(|index| index.is_in_order(size))?? && self.times(|index| index.is_in_order())??)
    }

    /// Cuts all indexes at `offset`; answers whether they could be read.
    pub(crate) fn cut_indexes(&self, offset: Offset) -> Result<bool, StorageError> {
        self.offsets(|index| index.truncate(offset))??;
        self.times(|index| index.truncate(offset))??;
        if !self.has_transaction_index() {
            return Ok(true);
        }
        match self.transactions(|index| index.truncate_to(offset)) {
            Ok(()) => Ok(true),
            Err(StorageError::Corrupt(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Nothing will be appended any more: notes the greatest timestamp and completes the index files.
    pub(crate) fn seal(&self, largest: TimeOffset) -> io::Result<()> {
        self.times(|index| index.push_if_later(largest))??;
        self.trim_indexes()?;
        self.trim_log()?;
        self.state().largest = (largest.timestamp.0 >= 0).then_some(largest);
        Ok(())
    }

    /// Cuts off what was preallocated.
    pub(crate) fn trim_log(&self) -> io::Result<()> {
        let (log, size) = (self.log()?, self.size());
        if log.len()? == size { Ok(()) } else { log.set_len(size) }
    }

    /// Completes the index files as far as they were loaded.
    pub(crate) fn trim_indexes(&self) -> io::Result<()> {
        self.state().indexes.trim()
    }

    /// Cuts the segment at `position`, where `offset` would begin.
    pub(crate) fn truncate(&self, offset: Offset, position: u64) -> Result<(), StorageError> {
        if self.has_transaction_index() {
            self.transactions(|index| index.truncate_to(offset))?;
        }
        self.offsets(|index| index.truncate(offset))??;
        self.times(|index| index.truncate(offset))??;
        self.log()?.set_len(position)?;
        self.set_size(position);
        let mut state = self.state();
        (state.largest, state.first_timestamp) = (None, None);
        Ok(())
    }

    /// Closes the files; they are opened again when needed. Unwritten index entries are written first.
    pub(crate) fn rest(&self) -> io::Result<()> {
        self.trim_indexes()?;
        let mut state = self.state();
        state.log = None;
        state.indexes.forget();
        Ok(())
    }

    /// Closes the files of a segment that is complete and on stable storage; who reads them opens them again. Those of one that left
    /// the log stay open for its last readers.
    pub(crate) fn give_back(&self) {
        let mut state = self.state();
        if state.stage == Stage::Live {
            state.log = None;
            state.indexes.forget();
        }
    }

    /// Whether no file is open.
    #[cfg(test)]
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = self.state();
        state.log.is_none() && state.indexes.are_forgotten()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment, so a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path_in(&self, state: &State, kind: SegmentFile) -> PathBuf {
        self.path_at(state.stage, kind)
    }

    fn path_at(&self, stage: Stage, kind: SegmentFile) -> PathBuf {
        self.home.path(&(kind.name(self.base) + stage.suffix()))
    }

    fn index_file(&self, stage: Stage, kind: SegmentFile) -> Arc<IndexFile> {
        IndexFile::new(Arc::clone(&self.home), kind.name(self.base) + stage.suffix())
    }

    fn open(&self, state: &State, kind: SegmentFile, how: Open) -> io::Result<Arc<dyn File>> {
        let name = kind.name(self.base) + state.stage.suffix();
        self.home.open(&name, how)
    }
}

impl From<TxnIndexError> for StorageError {
    fn from(error: TxnIndexError) -> Self {
        match error {
            TxnIndexError::Io(error) => error.into(),
            TxnIndexError::Corrupt { .. } => Self::Corrupt("a transaction index"),
        }
    }
}
