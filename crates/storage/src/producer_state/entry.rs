//! What is remembered of one producer: its epoch, its last five batches, its open transaction.

use super::batch::ProducerBatch;
use super::sequence;
use base::{Offset, ProducerEpoch, Timestamp};

/// How many of a producer's last batches are kept to recognise one sent again; a client has at most five in flight.
pub const BATCHES_KEPT: usize = 5;

/// One batch of a producer, as remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMetadata {
    /// The sequence of its last record.
    pub last_sequence: i32,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// How many offsets its first record lies before its last.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: Timestamp,
}

impl BatchMetadata {
    /// The sequence of its first record.
    pub fn first_sequence(&self) -> i32 {
        sequence::back(self.last_sequence, self.offset_delta)
    }

    /// The offset of its first record.
    pub fn first_offset(&self) -> Offset {
        Offset(self.last_offset.0.saturating_sub(i64::from(self.offset_delta)))
    }

    /// What is kept of `batch`.
    pub(super) fn of(batch: &ProducerBatch) -> Self {
        Self {
            last_sequence: batch.last_sequence,
            last_offset: batch.last_offset,
            offset_delta: i32::try_from(batch.last_offset.since(batch.base_offset)).unwrap_or(i32::MAX),
            timestamp: batch.max_timestamp,
        }
    }

    const EMPTY: Self = Self {
        last_sequence: sequence::NONE,
        last_offset: Offset::NONE,
        offset_delta: 0,
        timestamp: Timestamp::NONE,
    };
}

/// What is remembered of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// Its epoch; [`ProducerEpoch::NONE`] before its first batch.
    pub epoch: ProducerEpoch,
    /// The epoch of the coordinator that wrote its last marker; -1 before the first.
    pub coordinator_epoch: i32,
    /// The largest timestamp of its last batch, or the time of its last marker.
    pub last_timestamp: Timestamp,
    /// The first offset of its open transaction.
    pub current_txn_first_offset: Option<Offset>,
    batches: [BatchMetadata; BATCHES_KEPT],
    kept: u8,
}

impl ProducerEntry {
    /// A producer never seen before.
    pub fn new() -> Self {
        Self {
            epoch: ProducerEpoch::NONE,
            coordinator_epoch: -1,
            last_timestamp: Timestamp::NONE,
            current_txn_first_offset: None,
            batches: [BatchMetadata::EMPTY; BATCHES_KEPT],
            kept: 0,
        }
    }

    /// Its last batches, oldest first; none at the start of an epoch.
    pub fn batches(&self) -> &[BatchMetadata] {
        &self.batches[..usize::from(self.kept)]
    }

    /// Its last batch.
    pub fn last_batch(&self) -> Option<&BatchMetadata> {
        self.batches().last()
    }

    /// The last sequence it used in this epoch; -1 if none.
    pub fn last_sequence(&self) -> i32 {
        self.last_batch().map_or(sequence::NONE, |batch| batch.last_sequence)
    }

    /// The remembered batch that `batch` repeats: same epoch, same first and last sequence.
    pub fn duplicate_of(&self, batch: &ProducerBatch) -> Option<&BatchMetadata> {
        if batch.epoch != self.epoch {
            return None;
        }
        self.batches()
            .iter()
            .find(|kept| kept.first_sequence() == batch.base_sequence && kept.last_sequence == batch.last_sequence)
    }

    /// Whether its transaction of this epoch is open; in a later epoch it may have ended.
    pub fn is_in_transaction(&self, epoch: ProducerEpoch) -> bool {
        self.epoch == epoch && self.current_txn_first_offset.is_some()
    }

    /// Remembers `batch`, sent in `epoch`, and forgets the oldest of more than five.
    pub(super) fn push(&mut self, epoch: ProducerEpoch, batch: BatchMetadata) {
        self.enter_epoch(epoch);
        if usize::from(self.kept) == BATCHES_KEPT {
            self.batches.rotate_left(1);
            self.kept -= 1;
        }
        self.batches[usize::from(self.kept)] = batch;
        self.kept += 1;
        self.last_timestamp = batch.timestamp;
    }

    /// Remembers `older` batches, oldest first, before those that are known: as many of the last as there is room for.
    pub(super) fn recall(&mut self, older: &[BatchMetadata]) {
        let known = usize::from(self.kept);
        let recalled = &older[older.len().saturating_sub(BATCHES_KEPT - known)..];
        self.batches.copy_within(..known, recalled.len());
        self.batches[..recalled.len()].copy_from_slice(recalled);
        self.kept = u8::try_from(known + recalled.len()).expect("at most five");
    }

    /// Takes over `epoch`; the batches of another epoch are forgotten, since sequences start anew.
    pub(super) fn enter_epoch(&mut self, epoch: ProducerEpoch) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.kept = 0;
        }
    }
}

impl Default for ProducerEntry {
    fn default() -> Self {
        Self::new()
    }
}
