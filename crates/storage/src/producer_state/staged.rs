//! An append's effect on the producers, worked out before the bytes are written and applied after.

use super::batch::{BatchKind, MarkerEpochRule, ProducerBatch, TxnResult};
use super::entry::{BatchMetadata, ProducerEntry};
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

/// Why a batch may not be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// The batch does not continue the producer's sequence.
    #[error("out of order sequence for producer {producer_id}: {sequence} came after {last_sequence} in epoch {epoch}")]
    OutOfOrderSequence {
        /// The producer.
        producer_id: ProducerId,
        /// The batch's epoch.
        epoch: ProducerEpoch,
        /// The batch's first sequence.
        sequence: i32,
        /// The last sequence of the epoch; -1 if it has none.
        last_sequence: i32,
    },
    /// The epoch is older than the producer's, or a marker's is not newer although it must be.
    #[error("epoch {epoch} of producer {producer_id} is invalid: the current epoch is {current}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// The batch's epoch.
        epoch: ProducerEpoch,
        /// The producer's epoch.
        current: ProducerEpoch,
    },
    /// The marker comes from a coordinator that has been replaced.
    #[error("marker of producer {producer_id} is from coordinator epoch {epoch}: the current one is {current}")]
    CoordinatorFenced {
        /// The producer.
        producer_id: ProducerId,
        /// The marker's coordinator epoch.
        epoch: i32,
        /// The latest coordinator epoch seen.
        current: i32,
    },
    /// A batch outside a transaction while the producer's transaction is open.
    #[error("producer {producer_id} sent a batch outside its transaction, which is open since offset {first_offset}")]
    TransactionOpen {
        /// The producer.
        producer_id: ProducerId,
        /// The first offset of the open transaction.
        first_offset: Offset,
    },
    /// The first batch of a transaction that the coordinator was not asked about, or that has ended since.
    #[error("the record of producer {producer_id} was not part of an ongoing transaction")]
    NotVerified {
        /// The producer.
        producer_id: ProducerId,
    },
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
        let kept = BatchMetadata {
            last_sequence: batch.last_sequence,
            last_offset: batch.last_offset,
            offset_delta: i32::try_from(batch.last_offset.since(batch.base_offset)).unwrap_or(i32::MAX),
            timestamp: batch.max_timestamp,
        };
        entry.push(batch.epoch, kept);
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
