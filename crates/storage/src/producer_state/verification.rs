//! Verifying with the transaction coordinator before a transaction's first batch (KIP-890).
//!
//! A guard is handed out when the coordinator is asked, and the batch must present it: whatever ended the transaction
//! meanwhile has taken the guard away, so a batch that comes late cannot open it again.

use super::ProducerStateManager;
use super::batch::ProducerBatch;
use super::refusal::ProducerError;
use base::{ProducerEpoch, ProducerId, Timestamp};

/// Stands for one question to the transaction coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(u64);

/// Where the sequence of a producer that the log does not know may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstSequence {
    /// Anywhere: what came before may have been deleted.
    Any,
    /// At 0: a producer of transaction.version 2 has a new epoch for each transaction.
    Zero,
}

/// What was found out before a batch of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// The first batch of a transaction has to present a guard, and this one has none.
    #[default]
    Missing,
    /// The coordinator knows of the transaction.
    Verified(VerificationGuard),
    /// `transaction.partition.verification.enable` is off: nobody was asked.
    Off,
}

/// A transaction that the coordinator was asked about, and of which no batch has come yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    guard: VerificationGuard,
    since: Timestamp,
    epoch: ProducerEpoch,
    /// The lowest sequence that was asked for: no later batch may go before it.
    lowest_sequence: i32,
    first: FirstSequence,
}

impl Pending {
    /// Holds a batch's sequence against the ones that were asked for.
    pub(super) fn check(&self, batch: &ProducerBatch, known: bool) -> Result<(), ProducerError> {
        let must_be_zero = self.first == FirstSequence::Zero && !known;
        if (must_be_zero && batch.base_sequence != 0) || batch.base_sequence > self.lowest_sequence {
            return Err(ProducerError::OutOfOrderSequence {
                producer_id: batch.producer_id,
                epoch: batch.epoch,
                sequence: batch.base_sequence,
                last_sequence: if must_be_zero { -1 } else { self.lowest_sequence },
            });
        }
        Ok(())
    }

    pub(super) fn is_verified_by(&self, verification: Verification) -> bool {
        verification == Verification::Verified(self.guard)
    }

    pub(super) fn since(&self) -> Timestamp {
        self.since
    }
}

impl ProducerStateManager {
    /// Whether a batch may still present this guard: nothing has ended the transaction meanwhile.
    pub fn is_verifying(&self, producer_id: ProducerId, guard: VerificationGuard) -> bool {
        let pending = self.known().verifications.get(&producer_id);
        pending.is_some_and(|pending| pending.guard == guard)
    }

    /// Begins to verify a transactional batch: the guard to append it with, or none if the transaction is open here.
    pub fn start_verification(
        &mut self,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        sequence: i32,
        first: FirstSequence,
        now: Timestamp,
    ) -> Result<Option<VerificationGuard>, ProducerError> {
        if let Some(entry) = self.get(producer_id) {
            let current = entry.epoch;
            if epoch < current {
                return Err(ProducerError::InvalidProducerEpoch {
                    producer_id,
                    epoch,
                    current,
                });
            }
            if entry.is_in_transaction(epoch) {
                return Ok(None);
            }
        }
        let next = self.next_guard + 1;
        let pending = self
            .known_mut()
            .verifications
            .entry(producer_id)
            .or_insert_with(|| Pending {
                guard: VerificationGuard(next),
                since: now,
                epoch,
                lowest_sequence: sequence,
                first,
            });
        if epoch > pending.epoch {
            pending.epoch = epoch;
            pending.lowest_sequence = sequence;
        } else if epoch == pending.epoch {
            pending.lowest_sequence = pending.lowest_sequence.min(sequence);
        }
        let guard = pending.guard;
        self.next_guard = self.next_guard.max(guard.0);
        Ok(Some(guard))
    }
}
