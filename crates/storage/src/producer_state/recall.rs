//! Batches of a producer that a snapshot has forgotten: it keeps only the last one, but a client may repeat any of five.
//!
//! Kafka never has to know more than the last, since it takes a connection's next request only after it has answered the one before.
//! Here several batches of a producer may be appended and unanswered when the broker ends; they are in the log, and are looked
//! for there when one comes again.

use super::batch::ProducerBatch;
use super::entry::{BATCHES_KEPT, BatchMetadata};
use super::{ProducerStateManager, sequence};
use base::{Offset, ProducerEpoch, ProducerId};

/// What to look for in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forgotten {
    /// Whose batches.
    pub(crate) producer_id: ProducerId,
    /// Those of this epoch.
    pub(crate) epoch: ProducerEpoch,
    /// Those before this offset.
    pub(crate) before: Offset,
    /// So many of the last of them.
    pub(crate) count: usize,
}

impl ProducerStateManager {
    /// What to look for before `batch` is judged: its sequences lie before all that are known, and more may be in the log.
    pub(crate) fn forgotten_before(&self, batch: &ProducerBatch) -> Option<Forgotten> {
        let known = self.known();
        if !known.half_known.contains(&batch.producer_id) {
            return None;
        }
        let entry = known.producers.get(&batch.producer_id)?;
        let oldest = entry.batches().first()?;
        let is_older = sequence::precedes(batch.last_sequence, oldest.first_sequence());
        let count = BATCHES_KEPT - entry.batches().len();
        (batch.epoch == entry.epoch && is_older && count > 0).then_some(Forgotten {
            producer_id: batch.producer_id,
            epoch: entry.epoch,
            before: oldest.first_offset(),
            count,
        })
    }

    /// Takes over what was found, oldest first; it is not looked for again.
    pub(crate) fn recall(&mut self, producer_id: ProducerId, found: &[ProducerBatch]) {
        let Some(known) = &mut self.known else { return };
        known.half_known.remove(&producer_id);
        let found: Vec<BatchMetadata> = found.iter().map(BatchMetadata::of).collect();
        if let Some(entry) = known.producers.get_mut(&producer_id) {
            entry.recall(&found);
        }
    }
}
