//! An append's effect on the producers, worked out before the bytes are written and applied after.

use super::batch::{BatchKind, MarkerEpochRule, ProducerBatch, TxnResult};
use super::entry::{BatchMetadata, ProducerEntry};
use super::refusal::ProducerError;
use super::sequence;
use super::verification::{Pending, Verification};
use crate::origin::Origin;
use base::{Offset, ProducerEpoch, ProducerId};

/// A transaction whose marker has been appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedTxn {
    /// Its producer.
    pub producer_id: ProducerId,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of its marker.
    pub last_offset: Offset,
    /// How it ended.
    pub result: TxnResult,
}

/// The producers that an append touches, as they will be, and the transactions it starts and ends.
///
/// An append may hold several batches of one producer, so later batches are judged by what earlier ones staged.
#[derive(Debug)]
pub struct Staged {
    origin: Origin,
    verification: Verification,
    /// Who wrote within a transaction, or ended one.
    transactional: Vec<ProducerId>,
    pub(super) producers: Vec<(ProducerId, ProducerEntry)>,
    pub(super) started: Vec<(Offset, ProducerId)>,
    pub(super) completed: Vec<CompletedTxn>,
    /// Violations that a follower takes as they come.
    pub(super) tolerated: u64,
}

impl Staged {
    /// Nothing yet, for an append from `origin`.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            verification: Verification::Missing,
            transactional: Vec::new(),
            producers: Vec::new(),
            started: Vec::new(),
            completed: Vec::new(),
            tolerated: 0,
        }
    }

    /// The same, with what was found out about the transaction.
    #[must_use]
    pub fn verified(self, verification: Verification) -> Self {
        Self { verification, ..self }
    }

    /// Whether the producer wrote within a transaction, or ended one.
    pub(super) fn is_transactional(&self, producer_id: ProducerId) -> bool {
        self.transactional.contains(&producer_id)
    }

    /// Where the append comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Stages `batch` on top of `current`, the producer's applied state if it has one.
    pub(super) fn add(
        &mut self,
        current: Option<&ProducerEntry>,
        pending: Option<&Pending>,
        batch: &ProducerBatch,
    ) -> Result<(), ProducerError> {
        if batch.kind != BatchKind::Plain && !self.is_transactional(batch.producer_id) {
            self.transactional.push(batch.producer_id);
        }
        let at = match self.producers.iter().position(|(id, _)| *id == batch.producer_id) {
            Some(at) => at,
            None => {
                self.producers
                    .push((batch.producer_id, current.cloned().unwrap_or_default()));
                self.producers.len() - 1
            }
        };
        match batch.kind {
            BatchKind::Plain | BatchKind::Transactional => self.add_data(at, pending, batch),
            BatchKind::Marker {
                result,
                coordinator_epoch,
                rule,
            } => self.add_marker(at, batch, result, coordinator_epoch, rule),
        }
    }

    fn add_data(&mut self, at: usize, pending: Option<&Pending>, batch: &ProducerBatch) -> Result<(), ProducerError> {
        let entry = &self.producers[at].1;
        let mut verdict = check_data_epoch(entry, batch).and_then(|()| self.check_verified(entry, pending, batch));
        if self.origin == Origin::Client {
            let is_known = !entry.batches().is_empty();
            verdict = verdict
                .and_then(|()| pending.map_or(Ok(()), |pending| pending.check(batch, is_known)))
                .and_then(|()| check_sequence(entry, batch));
        }
        self.enforce(verdict)?;
        let entry = &mut self.producers[at].1;
        let transactional = batch.kind == BatchKind::Transactional;
        match entry.current_txn_first_offset {
            // Not tolerated on a follower either: a leader never appends such a batch.
            Some(first_offset) if !transactional => {
                let producer_id = batch.producer_id;
                return Err(ProducerError::TransactionOpen {
                    producer_id,
                    first_offset,
                });
            }
            None if transactional => {
                entry.current_txn_first_offset = Some(batch.base_offset);
                self.started.push((batch.base_offset, batch.producer_id));
            }
            Some(_) | None => {}
        }
        entry.push(batch.epoch, BatchMetadata::of(batch));
        Ok(())
    }

    /// A transaction's first batch must have been verified.
    fn check_verified(
        &self,
        entry: &ProducerEntry,
        pending: Option<&Pending>,
        batch: &ProducerBatch,
    ) -> Result<(), ProducerError> {
        let is_held = matches!(self.origin, Origin::Client | Origin::Coordinator);
        let is_first = batch.kind == BatchKind::Transactional && !entry.is_in_transaction(batch.epoch);
        let is_verified = match self.verification {
            Verification::Off => true,
            verification => pending.is_some_and(|pending| pending.is_verified_by(verification)),
        };
        if is_held && is_first && !is_verified {
            let producer_id = batch.producer_id;
            return Err(ProducerError::NotVerified { producer_id });
        }
        Ok(())
    }

    fn add_marker(
        &mut self,
        at: usize,
        batch: &ProducerBatch,
        result: TxnResult,
        coordinator_epoch: i32,
        rule: MarkerEpochRule,
    ) -> Result<(), ProducerError> {
        let entry = &self.producers[at].1;
        let verdict = check_marker_epoch(entry, batch, rule)
            .and_then(|()| check_coordinator_epoch(entry, batch.producer_id, coordinator_epoch));
        self.enforce(verdict)?;
        let entry = &mut self.producers[at].1;
        // A marker without data moves neither the last stable offset nor the transaction index.
        if let Some(first_offset) = entry.current_txn_first_offset.take() {
            self.completed.push(CompletedTxn {
                producer_id: batch.producer_id,
                first_offset,
                last_offset: batch.last_offset,
                result,
            });
        }
        entry.enter_epoch(batch.epoch);
        entry.coordinator_epoch = coordinator_epoch;
        entry.last_timestamp = batch.max_timestamp;
        Ok(())
    }

    /// What the leader accepted binds its followers: on replication a violation is counted, not refused.
    fn enforce(&mut self, verdict: Result<(), ProducerError>) -> Result<(), ProducerError> {
        match (verdict, self.origin) {
            (Ok(()), _) => Ok(()),
            (Err(_), Origin::Replication) => {
                self.tolerated += 1;
                Ok(())
            }
            (Err(error), Origin::Client | Origin::Coordinator | Origin::RaftLeader) => Err(error),
        }
    }
}

fn check_data_epoch(entry: &ProducerEntry, batch: &ProducerBatch) -> Result<(), ProducerError> {
    if batch.epoch < entry.epoch {
        return Err(invalid_epoch(entry, batch));
    }
    Ok(())
}

fn check_marker_epoch(
    entry: &ProducerEntry,
    batch: &ProducerBatch,
    rule: MarkerEpochRule,
) -> Result<(), ProducerError> {
    let valid = match rule {
        MarkerEpochRule::AtLeastCurrent => batch.epoch >= entry.epoch,
        MarkerEpochRule::AboveCurrent => {
            batch.epoch > entry.epoch || (batch.epoch == entry.epoch && entry.current_txn_first_offset.is_none())
        }
    };
    if valid {
        Ok(())
    } else {
        Err(invalid_epoch(entry, batch))
    }
}

fn check_coordinator_epoch(entry: &ProducerEntry, producer_id: ProducerId, epoch: i32) -> Result<(), ProducerError> {
    let current = entry.coordinator_epoch;
    if epoch < current {
        return Err(ProducerError::CoordinatorFenced {
            producer_id,
            epoch,
            current,
        });
    }
    Ok(())
}

/// A new epoch starts at 0, an epoch goes on where it was; a producer never seen, or forgotten, may start anywhere.
fn check_sequence(entry: &ProducerEntry, batch: &ProducerBatch) -> Result<(), ProducerError> {
    let new_epoch = batch.epoch != entry.epoch;
    let last_sequence = if new_epoch {
        sequence::NONE
    } else {
        entry.last_sequence()
    };
    let in_order = entry.epoch == ProducerEpoch::NONE
        || if new_epoch {
            batch.base_sequence == 0
        } else {
            sequence::follows(last_sequence, batch.base_sequence)
        };
    if in_order {
        return Ok(());
    }
    Err(ProducerError::OutOfOrderSequence {
        producer_id: batch.producer_id,
        epoch: batch.epoch,
        sequence: batch.base_sequence,
        last_sequence,
    })
}

fn invalid_epoch(entry: &ProducerEntry, batch: &ProducerBatch) -> ProducerError {
    ProducerError::InvalidProducerEpoch {
        producer_id: batch.producer_id,
        epoch: batch.epoch,
        current: entry.epoch,
    }
}
