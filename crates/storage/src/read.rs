//! Reading: an offset becomes a stretch of a file.

use crate::error::{ReadError, StorageError};
use crate::scan::{HeaderScan, Placed};
use crate::segment::Segment;
use crate::view::LogView;
use base::Offset;
use base::fs::FileRegion;
use std::io;
use std::sync::Arc;

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The first offset wanted.
    pub from: Offset,
    /// At most so many bytes.
    pub max_bytes: u32,
    /// Nothing at or after this offset: high watermark, last stable offset or log end.
    pub bound: Offset,
    /// Whether the first batch may pass `max_bytes`.
    pub min_one: MinOne,
}

/// Whether the first batch is answered whole, however large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinOne {
    /// Yes: a reader always makes progress.
    Whole,
    /// No: the response has data already.
    Strict,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedSlice {
    /// The bytes; they may begin before the wanted offset and end within a batch. None if there are none.
    pub region: Option<FileRegion>,
    /// The same bytes, where looking for their beginning has read them along: a few small batches at the log's tail.
    pub bytes: Option<Vec<u8>>,
    /// No record in the bytes has this offset or a later one: up to where aborted transactions matter.
    pub upper_bound: Offset,
}

impl FetchedSlice {
    fn nothing(from: Offset) -> Self {
        Self {
            region: None,
            bytes: None,
            upper_bound: from,
        }
    }
}

impl LogView {
    /// The bytes from the batch that holds `request.from` on, out of one segment; none at the bound, or if the first
    /// batch does not fit.
    pub fn read(&self, request: ReadRequest) -> Result<FetchedSlice, ReadError> {
        let from = request.from;
        if from < self.log_start || from > self.log_end {
            return Err(ReadError::OffsetOutOfRange {
                offset: from,
                start: self.log_start,
                end: self.log_end,
            });
        }
        self.read_segments(request).map_err(|error| self.explain(error, from))
    }

    /// A view that outlived `file.delete.delay.ms` may find its files gone: to its reader they were deleted.
    fn explain(&self, error: ReadError, offset: Offset) -> ReadError {
        let gone = matches!(error, ReadError::Storage(StorageError::Io(io::ErrorKind::NotFound)));
        if gone && self.segments.iter().any(|segment| segment.is_deleted()) {
            return ReadError::OffsetOutOfRange {
                offset,
                start: self.log_start,
                end: self.log_end,
            };
        }
        error
    }

    fn read_segments(&self, request: ReadRequest) -> Result<FetchedSlice, ReadError> {
        let from = request.from;
        if from >= request.bound || from == self.log_end {
            return Ok(FetchedSlice::nothing(from));
        }
        // Where compaction left a gap, the batch after it.
        for number in self.segment_at(from)..self.segments.len() {
            let segment = &self.segments[number];
            let file = segment.log()?;
            let mut scan = HeaderScan::new(&*file, self.position_before(number, from)?, self.size_of(number));
            if let Some(first) = segment.find_in(&mut scan, from)? {
                let Some(len) = self.length(number, &first, &request)? else {
                    break;
                };
                let region = FileRegion {
                    file: Arc::clone(&file),
                    position: first.position,
                    len,
                };
                return Ok(FetchedSlice {
                    region: Some(region),
                    bytes: scan.read_already(first.position, u64::from(len)).map(<[u8]>::to_vec),
                    upper_bound: self.upper_bound(number, first.position + u64::from(len))?,
                });
            }
        }
        Ok(FetchedSlice::nothing(from))
    }

    /// How many bytes of segment `number` are answered from its batch `first` on; none if that does not fit.
    fn length(&self, number: usize, first: &Placed, request: &ReadRequest) -> Result<Option<u32>, ReadError> {
        let end = self.bound_position(number, request.bound)?;
        let end = self.segments[number].served_up_to(first.position, end);
        let available = end.saturating_sub(first.position);
        let first_size = first.header.size() as u64;
        let allowed = match request.min_one {
            MinOne::Whole => u64::from(request.max_bytes).max(first_size),
            MinOne::Strict => u64::from(request.max_bytes),
        };
        let len = available.min(allowed);
        Ok((len >= first_size).then(|| u32::try_from(len).unwrap_or(u32::MAX)))
    }

    /// Where in segment `number` to begin looking for `offset`.
    fn position_before(&self, number: usize, offset: Offset) -> Result<u64, ReadError> {
        match self.latest {
            Some(latest) if number + 1 == self.segments.len() && latest.offset <= offset => Ok(latest.position),
            _ => Ok(self.segments[number].position_before(offset)?),
        }
    }

    /// Where in segment `number` the bytes end that may be read up to `bound`: before the batch that holds it.
    fn bound_position(&self, number: usize, bound: Offset) -> Result<u64, ReadError> {
        let size = self.size_of(number);
        if bound >= self.end_of(number) {
            return Ok(size);
        }
        let placed = self.segments[number].find_batch(bound, size)?;
        Ok(placed.map_or(size, |placed| placed.position))
    }

    /// An offset above all in the first `position` bytes of segment `number`; rough, but cheap, and only if transaction
    /// indexes make it matter.
    fn upper_bound(&self, number: usize, position: u64) -> Result<Offset, ReadError> {
        let matters = self.segments[number..]
            .iter()
            .any(|segment: &Arc<Segment>| segment.has_transaction_index());
        if matters && let Some(offset) = self.segments[number].offset_from(position)? {
            return Ok(offset);
        }
        Ok(self.end_of(number))
    }
}
