//! The indexes of a segment as far as they are in memory.
//!
//! Of an idle segment none is: those of a new one are made when the first batch is appended, those that were written are read
//! when they are asked.

use crate::error::StorageError;
use crate::index::file::IndexFile;
use crate::index::offset::OffsetIndex;
use crate::index::time::TimeIndex;
use crate::index::txn::{TransactionIndex, TxnIndexError};
use crate::names::SegmentFile;
use base::Offset;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    loaded: Option<Box<Loaded>>,
    /// Whether the files of those that are not loaded are known to be empty.
    fresh: bool,
}

#[derive(Debug)]
struct Loaded {
    offsets: Index<OffsetIndex>,
    times: Index<TimeIndex>,
    transactions: Option<TransactionIndex>,
}

/// One of the two that every segment has.
#[derive(Debug)]
enum Index<T> {
    InFile,
    /// So is its file.
    Empty,
    Here(T),
}

impl<T> Index<T> {
    fn get(&mut self, load: impl FnOnce() -> io::Result<T>, empty: impl FnOnce() -> T) -> io::Result<&mut T> {
        match self {
            Self::InFile => *self = Self::Here(load()?),
            Self::Empty => *self = Self::Here(empty()),
            Self::Here(_) => {}
        }
        match self {
            Self::Here(index) => Ok(index),
            Self::InFile | Self::Empty => unreachable!("it was made above"),
        }
    }

    fn here(&mut self) -> Option<&mut T> {
        match self {
            Self::Here(index) => Some(index),
            Self::InFile | Self::Empty => None,
        }
    }
}

impl Indexes {
    /// The files of offsets and times are empty now.
    pub(super) fn are_empty(&mut self) {
        match &mut self.loaded {
            Some(loaded) => (loaded.offsets, loaded.times) = (Index::Empty, Index::Empty),
            None => self.fresh = true,
        }
    }

    /// The offset index; `file` is what it is read from.
    pub(super) fn offsets(&mut self, base: Offset, file: impl Fn() -> Arc<IndexFile>) -> io::Result<&mut OffsetIndex> {
        let index = &mut self.loaded().offsets;
        index.get(|| OffsetIndex::load(base, file()), || OffsetIndex::empty(base, file()))
    }

    /// The time index; `file` is what it is read from.
    pub(super) fn times(&mut self, base: Offset, file: impl Fn() -> Arc<IndexFile>) -> io::Result<&mut TimeIndex> {
        let index = &mut self.loaded().times;
        index.get(|| TimeIndex::load(base, file()), || TimeIndex::empty(base, file()))
    }

    /// The transaction index.
    pub(super) fn transactions(
        &mut self,
        open: impl FnOnce() -> Result<TransactionIndex, TxnIndexError>,
    ) -> Result<&mut TransactionIndex, StorageError> {
        let index = &mut self.loaded().transactions;
        if index.is_none() {
            *index = Some(open()?);
        }
        Ok(index.as_mut().expect("opened above"))
    }

    pub(super) fn set_transactions(&mut self, index: TransactionIndex) {
        self.loaded().transactions = Some(index);
    }

    fn loaded(&mut self) -> &mut Loaded {
        let fresh = std::mem::take(&mut self.fresh);
        self.loaded.get_or_insert_with(|| {
            let (offsets, times) = if fresh {
                (Index::Empty, Index::Empty)
            } else {
                (Index::InFile, Index::InFile)
            };
            Box::new(Loaded {
                offsets,
                times,
                transactions: None,
            })
        })
    }

    /// Completes the files.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        let Some(loaded) = &mut self.loaded else { return Ok(()) };
        if let Some(index) = loaded.offsets.here() {
            index.trim()?;
        }
        if let Some(index) = loaded.times.here() {
            index.trim()?;
        }
        Ok(())
    }

    /// Forgets the time index, whose file is complete.
    pub(super) fn forget_times(&mut self) {
        if let Some(loaded) = &mut self.loaded
            && loaded.times.here().is_some()
        {
            loaded.times = Index::InFile;
        }
    }

    /// Forgets all: they are in their files.
    pub(super) fn forget(&mut self) {
        self.loaded = None;
    }

    #[cfg(test)]
    pub(super) fn are_forgotten(&self) -> bool {
        self.loaded.is_none()
    }

    /// A file has a new name, by which it lies at `path`.
    pub(super) fn moved_to(&mut self, kind: SegmentFile, name: &str, path: PathBuf) {
        let Some(loaded) = &mut self.loaded else { return };
        match kind {
            SegmentFile::Log => {}
            SegmentFile::OffsetIndex => loaded.offsets.here().into_iter().for_each(|index| index.moved_to(name)),
            SegmentFile::TimeIndex => loaded.times.here().into_iter().for_each(|index| index.moved_to(name)),
            SegmentFile::TransactionIndex => {
                if let Some(index) = &mut loaded.transactions {
                    index.moved_to(path);
                }
            }
        }
    }
}
