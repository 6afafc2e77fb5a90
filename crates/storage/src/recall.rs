//! Looking in the log for batches of a producer that its snapshot has forgotten.

use crate::error::StorageError;
use crate::log::Log;
use crate::producer_batch::producer_batch;
use crate::producer_state::{Forgotten, MarkerEpochRule, ProducerBatch};
use crate::scan::HeaderScan;
use crate::segment::Segment;

/// How far back it is looked, in bytes: clients have a few batches under way.
const REACH: u64 = 64 << 20;

impl Log {
    /// Looks for what may be repeated by `batch`, once for a producer. If it cannot be read, nothing is found, and the batch is judged
    /// by what is known.
    pub(crate) fn recall_before(&mut self, batch: &ProducerBatch) {
        let Some(forgotten) = self.producers.forgotten_before(batch) else {
            return;
        };
        let found = self.look_for(&forgotten).unwrap_or_else(|error| {
            tracing::warn!(log = %self.topic_partition, %error, "a producer's earlier batches cannot be looked for");
            Vec::new()
        });
        self.producers.recall(forgotten.producer_id, &found);
    }

    fn look_for(&self, forgotten: &Forgotten) -> Result<Vec<ProducerBatch>, StorageError> {
        let view = self.view();
        let mut found: Vec<ProducerBatch> = Vec::new();
        let mut reach = REACH;
        for number in (0..=view.segment_at(forgotten.before)).rev() {
            let segment = &self.segments[number];
            let (earlier, looked_at) = look_in(segment, view.size_of(number), forgotten, reach)?;
            found.splice(0..0, earlier);
            reach = reach.saturating_sub(looked_at);
            if found.len() >= forgotten.count || reach == 0 {
                break;
            }
        }
        found.retain(|batch| batch.base_offset >= self.log_start);
        Ok(found)
    }
}

/// The producer's batches in the last `reach` bytes of a segment before the offset, in order, and how many bytes were looked at.
fn look_in(
    segment: &Segment,
    size: u64,
    forgotten: &Forgotten,
    reach: u64,
) -> Result<(Vec<ProducerBatch>, u64), StorageError> {
    if size == 0 {
        return Ok((Vec::new(), 0));
    }
    let last = segment.position_before(forgotten.before)?;
    let start = match last.checked_sub(reach) {
        Some(far) if far > 0 => match segment.offset_from(far)? {
            Some(offset) => segment.position_before(offset)?.min(last),
            None => last,
        },
        Some(_) | None => 0,
    };
    let file = segment.log()?;
    let mut scan = HeaderScan::new(&*file, start, size);
    let mut found = Vec::new();
    while let Some(placed) = scan.next()? {
        let header = &placed.header;
        if header.base_offset >= forgotten.before {
            break;
        }
        let is_wanted = header.producer_id == forgotten.producer_id && header.producer_epoch == forgotten.epoch;
        if is_wanted
            && !header.attributes.is_control()
            && let Ok(Some(batch)) = producer_batch(header, &[], MarkerEpochRule::AtLeastCurrent)
        {
            found.push(batch);
        }
    }
    Ok((found, scan.position() - start))
}
