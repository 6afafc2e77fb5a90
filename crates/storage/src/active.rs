//! What the writer knows of the segment it appends to.

use crate::config::LogConfig;
use crate::error::StorageError;
use crate::index::offset::OffsetIndex;
use crate::index::time::{TimeIndex, TimeOffset};
use crate::scan::{HeaderScan, ScanError};
use crate::segment::Segment;
use base::{Offset, Rng, Timestamp};
use records::BatchHeader;

/// The writer's side of the last segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    /// The greatest timestamp in it; -1 if there is none.
    pub(crate) largest: TimeOffset,
    bytes_since_entry: u64,
    /// The greatest timestamp of its first batch, once known; age counts from it.
    first_timestamp: Option<Timestamp>,
    created: Timestamp,
    jitter_ms: i64,
    /// The batch that was appended last, once there was one.
    latest: Option<Latest>,
}

/// Where the last batch of a segment begins: whoever reads at the tail need not look for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latest {
    pub(crate) offset: Offset,
    pub(crate) position: u64,
}

/// What is about to be appended, as far as rolling cares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    pub(crate) size: usize,
    pub(crate) last_offset: Offset,
    pub(crate) max_timestamp: Timestamp,
}

impl Active {
    /// For a new segment at `base`.
    pub(crate) fn new(base: Offset, config: &LogConfig, now: Timestamp, seed: u64) -> Self {
        let most = config.segment_jitter_ms.min(config.segment_ms).max(0);
        let mut rng = Rng::from_seed(seed ^ base.0.cast_unsigned());
        let jitter_ms = i64::try_from(rng.below(most.cast_unsigned())).unwrap_or(0);
        Self {
            largest: TimeOffset {
                timestamp: Timestamp::NONE,
                offset: base,
            },
            bytes_since_entry: 0,
            first_timestamp: None,
            created: now,
            jitter_ms,
            latest: None,
        }
    }

    /// For a segment read from disk whose indexes are in order; also finds the offset after its last record.
    pub(crate) fn load(segment: &Segment, fresh: Self) -> Result<(Self, Offset), ScanError> {
        let mut active = fresh;
        let mut end = segment.base();
        if segment.size() == 0 {
            return Ok((active, end));
        }
        if let Some(entry) = segment.times(|index| index.last())?? {
            active.largest = entry;
        }
        let last = segment.offsets(|index| index.last())??;
        let from = last.map_or(0, |entry| u64::from(entry.position));
        let file = segment.log()?;
        let mut scan = HeaderScan::new(&*file, from, segment.size());
        while let Some(placed) = scan.next()? {
            active.note(&placed.header);
            end = placed.header.next_offset();
        }
        active.bytes_since_entry = segment.size() - from;
        Ok((active, end))
    }

    /// The batch that was appended last, if that is known.
    pub(crate) fn latest(&self) -> Option<Latest> {
        self.latest
    }

    /// Takes over what the time index says of the segment so far.
    pub(crate) fn resume_times(&mut self, segment: &Segment) -> Result<(), StorageError> {
        if let Some(entry) = segment.times(|index| index.last())?? {
            self.largest = entry;
        }
        Ok(())
    }

    /// Takes into account a batch that the offset index names.
    pub(crate) fn at_entry(&mut self, header: &BatchHeader) {
        self.note(header);
        self.bytes_since_entry = header.size() as u64;
    }

    /// Whether a new segment must begin before `incoming`.
    pub(crate) fn must_roll(
        &mut self,
        segment: &Segment,
        config: &LogConfig,
        incoming: Incoming,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let size = segment.size();
        if size + incoming.size as u64 > u64::from(config.segment_bytes) {
            return Ok(true);
        }
        if incoming.last_offset.since(segment.base()) > i64::from(i32::MAX) {
            return Ok(true);
        }
        let entries = segment.offsets(|index| index.len())?;
        let times = segment.times(|index| index.len())?;
        if entries >= config.segment_index_bytes / OffsetIndex::ENTRY
            || times + 1 >= config.segment_index_bytes / TimeIndex::ENTRY
        {
            return Ok(true);
        }
        Ok(size > 0 && self.age(segment, incoming.max_timestamp, now)? > config.max_segment_ms() - self.jitter_ms)
    }

    /// Milliseconds by the records' clock if they have one, else since the segment was opened.
    fn age(&mut self, segment: &Segment, incoming: Timestamp, now: Timestamp) -> Result<i64, StorageError> {
        if self.first_timestamp.is_none() && segment.size() > 0 {
            let file = segment.log()?;
            let first = HeaderScan::new(&*file, 0, segment.size()).next()?;
            self.first_timestamp = first.map(|placed| placed.header.max_timestamp);
        }
        Ok(match self.first_timestamp {
            Some(first) if first.0 >= 0 => incoming.0.saturating_sub(first.0),
            _ => now.0.saturating_sub(self.created.0),
        })
    }

    /// Takes a written batch into account: greatest timestamp, and index entries if one is due.
    pub(crate) fn appended(
        &mut self,
        segment: &Segment,
        header: &BatchHeader,
        position: u64,
        interval: u32,
    ) -> Result<(), StorageError> {
        self.note(header);
        self.latest = Some(Latest {
            offset: header.base_offset,
            position,
        });
        if position == 0 {
            self.first_timestamp = Some(header.max_timestamp);
        }
        if self.bytes_since_entry > u64::from(interval) {
            let position = u32::try_from(position).map_err(|_| StorageError::Corrupt("a segment beyond 4 GiB"))?;
            segment.offsets(|index| index.push(header.last_offset(), position))??;
            segment.times(|index| index.push_if_later(self.largest))??;
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += header.size() as u64;
        Ok(())
    }

    fn note(&mut self, header: &BatchHeader) {
        if header.max_timestamp > self.largest.timestamp {
            self.largest = TimeOffset {
                timestamp: header.max_timestamp,
                offset: header.last_offset(),
            };
        }
    }
}
