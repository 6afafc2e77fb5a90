//! One segment, batch by batch: checksums, order, and the records within.

use super::{Finding, Problem, Remedy};
use crate::names::SegmentFile;
use crate::view::LogView;
use base::Offset;
use base::fs::{File, Fs, Open};
use records::compression::{Codec, decompress};
use records::{BatchError, BatchHeader, BatchView, Records};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes read at once; a larger batch is read whole.
const CHUNK: usize = 1 << 20;
/// No batch decompresses to more.
const LARGEST_BLOCK: usize = i32::MAX as usize;

/// How far to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Headers and checksums: what finds bit rot.
    Checksums,
    /// Every record too, decompressed.
    Records,
}

/// Which segment of its log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Others follow: it was closed, and must be whole.
    Closed,
    /// The last one: a torn tail is no surprise.
    Last,
}

/// A batch that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it begins.
    pub position: u64,
    /// Its header; of a damaged batch not to be believed.
    pub header: BatchHeader,
}

/// A walk over a segment.
#[derive(Debug)]
pub struct Walk {
    path: PathBuf,
    file: Arc<dyn File>,
    depth: Depth,
    place: Place,
    /// Where the next batch begins, and where the file ends.
    position: u64,
    end: u64,
    /// The offset that the next batch must reach.
    next: Offset,
    /// What was read from `position` on.
    buffer: Vec<u8>,
    from: usize,
    block: Vec<u8>,
    findings: Vec<Finding>,
}

impl Walk {
    /// A walk over the file of batches at `path` whose first offset is at least `base`.
    pub fn open(fs: &dyn Fs, path: &Path, base: Offset, place: Place, depth: Depth) -> io::Result<Self> {
        let file = fs.open(path, Open::Read)?;
        let end = file.len()?;
        Ok(Self::over(file, path.to_owned(), end, base, place, depth))
    }

    fn over(file: Arc<dyn File>, path: PathBuf, end: u64, base: Offset, place: Place, depth: Depth) -> Self {
        Self {
            path,
            file,
            depth,
            place,
            position: 0,
            end,
            next: base,
            buffer: Vec::new(),
            from: 0,
            block: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The offset after the last batch so far.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// What was found, taken out.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    fn found(&mut self, problem: Problem, remedy: Remedy) {
        self.findings.push(Finding {
            path: self.path.clone(),
            position: Some(self.position),
            problem,
            remedy,
        });
    }

    /// The next batch; none at the end, or where the rest is no batch.
    pub fn next_batch(&mut self) -> io::Result<Option<Seen>> {
        while self.position < self.end {
            let needed = match BatchView::split(&self.buffer[self.from..]) {
                Ok((batch, _)) => {
                    let (header, size) = (*batch.header(), batch.bytes().len());
                    let damage = damage(&batch, self.depth, &mut self.block);
                    let seen = self.take(header, damage);
                    self.from += size;
                    self.position += size as u64;
                    return Ok(Some(seen));
                }
                Err(BatchError::Partial { needed, .. }) => needed,
                Err(error) => return Ok(self.unreadable(&error)),
            };
            let left = self.end - self.position;
            let have = self.buffer.len() - self.from;
            let short = BatchError::Partial {
                needed,
                available: usize::try_from(left).unwrap_or(usize::MAX),
            };
            // No length is believed that the file cannot hold.
            if needed as u64 > left || !self.fill(needed, have)? {
                return Ok(self.unreadable(&short));
            }
        }
        Ok(None)
    }

    fn fill(&mut self, needed: usize, have: usize) -> io::Result<bool> {
        self.buffer.drain(..self.from);
        self.from = 0;
        let read_to = self.position + have as u64;
        let left = usize::try_from(self.end - read_to).unwrap_or(usize::MAX);
        let more = left.min(CHUNK.max(needed - have));
        self.buffer.resize(have + more, 0);
        let read = self.file.read_at(&mut self.buffer[have..], read_to)?;
        self.buffer.truncate(have + read);
        Ok(read > 0)
    }

    fn take(&mut self, header: BatchHeader, damage: Option<String>) -> Seen {
        let seen = Seen {
            position: self.position,
            header,
        };
        let offset = header.base_offset.0;
        if let Some(what) = damage {
            self.found(Problem::Batch { offset, what }, Remedy::Replica);
            return seen;
        }
        if header.base_offset < self.next {
            let previous = self.next.0 - 1;
            self.found(
                Problem::Order {
                    found: offset,
                    previous,
                },
                Remedy::Replica,
            );
        }
        self.next = self.next.max(header.next_offset());
        seen
    }

    fn unreadable(&mut self, error: &BatchError) -> Option<Seen> {
        let (len, what) = (self.end - self.position, error.to_string());
        match self.place {
            Place::Last => self.found(Problem::TornTail { len, what }, Remedy::Repair),
            Place::Closed => self.found(Problem::Unreadable { len, what }, Remedy::Replica),
        }
        self.position = self.end;
        None
    }
}

impl LogView {
    /// How many segments are closed: nothing is appended to them any more.
    pub fn closed_segments(&self) -> usize {
        self.segments.len() - 1
    }

    /// A walk over closed segment `number`, which goes on whatever becomes of the segment.
    ///
    /// # Errors
    /// If its file cannot be opened: it may have been removed since the picture was taken.
    pub fn walk_closed(&self, number: usize, depth: Depth) -> io::Result<Walk> {
        let segment = &self.segments[number];
        let path = segment.path(SegmentFile::Log);
        let (file, size) = (segment.log()?, segment.size());
        Ok(Walk::over(file, path, size, segment.base(), Place::Closed, depth))
    }
}

/// What is wrong with a batch.
fn damage(batch: &BatchView<'_>, depth: Depth, block: &mut Vec<u8>) -> Option<String> {
    if let Err(error) = batch.check() {
        return Some(error.to_string());
    }
    match depth {
        Depth::Checksums => None,
        Depth::Records => damage_within(batch, block).err(),
    }
}

fn damage_within(batch: &BatchView<'_>, block: &mut Vec<u8>) -> Result<(), String> {
    let header = batch.header();
    let records = match batch.records() {
        Some(records) => records,
        None => {
            let id = header.attributes.codec_id();
            let codec = Codec::from_id(id).ok_or_else(|| format!("codec {id} is not known"))?;
            decompress(codec, batch.body(), LARGEST_BLOCK, block).map_err(|error| error.to_string())?;
            Records::new(block, header.record_count)
        }
    };
    let mut last = -1;
    for record in records {
        let delta = record.map_err(|error| error.to_string())?.offset_delta;
        if delta <= last || delta > header.last_offset_delta {
            return Err(format!(
                "a record of offset delta {delta} after {last}, the last being {}",
                header.last_offset_delta
            ));
        }
        last = delta;
    }
    Ok(())
}
