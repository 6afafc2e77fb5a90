//! Which segments are cleaned into one: so many that the output is no larger than a segment may be.

use super::dirt::LogToClean;
use crate::index::offset::OffsetIndex;
use crate::index::time::TimeIndex;
use crate::segment::Segment;
use base::Offset;
use std::io;
use std::ops::Range;

/// Sums over the segments of a group.
#[derive(Clone, Copy, Debug)]
struct Sums {
    bytes: u64,
    offsets: u64,
    times: u64,
}

impl Sums {
    fn of(segment: &Segment) -> io::Result<Self> {
        Ok(Self {
            bytes: segment.size(),
            offsets: u64::from(segment.offsets(|index| index.len())?) * u64::from(OffsetIndex::ENTRY),
            times: u64::from(segment.times(|index| index.len())?) * u64::from(TimeIndex::ENTRY),
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            offsets: self.offsets + other.offsets,
            times: self.times + other.times,
        }
    }
}

/// Groups the segments that begin below `end`: the numbers of each group's segments.
pub(super) fn group(log: &LogToClean, end: Offset) -> io::Result<Vec<Range<usize>>> {
    let segments = &log.view.segments;
    let count = segments[..log.uncleanable_at].partition_point(|segment| segment.base() < end);
    let (most_bytes, most_index) = (
        u64::from(log.config.segment_bytes),
        u64::from(log.config.segment_index_bytes),
    );
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut sums = Sums {
        bytes: 0,
        offsets: 0,
        times: 0,
    };
    for (number, segment) in segments[..count].iter().enumerate() {
        let added = Sums::of(segment)?;
        let together = sums.plus(added);
        let joins = groups.last().is_some_and(|group| {
            let span = log.view.end_of(number).plus(-1).since(segments[group.start].base());
            together.bytes <= most_bytes
                && together.offsets <= most_index
                && together.times <= most_index
                && (added.bytes == 0 || span <= i64::from(i32::MAX))
        });
        match groups.last_mut() {
            Some(group) if joins => {
                group.end = number + 1;
                sums = together;
            }
            _ => {
                groups.push(number..number + 1);
                sums = added;
            }
        }
    }
    Ok(groups)
}
