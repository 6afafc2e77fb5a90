//! Where a segment is in its life, which its files' names tell.

use super::Segment;
use crate::error::StorageError;
use crate::home::Home;
use crate::names::{CLEANED, DELETED, SWAP, SegmentFile};
use base::Offset;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The suffix of a segment's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// None: it is part of the log.
    #[default]
    Live,
    /// The cleaner writes it, or has written it: a crash removes it.
    Cleaned,
    /// It takes the place of the cleaner's inputs: a crash completes that.
    Swap,
    /// It left the log.
    Deleted,
}

impl Stage {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Cleaned => CLEANED,
            Self::Swap => SWAP,
            Self::Deleted => DELETED,
        }
    }
}

impl Segment {
    /// A new, empty output of the cleaner.
    pub(crate) fn create_cleaned(home: Arc<Home>, base: Offset) -> io::Result<Self> {
        let segment = Self::existing(home, base, 0);
        segment.empty_files(Stage::Cleaned)?;
        segment.reset_transactions()?;
        Ok(segment)
    }

    /// Whether the segment left the log.
    pub(crate) fn is_deleted(&self) -> bool {
        self.state().stage == Stage::Deleted
    }

    /// Opens all files, so that who holds the segment reads on whatever becomes of their names: the cleaner's next output
    /// of the same base offset will leave the log under the same ones.
    pub(crate) fn hold(&self) -> Result<(), StorageError> {
        self.log()?;
        self.offsets(|_| ())?;
        self.times(|_| ())?;
        if self.has_transaction_index() {
            self.transactions(|_| Ok(()))?;
        }
        Ok(())
    }

    /// Renames the segment's files out of the way and returns their new paths. Readers that hold the segment go on.
    pub(crate) fn mark_deleted(&self) -> io::Result<Vec<PathBuf>> {
        self.rename(&SegmentFile::ALL, Stage::Deleted)
    }

    /// The cleaner's output is whole: from here on a crash completes the swap.
    pub(crate) fn begin_swap(&self) -> io::Result<()> {
        self.rename(&SegmentFile::ALL, Stage::Swap).map(drop)
    }

    /// The output becomes part of the log: the batches first, and for good, since recovery goes by them.
    pub(crate) fn end_swap(&self) -> io::Result<()> {
        let dir = self.home.dir();
        let mut state = self.state();
        if state.stage != Stage::Swap {
            return Ok(());
        }
        let [log, others @ ..] = &SegmentFile::ALL;
        self.rename_some(&mut state, std::slice::from_ref(log), Stage::Live)?;
        self.home.fs.sync_dir(&dir)?;
        self.rename_some(&mut state, others, Stage::Live)?;
        self.home.fs.sync_dir(&dir)?;
        state.stage = Stage::Live;
        Ok(())
    }

    fn rename(&self, kinds: &[SegmentFile], to: Stage) -> io::Result<Vec<PathBuf>> {
        let mut state = self.state();
        if state.stage == Stage::Deleted {
            return Ok(Vec::new());
        }
        let renamed = self.rename_some(&mut state, kinds, to)?;
        state.stage = to;
        Ok(renamed)
    }

    fn rename_some(&self, state: &mut super::State, kinds: &[SegmentFile], stage: Stage) -> io::Result<Vec<PathBuf>> {
        let mut renamed = Vec::new();
        for kind in kinds {
            let from = self.path_in(state, *kind);
            let name = kind.name(self.base) + stage.suffix();
            let to = self.home.path(&name);
            if self.home.fs.exists(&from) {
                self.home.fs.rename(&from, &to)?;
                renamed.push(to.clone());
            }
            match kind {
                SegmentFile::Log => {}
                SegmentFile::OffsetIndex | SegmentFile::TimeIndex | SegmentFile::TransactionIndex => {
                    state.indexes.moved_to(*kind, &name, to);
                }
            }
        }
        Ok(renamed)
    }
}
