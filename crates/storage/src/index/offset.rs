//! The offset index: where in the segment a batch lies.

use super::entries::{Around, Entries, Search};
use super::file::IndexFile;
use base::Offset;
use std::io;
use std::sync::Arc;

/// The batch that ends with `offset` begins at `position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetPosition {
    pub(crate) offset: Offset,
    pub(crate) position: u32,
}

/// Sparse pairs of a batch's last offset (relative to the segment) and its position.
#[derive(Debug)]
pub(crate) struct OffsetIndex {
    base: Offset,
    entries: Entries<8>,
}

/// A search under way: memory was looked at under the lock, the file is read without it.
pub(crate) struct OffsetSearch<F> {
    base: Offset,
    search: Search<8>,
    holds: F,
}

impl OffsetIndex {
    /// Bytes of an entry.
    pub(crate) const ENTRY: u32 = 8;

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

    pub(crate) fn last(&self) -> io::Result<Option<OffsetPosition>> {
        Ok(self.entries.last()?.map(|entry| decode(self.base, &entry)))
    }

    /// Notes a batch; fails if `offset` is not within 2^31 of the base.
    pub(crate) fn push(&mut self, offset: Offset, position: u32) -> io::Result<()> {
        let mut entry = [0; 8];
        entry[..4].copy_from_slice(&relative(self.base, offset)?.to_be_bytes());
        entry[4..].copy_from_slice(&position.to_be_bytes());
        self.entries.push(entry)
    }

    /// Looks for the last entry at or before `target`.
    pub(crate) fn at_or_before(&self, target: Offset) -> OffsetSearch<impl Fn(&[u8; 8]) -> bool + use<>> {
        let base = self.base;
        let holds = move |entry: &[u8; 8]| decode(base, entry).offset <= target;
        // Batches of about the same size have their entries at even distances.
        let evenly = |count: u32, next: &[u8; 8]| {
            let all = decode(base, next).offset.since(base).max(1);
            let there = target.since(base).clamp(0, all);
            u32::try_from(i64::from(count) * there / all).unwrap_or(count)
        };
        OffsetSearch {
            base,
            search: self.entries.search(holds).near(evenly),
            holds,
        }
    }

    /// Looks for the first entry at or after `position`.
    pub(crate) fn at_or_after_position(&self, position: u64) -> OffsetSearch<impl Fn(&[u8; 8]) -> bool + use<>> {
        let base = self.base;
        let holds = move |entry: &[u8; 8]| u64::from(decode(base, entry).position) < position;
        OffsetSearch {
            base,
            search: self.entries.search(holds),
            holds,
        }
    }

    /// Whether all entries ascend and point into a file of `size` bytes. A page that a crash lost is zeros, and does not.
    pub(crate) fn is_in_order(&self, size: u64) -> io::Result<bool> {
        let base = self.base;
        self.entries.are_all(|before, entry| {
            let entry = decode(base, entry);
            let before = before.map(|before| decode(base, before));
            entry.position > 0
                && u64::from(entry.position) < size
                && before.is_none_or(|before| before.offset < entry.offset && before.position < entry.position)
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

impl<F: Fn(&[u8; 8]) -> bool> OffsetSearch<F> {
    fn finish(self) -> io::Result<(Around<8>, Offset)> {
        Ok((self.search.finish(self.holds)?, self.base))
    }

    /// The last entry that matched.
    pub(crate) fn last(self) -> io::Result<Option<OffsetPosition>> {
        let (around, base) = self.finish()?;
        Ok(around.last.map(|entry| decode(base, &entry)))
    }

    /// The first entry that did not.
    pub(crate) fn next(self) -> io::Result<Option<OffsetPosition>> {
        let (around, base) = self.finish()?;
        Ok(around.next.map(|entry| decode(base, &entry)))
    }
}

/// `offset - base` as an index stores it; `InvalidData` if it does not fit.
pub(crate) fn relative(base: Offset, offset: Offset) -> io::Result<u32> {
    let relative = i32::try_from(offset.since(base)).ok();
    let relative = relative.and_then(|relative| u32::try_from(relative).ok());
    relative.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn decode(base: Offset, entry: &[u8; 8]) -> OffsetPosition {
    let (relative, position) = entry.split_at(4);
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("half of eight bytes"));
    OffsetPosition {
        offset: base.plus(i64::from(number(relative))),
        position: number(position),
    }
}
