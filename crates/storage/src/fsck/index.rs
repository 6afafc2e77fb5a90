//! A segment's indexes, held against its batches while those are walked over. An index is made anew from its segment, so
//! nothing is lost with a bad one.

use super::segment::Seen;
use super::{Finding, Problem, Remedy};
use crate::index::txn::{AbortedTxn, ENTRY_LEN};
use crate::names::SegmentFile;
use base::Offset;
use base::fs::Fs;
use std::io;
use std::path::{Path, PathBuf};

const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;

/// The indexes of one segment.
#[derive(Debug)]
pub struct Indexes {
    dir: PathBuf,
    base: Offset,
    offsets: Vec<(i64, u64)>,
    times: Vec<(i64, i64)>,
    next_offset_entry: usize,
    next_time_entry: usize,
    max_timestamp: i64,
    findings: Vec<Finding>,
}

impl Indexes {
    /// Reads the indexes of the segment that begins at `base`; those that are not there are made by the next start.
    pub fn read(fs: &dyn Fs, dir: &Path, base: Offset) -> io::Result<Self> {
        let mut indexes = Self {
            dir: dir.to_owned(),
            base,
            offsets: Vec::new(),
            times: Vec::new(),
            next_offset_entry: 0,
            next_time_entry: 0,
            max_timestamp: -1,
            findings: Vec::new(),
        };
        indexes.read_offsets(fs)?;
        indexes.read_times(fs)?;
        indexes.read_transactions(fs)?;
        Ok(indexes)
    }

    fn bytes(&mut self, fs: &dyn Fs, kind: SegmentFile, entry: usize) -> io::Result<Option<Vec<u8>>> {
        let path = self.dir.join(kind.name(self.base));
        if !fs.exists(&path) {
            return Ok(None);
        }
        let bytes = fs.read(&path)?;
        if !bytes.len().is_multiple_of(entry) {
            self.found(kind, format!("{} bytes are no multiple of {entry}", bytes.len()));
            return Ok(None);
        }
        Ok(Some(bytes))
    }

    fn found(&mut self, kind: SegmentFile, what: String) {
        let path = self.dir.join(kind.name(self.base));
        if self.findings.iter().any(|finding| finding.path == path) {
            // One is enough to have it made anew.
            return;
        }
        self.findings.push(Finding {
            path,
            position: None,
            problem: Problem::Index(what),
            remedy: Remedy::Repair,
        });
    }

    fn read_offsets(&mut self, fs: &dyn Fs) -> io::Result<()> {
        let bytes = self
            .bytes(fs, SegmentFile::OffsetIndex, OFFSET_ENTRY)?
            .unwrap_or_default();
        let (entries, _) = bytes.as_chunks::<OFFSET_ENTRY>();
        for (number, entry) in entries.iter().enumerate() {
            let offset = self.base.0 + i64::from(u32_at(entry, 0));
            if is_unused(number, u32_at(entry, 0)) {
                break;
            }
            let position = u64::from(u32_at(entry, 4));
            let last = self.offsets.last().copied();
            if last.is_some_and(|(before, place)| before >= offset || place >= position) {
                self.found(SegmentFile::OffsetIndex, format!("entry {number} is out of order"));
            }
            self.offsets.push((offset, position));
        }
        Ok(())
    }

    fn read_times(&mut self, fs: &dyn Fs) -> io::Result<()> {
        let bytes = self.bytes(fs, SegmentFile::TimeIndex, TIME_ENTRY)?.unwrap_or_default();
        let (entries, _) = bytes.as_chunks::<TIME_ENTRY>();
        for (number, entry) in entries.iter().enumerate() {
            let timestamp = i64::from_be_bytes(*entry.first_chunk().expect("an entry has twelve bytes"));
            if is_unused(number, u32_at(entry, 8)) {
                break;
            }
            let offset = self.base.0 + i64::from(u32_at(entry, 8));
            let last = self.times.last().copied();
            if last.is_some_and(|(before, place)| before > timestamp || place > offset) {
                self.found(SegmentFile::TimeIndex, format!("entry {number} is out of order"));
            }
            self.times.push((timestamp, offset));
        }
        Ok(())
    }

    fn read_transactions(&mut self, fs: &dyn Fs) -> io::Result<()> {
        let kind = SegmentFile::TransactionIndex;
        let bytes = self.bytes(fs, kind, ENTRY_LEN)?.unwrap_or_default();
        let (entries, _) = bytes.as_chunks::<ENTRY_LEN>();
        let mut last = Offset(-1);
        for (number, entry) in entries.iter().enumerate() {
            match AbortedTxn::decode(entry) {
                Ok(aborted) if aborted.last_offset > last && aborted.first_offset <= aborted.last_offset => {
                    last = aborted.last_offset;
                }
                Ok(_) => self.found(kind, format!("entry {number} is out of order")),
                Err(version) => self.found(kind, format!("entry {number} has the unknown version {version}")),
            }
        }
        Ok(())
    }

    /// A good batch of the segment, in order.
    pub fn see(&mut self, seen: &Seen) {
        while let Some((offset, position)) = self.offsets.get(self.next_offset_entry).copied() {
            if position > seen.position {
                break;
            }
            self.next_offset_entry += 1;
            if position < seen.position {
                self.found(
                    SegmentFile::OffsetIndex,
                    format!("no batch begins at its position {position}"),
                );
            } else if offset < seen.header.base_offset.0 {
                let found = seen.header.base_offset;
                self.found(
                    SegmentFile::OffsetIndex,
                    format!("offset {offset} is said to be at position {position}, where {found} begins"),
                );
            }
        }
        self.max_timestamp = self.max_timestamp.max(seen.header.max_timestamp.0);
        while let Some((timestamp, offset)) = self.times.get(self.next_time_entry).copied() {
            if offset > seen.header.last_offset().0 {
                break;
            }
            self.next_time_entry += 1;
            if offset == seen.header.last_offset().0 && self.max_timestamp > timestamp {
                self.found(
                    SegmentFile::TimeIndex,
                    format!(
                        "records up to offset {offset} are said to be at most of {timestamp}, one is of {}",
                        self.max_timestamp
                    ),
                );
            }
        }
    }

    /// The segment has no more batches: what is wrong.
    pub fn finish(mut self) -> Vec<Finding> {
        if let Some((offset, position)) = self.offsets.get(self.next_offset_entry).copied() {
            self.found(
                SegmentFile::OffsetIndex,
                format!("offset {offset} is said to be at position {position}, where no batch begins"),
            );
        }
        if let Some((_, offset)) = self.times.get(self.next_time_entry).copied() {
            self.found(SegmentFile::TimeIndex, format!("offset {offset} is not in the segment"));
        }
        self.findings
    }
}

/// Kafka keeps room in the indexes of its last segment: zeros after the last entry.
fn is_unused(number: usize, relative: u32) -> bool {
    number > 0 && relative == 0
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(*bytes[at..].first_chunk().expect("the field is within the entry"))
}
