//! Checking a segment after a crash: every batch that may not have been safe is read, the first bad one ends it, and the
//! indexes are built.

use crate::active::Active;
use crate::config::LogConfig;
use crate::error::StorageError;
use crate::leader_epoch::{Flush, LeaderEpochCache};
use crate::scan::{HeaderScan, ScanError};
use crate::segment::Segment;
use base::Offset;
use base::fs::File;
use records::{BatchError, BatchHeader, BatchView, HEADER_LEN};
use std::sync::Arc;

/// Bytes read at once; a larger batch is read whole.
const CHUNK: usize = 1 << 20;

/// What a check found.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// The writer's side of the segment, in case it is the last.
    pub(crate) active: Active,
    /// The offset after its last record.
    pub(crate) end: Offset,
    /// Bytes that were cut off, room apart.
    pub(crate) cut: u64,
    /// Bytes of room that were cut off.
    pub(crate) room: u64,
    /// Whether the epochs' file must be written.
    pub(crate) epochs: Flush,
}

/// Checks `segment`, cuts it before the first bad batch and builds its indexes. The transaction index is emptied; it is
/// written anew when the producers are replayed.
pub(crate) fn recover(
    segment: &Segment,
    fresh: Active,
    config: &LogConfig,
    epochs: &mut LeaderEpochCache,
) -> Result<Recovered, StorageError> {
    segment.reset_indexes()?;
    segment.reset_transactions()?;
    let start = Start {
        active: fresh,
        position: 0,
        end: segment.base(),
    };
    check_from(start, segment, config, epochs)
}

/// Checks only what lies at or after `from`, which was not on stable storage for sure, and keeps the indexes of what was.
/// None if what should be safe is not as it should be: then everything is to be checked. The time this takes depends on
/// what was not flushed, not on what there is.
pub(crate) fn recover_tail(
    segment: &Segment,
    fresh: Active,
    from: Offset,
    config: &LogConfig,
    epochs: &mut LeaderEpochCache,
) -> Result<Option<Recovered>, StorageError> {
    if !segment.indexes_are_in_order()? || !segment.cut_indexes(from)? {
        return Ok(None);
    }
    let Some((start, last)) = skip_to(segment, fresh, from, config)? else {
        return Ok(None);
    };
    // A log that was begun anew amid a batch has its epoch from there on, which is not below `from`.
    let last = last.filter(|last| last.next_offset() > from);
    let due = last.map_or(Flush::Clean, |last| note_epoch(epochs, &last));
    let mut found = check_from(start, segment, config, epochs)?;
    if due == Flush::Due {
        found.epochs = due;
    }
    Ok(Some(found))
}

/// The batch's epoch begins with it, if it is a new one.
fn note_epoch(epochs: &mut LeaderEpochCache, header: &BatchHeader) -> Flush {
    let epoch = header.partition_leader_epoch;
    match epoch.0 >= 0 && epochs.latest().is_none_or(|latest| latest.epoch < epoch) {
        true => epochs.assign_unflushed(epoch, header.base_offset),
        false => Flush::Clean,
    }
}

/// Where a check begins.
struct Start {
    active: Active,
    position: u64,
    /// The offset after the last record before it.
    end: Offset,
}

/// Walks over the headers from the last index entry to `from`; none if they do not lead there. The last of them comes along.
fn skip_to(
    segment: &Segment,
    fresh: Active,
    from: Offset,
    config: &LogConfig,
) -> Result<Option<(Start, Option<BatchHeader>)>, StorageError> {
    let mut active = fresh;
    active.resume_times(segment)?;
    let entry = segment.offsets(|index| index.last())??;
    let file = segment.log()?;
    let mut start = Start {
        active,
        position: entry.map_or(0, |entry| u64::from(entry.position)),
        end: segment.base(),
    };
    let mut scan = HeaderScan::new(&*file, start.position, segment.size());
    let (mut is_first, mut last) = (true, None);
    loop {
        let placed = match scan.next() {
            Ok(Some(placed)) if placed.header.base_offset < from => placed,
            Ok(_) => break,
            Err(ScanError::Io(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
            // What follows the safe part is judged by the check; if this is within it, the end is not reached.
            Err(_) => break,
        };
        let fits_entry = entry.is_none_or(|entry| !is_first || placed.header.last_offset() == entry.offset);
        if !fits_entry || placed.header.base_offset < start.end || placed.header.last_offset_delta < 0 {
            return Ok(None);
        }
        if is_first && entry.is_some() {
            start.active.at_entry(&placed.header);
        } else {
            let interval = config.index_interval_bytes;
            start
                .active
                .appended(segment, &placed.header, placed.position, interval)?;
        }
        is_first = false;
        start.position = placed.end();
        start.end = placed.header.next_offset();
        last = Some(placed.header);
    }
    Ok((start.end >= from).then_some((start, last)))
}

fn check_from(
    start: Start,
    segment: &Segment,
    config: &LogConfig,
    epochs: &mut LeaderEpochCache,
) -> Result<Recovered, StorageError> {
    let file = segment.log()?;
    let size = segment.size();
    let mut reader = BatchReader {
        file: &*file,
        position: start.position,
        end: size,
        at: 0,
        buffer: Vec::new(),
    };
    let Start {
        mut active,
        mut end,
        position: mut valid,
    } = start;
    let mut due = Flush::Clean;
    while let Some(header) = reader.next()? {
        let fits = header.base_offset >= end && header.last_offset_delta >= 0;
        if !fits || header.last_offset().since(segment.base()) > i64::from(i32::MAX) {
            break;
        }
        active.appended(segment, &header, valid, config.index_interval_bytes)?;
        if note_epoch(epochs, &header) == Flush::Due {
            due = Flush::Due;
        }
        end = header.next_offset();
        valid += header.size() as u64;
    }
    let mut room = 0;
    if valid < size {
        if is_room(&*file, valid, size)? {
            room = size - valid;
            tracing::debug!(segment = %segment.base(), valid, size, "the room ahead of the segment's end is cut off");
        } else {
            tracing::warn!(segment = %segment.base(), valid, size, "the tail of the segment is no batch and is cut off");
        }
        file.set_len(valid)?;
        segment.set_size(valid);
    }
    Ok(Recovered {
        active,
        end,
        cut: size - valid - room,
        room,
        epochs: due,
    })
}

/// Whether there is nothing but zeros from `position` to `end`.
fn is_room(file: &dyn File, mut position: u64, end: u64) -> Result<bool, StorageError> {
    // Most of what is no room says so in its first bytes.
    let mut buffer = vec![0; HEADER_LEN];
    while position < end {
        let read = file.read_at(&mut buffer, position)?;
        if read == 0 || buffer[..read].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        position += read as u64;
        let left = usize::try_from(end.saturating_sub(position)).unwrap_or(CHUNK);
        buffer.resize(left.min(CHUNK), 0);
    }
    Ok(true)
}

/// Reads batches whole and checks their checksums.
struct BatchReader<'a> {
    file: &'a dyn File,
    /// Where in the file the buffer ends.
    position: u64,
    end: u64,
    /// Where in the buffer the next batch begins.
    at: usize,
    buffer: Vec<u8>,
}

impl BatchReader<'_> {
    /// The next good batch's header; none at the end or at the first that is not good.
    fn next(&mut self) -> Result<Option<BatchHeader>, StorageError> {
        loop {
            let needed = match BatchView::split(&self.buffer[self.at..]) {
                Ok((batch, _)) => {
                    self.at += batch.bytes().len();
                    return Ok(batch.check().is_ok().then_some(*batch.header()));
                }
                Err(BatchError::Partial { needed, .. }) => needed,
                Err(BatchError::Length(_) | BatchError::Magic(_) | BatchError::Checksum { .. }) => return Ok(None),
            };
            let kept = self.buffer.len() - self.at;
            let left = self.end - self.position;
            // No length is believed that the file cannot hold.
            if needed as u64 > kept as u64 + left || !self.fill(needed, kept, left)? {
                return Ok(None);
            }
        }
    }

    /// Moves what is left to the front and reads on, at least up to `needed` bytes. Returns whether there was more.
    fn fill(&mut self, needed: usize, kept: usize, left: u64) -> Result<bool, StorageError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let more = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(CHUNK.max(needed - kept));
        self.buffer.resize(kept + more, 0);
        let read = self.file.read_at(&mut self.buffer[kept..], self.position)?;
        self.buffer.truncate(kept + read);
        self.position += read as u64;
        Ok(read > 0)
    }
}

/// For an index that is missing although its segment was closed well.
pub(crate) fn rebuild_indexes(segment: &Arc<Segment>, fresh: Active, config: &LogConfig) -> Result<(), StorageError> {
    segment.reset_indexes()?;
    let file = segment.log()?;
    let mut scan = crate::scan::HeaderScan::new(&*file, 0, segment.size());
    let mut active = fresh;
    while let Some(placed) = scan.next()? {
        active.appended(segment, &placed.header, placed.position, config.index_interval_bytes)?;
    }
    segment.seal(active.largest)?;
    Ok(())
}
