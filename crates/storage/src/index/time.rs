//! The time index: up to which offset every record is at most so young.

use super::entries::{Entries, Search};
use super::file::IndexFile;
use super::offset::relative;
use base::{Offset, Timestamp};
use std::io;
use std::sync::Arc;

/// Every record up to `offset` has a timestamp of at most `timestamp`, and `offset` ends a batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeOffset {
    pub(crate) timestamp: Timestamp,
    pub(crate) offset: Offset,
}

/// Sparse pairs of a greatest timestamp so far and its offset (relative to the segment).
#[derive(Debug)]
pub(crate) struct TimeIndex {
    base: Offset,
    entries: Entries<12>,
}

/// A search under way: memory was looked at under the lock, the file is read without it.
pub(crate) struct TimeSearch<F> {
    base: Offset,
    search: Search<12>,
    holds: F,
}

impl TimeIndex {
    /// Bytes of an entry.
    pub(crate) const ENTRY: u32 = 12;

    pub(crate) fn load(base: Offset, file: Arc<IndexFile>) -> io::Result<Self> {
        Ok(Self {
            base,
            entries: Entries::load(file)?,
        })
    }

    pub(crate) fn empty(base: Offset, file: Arc<IndexFile>) -> Self {
        Self {
            base,
            entries: Entries::empty(file),
        }
    }

    pub(crate) fn moved_to(&self, name: &str) {
        self.entries.moved_to(name);
    }

    pub(crate) fn len(&self) -> u32 {
        self.entries.len()
    }

    pub(crate) fn last(&self) -> io::Result<Option<TimeOffset>> {
        Ok(self.entries.last()?.map(|entry| decode(self.base, &entry)))
    }

    /// Adds an entry if time grew since the last one.
    pub(crate) fn push_if_later(&mut self, entry: TimeOffset) -> io::Result<()> {
        if let Some(last) = self.last()?
            && (entry.timestamp <= last.timestamp || entry.offset < last.offset)
        {
            return Ok(());
        }
        if entry.timestamp.0 < 0 {
            return Ok(());
        }
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&entry.timestamp.0.to_be_bytes());
        bytes[8..].copy_from_slice(&relative(self.base, entry.offset)?.to_be_bytes());
        self.entries.push(bytes)
    }

    /// Looks for the last entry whose timestamp is at most `target`.
    pub(crate) fn at_or_before(&self, target: Timestamp) -> TimeSearch<impl Fn(&[u8; 12]) -> bool + use<>> {
        let base = self.base;
        let holds = move |entry: &[u8; 12]| decode(base, entry).timestamp <= target;
        TimeSearch {
            base,
            search: self.entries.search(holds),
            holds,
        }
    }

    /// Whether all entries ascend. A page that a crash lost is zeros, and does not.
    pub(crate) fn is_in_order(&self) -> io::Result<bool> {
        let base = self.base;
        self.entries.are_all(|before, entry| {
            let entry = decode(base, entry);
            let before = before.map(|before| decode(base, before));
            entry.timestamp.0 >= 0
                && before.is_none_or(|before| before.timestamp < entry.timestamp && before.offset <= entry.offset)
        })
    }

    /// Removes entries at or after `offset`.
    pub(crate) fn truncate(&mut self, offset: Offset) -> io::Result<()> {
        if self.last()?.is_none_or(|last| last.offset < offset) {
            return Ok(());
        }
        let base = self.base;
        self.entries.truncate(|entry| decode(base, entry).offset < offset)
    }

    pub(crate) fn trim(&mut self) -> io::Result<()> {
        self.entries.trim()
    }
}

impl<F: Fn(&[u8; 12]) -> bool> TimeSearch<F> {
    /// The last entry that matched.
    pub(crate) fn last(self) -> io::Result<Option<TimeOffset>> {
        let around = self.search.finish(self.holds)?;
        Ok(around.last.map(|entry| decode(self.base, &entry)))
    }
}

fn decode(base: Offset, entry: &[u8; 12]) -> TimeOffset {
    let (timestamp, relative) = entry.split_at(8);
    let timestamp = i64::from_be_bytes(timestamp.try_into().expect("eight bytes"));
    let relative = u32::from_be_bytes(relative.try_into().expect("four bytes"));
    TimeOffset {
        timestamp: Timestamp(timestamp),
        offset: base.plus(i64::from(relative)),
    }
}
