//! Finding offsets by time.

use crate::error::ReadError;
use crate::replay::read_body;
use crate::scan::{HeaderScan, Placed};
use crate::segment::Segment;
use crate::view::LogView;
use base::fs::File;
use base::{LeaderEpoch, Offset, Timestamp};
use records::compression::{Codec, decompress};
use records::{ProduceRules, Records, TimestampType};
use std::sync::Arc;

/// An offset found by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The record's offset.
    pub offset: Offset,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: LeaderEpoch,
}

impl LogView {
    /// The first record at or after `target`, in the order of offsets.
    pub fn offset_for_timestamp(&self, target: Timestamp) -> Result<Option<TimestampOffset>, ReadError> {
        for (number, segment) in self.segments.iter().enumerate() {
            if self.end_of(number) <= self.log_start || self.largest_of(number)? < target {
                continue;
            }
            if let Some(found) = self.search_segment(number, segment, target, self.log_start)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record with the greatest timestamp; none if the log is empty or no record has a timestamp.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        let mut best: Option<(Timestamp, usize)> = None;
        for number in 0..self.segments.len() {
            let largest = self.largest_of(number)?;
            if self.size_of(number) > 0 && best.is_none_or(|(timestamp, _)| largest > timestamp) {
                best = Some((largest, number));
            }
        }
        match best {
            Some((timestamp, number)) if timestamp.0 >= 0 => {
                // As in Kafka the record may lie below the log start, if its segment is still there.
                self.search_segment(number, &self.segments[number], timestamp, Offset::ZERO)
            }
            _ => Ok(None),
        }
    }

    fn largest_of(&self, number: usize) -> Result<Timestamp, ReadError> {
        if number + 1 == self.segments.len() {
            return Ok(self.active_largest.timestamp);
        }
        Ok(self.segments[number].largest_timestamp()?.timestamp)
    }

    fn search_segment(
        &self,
        number: usize,
        segment: &Segment,
        target: Timestamp,
        from: Offset,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        // The entry may be of the target's own time: begin before it.
        let before = segment.offset_before_time(Timestamp(target.0.saturating_sub(1)))?;
        let position = segment.position_before(before.max(from))?;
        let file = segment.log()?;
        let mut scan = HeaderScan::new(&*file, position, self.size_of(number));
        while let Some(placed) = scan.next()? {
            if placed.header.max_timestamp < target || placed.header.last_offset() < from {
                continue;
            }
            if let Some(found) = search_batch(&file, &placed, target, from)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The first record of a batch at or after both `target` and `from`.
fn search_batch(
    file: &Arc<dyn File>,
    placed: &Placed,
    target: Timestamp,
    from: Offset,
) -> Result<Option<TimestampOffset>, ReadError> {
    let header = &placed.header;
    let body = read_body(file, placed)?;
    let mut plain = Vec::new();
    let block = match Codec::from_id(header.attributes.codec_id()) {
        Some(Codec::None) => &body,
        Some(codec) => {
            let most = ProduceRules::MAX_DECOMPRESSED_BYTES;
            decompress(codec, &body, most, &mut plain).map_err(|_| ReadError::Records(header.base_offset))?;
            &plain
        }
        None => return Err(ReadError::Records(header.base_offset)),
    };
    for record in Records::new(block, header.record_count) {
        let record = record.map_err(|_| ReadError::Records(header.base_offset))?;
        let timestamp = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => Timestamp(header.base_timestamp.0.wrapping_add(record.timestamp_delta)),
            TimestampType::LogAppendTime => header.max_timestamp,
        };
        let offset = header.base_offset.plus(i64::from(record.offset_delta));
        if timestamp >= target && offset >= from {
            return Ok(Some(TimestampOffset {
                timestamp,
                offset,
                leader_epoch: header.partition_leader_epoch,
            }));
        }
    }
    Ok(None)
}
