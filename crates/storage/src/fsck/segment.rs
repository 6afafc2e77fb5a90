//! One segment, batch by batch: checksums, order, and the records within.

use super::{Finding, Problem, Remedy};
use crate::damage::Damage;
use base::Offset;
use base::fs::{File, Fs, Open};
use records::compression::{Codec, decompress};
use records::{BatchError, BatchHeader, BatchView, Records};
use std::io;
use std::ops::Range;
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
    /// The offset that no batch may pass: where the next segment begins.
    bound: Offset,
    /// Where the last batch begins that seemed whole, and the offset it had to reach.
    last: (u64, Offset),
    /// Where a damaged stretch began that has not ended yet.
    open: Option<(u64, Offset)>,
    damages: Vec<Damage>,
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
        let bytes = 0..file.len()?;
        let offsets = base..Offset(i64::MAX);
        Ok(Self::over(file, path.to_owned(), bytes, offsets, place, depth))
    }

    /// A walk over some bytes of a closed segment, whose batches hold some of these offsets.
    pub(crate) fn over_closed(
        file: Arc<dyn File>,
        path: PathBuf,
        bytes: Range<u64>,
        offsets: Range<Offset>,
        depth: Depth,
    ) -> Self {
        Self::over(file, path, bytes, offsets, Place::Closed, depth)
    }

    fn over(
        file: Arc<dyn File>,
        path: PathBuf,
        bytes: Range<u64>,
        offsets: Range<Offset>,
        place: Place,
        depth: Depth,
    ) -> Self {
        Self {
            path,
            file,
            depth,
            place,
            position: bytes.start,
            end: bytes.end,
            next: offsets.start,
            bound: offsets.end,
            last: (bytes.start, offsets.start),
            open: None,
            damages: Vec::new(),
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

    /// The same walk, but no further than to the batch that begins at `position`, where no offset is below `bound`.
    #[must_use]
    pub fn up_to(mut self, position: u64, bound: Offset) -> Self {
        self.end = self.end.min(position);
        self.bound = self.bound.min(bound);
        self
    }

    /// What was found, taken out.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// The damaged stretches that have ended so far, taken out.
    pub fn take_damages(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damages)
    }

    /// A damaged stretch begins there, unless one has already.
    fn damaged_from(&mut self, place: (u64, Offset)) {
        self.open.get_or_insert(place);
    }

    /// What is damaged, if anything is, ends here, before a batch of offset `until`.
    fn whole_from(&mut self, until: Offset) {
        if let Some((position, from)) = self.open.take() {
            self.damages.push(Damage {
                position,
                end: self.position,
                from,
                until,
            });
        }
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
        self.whole_from(self.bound);
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
        let (offset, here) = (header.base_offset.0, (self.position, self.next));
        if let Some(what) = damage {
            self.found(Problem::Batch { offset, what }, Remedy::Replica);
            self.damaged_from(here);
        } else if header.base_offset < self.next {
            let (found, previous) = (offset, self.next.0 - 1);
            self.found(Problem::Order { found, previous }, Remedy::Replica);
            // The checksum does not cover where a batch begins: it may as well be the batch before that is wrong.
            self.damaged_from(self.last);
        } else if header.next_offset() > self.bound {
            let (found, end) = (header.last_offset().0, self.bound.0);
            self.found(Problem::Beyond { found, end }, Remedy::Replica);
            self.damaged_from(here);
        } else {
            self.whole_from(header.base_offset);
            self.last = here;
            self.next = header.next_offset();
        }
        seen
    }

    fn unreadable(&mut self, error: &BatchError) -> Option<Seen> {
        let (len, what) = (self.end - self.position, error.to_string());
        match self.place {
            Place::Last => self.found(Problem::TornTail { len, what }, Remedy::Repair),
            Place::Closed => self.found(Problem::Unreadable { len, what }, Remedy::Replica),
        }
        self.damaged_from((self.position, self.next));
        self.position = self.end;
        self.whole_from(self.bound);
        None
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
