//! A picture of a log at one moment, for reading without the partition's lock.

use crate::active::Latest;
use crate::index::time::TimeOffset;
use crate::segment::Segment;
use base::Offset;
use std::sync::Arc;

/// A picture of a log; cloning is cheap. It keeps the files it knows alive, so a reader never loses its place to
/// retention.
#[derive(Clone, Debug)]
pub struct LogView {
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    pub(crate) log_start: Offset,
    pub(crate) log_end: Offset,
    /// Bytes in the last segment.
    pub(crate) active_size: u64,
    /// The greatest timestamp in the last segment; -1 if there is none.
    pub(crate) active_largest: TimeOffset,
    /// The last batch of the last segment, if that is known.
    pub(crate) latest: Option<Latest>,
}

impl LogView {
    /// Where the log begins.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start
    }

    /// Where it ended when the picture was taken.
    pub fn log_end_offset(&self) -> Offset {
        self.log_end
    }

    /// The number of the segment that holds `offset` if any does: the last that begins at or before it.
    pub(crate) fn segment_at(&self, offset: Offset) -> usize {
        self.segments
            .partition_point(|segment| segment.base() <= offset)
            .saturating_sub(1)
    }

    /// How many bytes of segment `number` belong to the picture.
    pub(crate) fn size_of(&self, number: usize) -> u64 {
        if number + 1 == self.segments.len() {
            self.active_size
        } else {
            self.segments[number].size()
        }
    }

    /// Where the segment after `number` begins, or the log's end.
    pub(crate) fn end_of(&self, number: usize) -> Offset {
        self.segments
            .get(number + 1)
            .map_or(self.log_end, |segment| segment.base())
    }
}
