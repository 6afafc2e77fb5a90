//! Which leader epoch wrote which offsets of a partition's log, and what follows from it for truncation.
//!
//! Kept in the partition's `leader-epoch-checkpoint`: a line per epoch with the offset it starts at, both increasing.

use crate::checkpoint::{self, CheckpointError};
use crate::home::Home;
use base::fs::Fs;
use base::{LeaderEpoch, Offset};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The name of the checkpoint file in a partition's directory.
pub const FILE_NAME: &str = "leader-epoch-checkpoint";

/// An epoch and the first offset it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Its first offset.
    pub start_offset: Offset,
}

/// Where an epoch ends: the largest epoch at or below the one asked for, and the offset after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The epoch found; [`LeaderEpoch::NONE`] if the question has no answer.
    pub epoch: LeaderEpoch,
    /// Its end offset; [`Offset::NONE`] if the question has no answer.
    pub end_offset: Offset,
}

impl EpochEndOffset {
    /// No answer: the epoch is later than any known, or none was named.
    pub const UNDEFINED: Self = Self {
        epoch: LeaderEpoch::NONE,
        end_offset: Offset::NONE,
    };
}

/// The epochs of one partition, in memory and in its checkpoint file.
///
/// New epochs are on disk before [`LeaderEpochCache::assign`] returns. Truncation changes the memory only and says
/// whether a [`LeaderEpochCache::flush`] is due; an old file is harmless, since a start truncates it again.
#[derive(Debug)]
pub struct LeaderEpochCache {
    home: Arc<Home>,
    entries: Vec<EpochEntry>,
}

/// Whether the checkpoint file lags behind the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a stale file is to be flushed"]
pub enum Flush {
    /// It does not.
    Clean,
    /// It does; flush when convenient.
    Due,
}

impl LeaderEpochCache {
    /// Reads the checkpoint in the partition directory `dir`; without one there are no epochs.
    pub fn open(fs: Arc<dyn Fs>, dir: PathBuf) -> Result<Self, CheckpointError> {
        Self::of(Arc::new(Home::new(fs, &dir)))
    }

    /// As [`LeaderEpochCache::open`], for a partition whose directory others look after, too.
    pub(crate) fn of(home: Arc<Home>) -> Result<Self, CheckpointError> {
        let entries = checkpoint::read(home.fs.as_ref(), &home.path(FILE_NAME), parse_entry)?;
        let mut cache = Self {
            home,
            entries: Vec::new(),
        };
        for entry in entries {
            cache.insert(entry);
        }
        Ok(cache)
    }

    /// Notes that `epoch` starts at `start_offset`, and writes the file if that is news.
    ///
    /// Entries that a newer leader contradicts (an epoch or a start offset not below the new one's) go.
    ///
    /// # Panics
    /// If either number is negative.
    pub fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) -> io::Result<()> {
        if self.insert(EpochEntry { epoch, start_offset }) {
            self.flush()?;
        }
        Ok(())
    }

    /// Notes that `epoch` starts at `start_offset` without writing the file: for a log that is being read at start.
    pub fn assign_unflushed(&mut self, epoch: LeaderEpoch, start_offset: Offset) -> Flush {
        if self.insert(EpochEntry { epoch, start_offset }) {
            Flush::Due
        } else {
            Flush::Clean
        }
    }

    /// Has the same entries as `of` from now on, without writing the file.
    pub(crate) fn take_over(&mut self, of: &Self) -> Flush {
        if self.entries == of.entries {
            return Flush::Clean;
        }
        self.entries.clone_from(&of.entries);
        Flush::Due
    }

    fn insert(&mut self, new: EpochEntry) -> bool {
        assert!(
            new.epoch.0 >= 0 && new.start_offset.0 >= 0,
            "an epoch entry has no negative numbers: {new:?}"
        );
        let known = self
            .latest()
            .is_some_and(|last| last.epoch == new.epoch && last.start_offset <= new.start_offset);
        if known {
            return false;
        }
        while self
            .latest()
            .is_some_and(|last| last.epoch >= new.epoch || last.start_offset >= new.start_offset)
        {
            self.entries.pop();
        }
        // Most logs have one for long.
        if self.entries.is_empty() {
            self.entries.reserve_exact(1);
        }
        self.entries.push(new);
        true
    }

    /// All epochs, oldest first.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The latest epoch.
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// The earliest epoch.
    pub fn earliest(&self) -> Option<EpochEntry> {
        self.entries.first().copied()
    }

    /// The latest epoch before `epoch`.
    pub fn previous(&self, epoch: LeaderEpoch) -> Option<EpochEntry> {
        self.floor_index(|entry| entry.epoch < epoch)
    }

    /// The epoch that wrote `offset`.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.floor_index(|entry| entry.start_offset <= offset)
            .map(|entry| entry.epoch)
    }

    fn floor_index(&self, below: impl Fn(&EpochEntry) -> bool) -> Option<EpochEntry> {
        let above = self.entries.partition_point(below);
        above.checked_sub(1).map(|at| self.entries[at])
    }

    /// Where `epoch` ends in a log that ends at `log_end`: what OffsetForLeaderEpoch answers.
    pub fn end_offset_for(&self, epoch: LeaderEpoch, log_end: Offset) -> EpochEndOffset {
        if epoch == LeaderEpoch::NONE {
            return EpochEndOffset::UNDEFINED;
        }
        if self.latest().is_some_and(|latest| latest.epoch == epoch) {
            return EpochEndOffset {
                epoch,
                end_offset: log_end,
            };
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let Some(next) = self.entries.get(above) else {
            return EpochEndOffset::UNDEFINED;
        };
        // An epoch before the first known one has left no records: it ends where the known ones begin.
        let found = above.checked_sub(1).map_or(epoch, |at| self.entries[at].epoch);
        EpochEndOffset {
            epoch: found,
            end_offset: next.start_offset,
        }
    }

    /// Drops the epochs that start at `end_offset` or above, after the log was cut there.
    pub fn truncate_from_end(&mut self, end_offset: Offset) -> Flush {
        let kept = self.entries.partition_point(|entry| entry.start_offset < end_offset);
        if kept == self.entries.len() {
            return Flush::Clean;
        }
        self.entries.truncate(kept);
        Flush::Due
    }

    /// Drops the epochs that end at or below `start_offset`; the one that holds it now starts there.
    pub fn truncate_from_start(&mut self, start_offset: Offset) -> Flush {
        let gone = self.entries.partition_point(|entry| entry.start_offset <= start_offset);
        let Some(holder) = gone.checked_sub(1) else {
            return Flush::Clean;
        };
        if holder == 0 && self.entries[0].start_offset == start_offset {
            return Flush::Clean;
        }
        self.entries.drain(..holder);
        self.entries[0].start_offset = start_offset;
        Flush::Due
    }

    /// Puts epochs, which ascend, before those that are known; whether that says anything new. One that is known begins earlier then.
    pub(crate) fn precede(&mut self, mut earlier: Vec<EpochEntry>) -> bool {
        let Some(first) = self.entries.first_mut() else {
            return false;
        };
        if let Some(same) = earlier.pop_if(|last| last.epoch == first.epoch) {
            first.start_offset = first.start_offset.min(same.start_offset);
        } else if earlier.last().is_none_or(|last| last.epoch > first.epoch) {
            return false;
        }
        self.entries.splice(0..0, earlier);
        true
    }

    /// Writes the file.
    pub fn flush(&self) -> io::Result<()> {
        self.home.fs.replace(&self.home.path(FILE_NAME), &self.contents())
    }

    /// What the file is to hold.
    pub fn contents(&self) -> Vec<u8> {
        let lines = self
            .entries
            .iter()
            .map(|entry| format!("{} {}", entry.epoch, entry.start_offset));
        checkpoint::encode(lines)
    }
}

fn parse_entry(line: &str) -> Option<EpochEntry> {
    let (epoch, start_offset) = line.split_once(' ')?;
    let epoch = LeaderEpoch(epoch.parse().ok().filter(|epoch| *epoch >= 0)?);
    let start_offset = Offset(start_offset.trim().parse().ok().filter(|offset| *offset >= 0)?);
    Some(EpochEntry { epoch, start_offset })
}
