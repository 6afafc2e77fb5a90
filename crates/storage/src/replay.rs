//! Rebuilding the producers' state from the log.

use crate::append::note_aborted;
use crate::error::{AppendError, StorageError};
use crate::log::Log;
use crate::origin::Origin;
use crate::producer_batch::producer_batch;
use crate::producer_state::{MarkerEpochRule, Staged};
use crate::scan::{HeaderScan, Placed};
use crate::segment::Segment;
use base::fs::{File, FileRegion};
use base::{Offset, Timestamp};
use records::HEADER_LEN;
use std::sync::Arc;

/// What becomes of the transaction indexes while the log is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransactionIndexes {
    /// They are right as they are.
    Kept,
    /// They were emptied from this offset on, and what is missing is written anew.
    RebuiltFrom(Offset),
}

impl Log {
    /// Loads the newest producer snapshot that helps and replays the log from there to its end.
    pub(crate) fn reload_producers(&mut self, indexes: TransactionIndexes, now: Timestamp) -> Result<(), StorageError> {
        if let TransactionIndexes::RebuiltFrom(base) = indexes {
            // Later snapshots would hide the aborts that the emptied indexes need.
            self.producers
                .truncate_and_reload(self.log_start, base.max(self.log_start), now)?;
        }
        if indexes == TransactionIndexes::Kept {
            self.producers.truncate_and_reload(self.log_start, self.log_end, now)?;
        }
        let from = self.producers.map_end_offset();
        if from >= self.log_end {
            return Ok(());
        }
        let view = self.view();
        for number in view.segment_at(from)..self.segments.len() {
            let segment = Arc::clone(&self.segments[number]);
            self.replay_segment(&segment, from, view.size_of(number), indexes)?;
        }
        self.producers.update_map_end_offset(self.log_end);
        Ok(())
    }

    fn replay_segment(
        &mut self,
        segment: &Segment,
        from: Offset,
        size: u64,
        indexes: TransactionIndexes,
    ) -> Result<(), StorageError> {
        if size == 0 {
            return Ok(());
        }
        let file = segment.log()?;
        let start = segment.position_before(from)?;
        self.since_snapshot += size - start;
        let mut scan = HeaderScan::new(&*file, start, size);
        while let Some(placed) = scan.next()? {
            if placed.header.last_offset() < from || !placed.header.has_producer() {
                continue;
            }
            let body = if placed.header.attributes.is_control() {
                read_body(&file, &placed)?
            } else {
                Vec::new()
            };
            let batch = match producer_batch(&placed.header, &body, MarkerEpochRule::AtLeastCurrent) {
                Ok(Some(batch)) => batch,
                Ok(None) => continue,
                Err(AppendError::Storage(error)) => return Err(error),
                Err(_) => return Err(StorageError::Corrupt("a transaction marker")),
            };
            let mut staged = Staged::new(Origin::Replication);
            if self.producers.check(&mut staged, &batch).is_err() {
                // What the log holds was accepted once, by us or by a leader.
                tracing::warn!(log = %self.topic_partition, offset = %batch.base_offset, "a batch contradicts its producer");
                continue;
            }
            let ended = self.producers.apply(staged, placed.header.next_offset());
            let is_rebuilt = match indexes {
                TransactionIndexes::Kept => false,
                TransactionIndexes::RebuiltFrom(from) => placed.header.base_offset >= from,
            };
            if is_rebuilt {
                note_aborted(&ended, |aborted| segment.transactions(|index| index.append(aborted)))?;
            }
        }
        Ok(())
    }
}

/// The records' block of a batch on disk.
pub(crate) fn read_body(file: &Arc<dyn File>, placed: &Placed) -> Result<Vec<u8>, StorageError> {
    let len = u32::try_from(placed.header.size() - HEADER_LEN).map_err(|_| StorageError::Corrupt("a batch's size"))?;
    let region = FileRegion {
        file: Arc::clone(file),
        position: placed.position + HEADER_LEN as u64,
        len,
    };
    Ok(region.read()?)
}
