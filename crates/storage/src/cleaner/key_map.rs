//! Noting the last offset of every key in the dirty part of a log.

use super::dirt::LogToClean;
use super::error::CleaningError;
use super::filter::control_kind;
use super::offset_map::{Full, OffsetMap};
use super::pace::PaceSetter;
use super::reader::{BatchReader, records_block};
use super::stats::CleanerStats;
use super::transactions::CleanedTransactions;
use crate::segment::Segment;
use base::Offset;
use records::{BatchView, Records};

/// Memory that is reused from log to log.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) read: Vec<u8>,
    pub(super) block: Vec<u8>,
}

/// Fills `map` with the keys of the dirty segments, until it is full: what it holds then is cleaned, the rest later.
pub(super) fn build(
    log: &LogToClean,
    map: &mut OffsetMap,
    chunk: usize,
    buffers: &mut Buffers,
    stats: &mut CleanerStats,
    pace: &mut PaceSetter<'_>,
) -> Result<(), CleaningError> {
    let start = log.first_dirty;
    map.begin(u64::try_from(log.first_uncleanable.since(start)).unwrap_or(0));
    let mut transactions = CleanedTransactions::default();
    transactions.expect(log.view.aborted_between(start, log.first_uncleanable)?);
    for (segment, end) in log.dirty() {
        if note_segment(segment, start, map, &mut transactions, chunk, buffers, stats, pace)? == Filled::UpToHere {
            let offset = map.latest().map_or(start, Offset::next);
            return if offset > start {
                Ok(())
            } else {
                let slots = map.capacity();
                Err(CleaningError::MapTooSmall { offset, slots })
            };
        }
        // Compaction may have left a gap at the segment's end.
        map.reached(end.plus(-1));
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    Whole,
    UpToHere,
}

#[expect(clippy::too_many_arguments, reason = "the state of one walk, held by its caller")]
fn note_segment(
    segment: &Segment,
    start: Offset,
    map: &mut OffsetMap,
    transactions: &mut CleanedTransactions,
    chunk: usize,
    buffers: &mut Buffers,
    stats: &mut CleanerStats,
    pace: &mut PaceSetter<'_>,
) -> Result<Filled, CleaningError> {
    let from = segment.position_before(start)?;
    let mut reader = BatchReader::new(segment, from, chunk, &mut buffers.read)?;
    while let Some(batch) = reader.next(pace)? {
        let header = batch.header();
        stats.map_bytes_read += batch.bytes().len() as u64;
        if header.attributes.is_control() {
            transactions.on_control(header, control_kind(&batch)?);
        } else if !transactions.on_data(header) && note_batch(&batch, start, map, &mut buffers.block)?.is_err() {
            return Ok(Filled::UpToHere);
        }
        if header.last_offset() >= start {
            map.reached(header.last_offset());
        }
    }
    Ok(Filled::Whole)
}

fn note_batch(
    batch: &BatchView<'_>,
    start: Offset,
    map: &mut OffsetMap,
    block: &mut Vec<u8>,
) -> Result<Result<(), Full>, CleaningError> {
    let header = batch.header();
    for record in Records::new(records_block(batch, block)?, header.record_count) {
        let record = record.map_err(|_| CleaningError::Records(header.base_offset))?;
        let offset = header.base_offset.plus(i64::from(record.offset_delta));
        let Some(key) = record.key.filter(|_| offset >= start) else {
            continue;
        };
        if map.put(key, offset).is_err() {
            return Ok(Err(Full));
        }
    }
    Ok(Ok(()))
}
