//! What a transactional id becomes: every record that is ever written of one is made here.

use crate::markers::TransactionEnd;
use crate::status::TransactionStatus;
use crate::transaction::{Producer, Transaction};
use crate::version::TransactionVersion;
use base::{ProducerEpoch, ProducerId, Timestamp, TopicPartition};
use imbl::OrdSet;
use protocol::ErrorCode;

impl Transaction {
    /// What an id is before its first record: a producer without an epoch.
    pub(crate) fn unborn(producer_id: ProducerId, timeout_ms: i32, now: Timestamp) -> Self {
        Self {
            producer_id,
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            last_producer_epoch: ProducerEpoch::NONE,
            timeout_ms,
            status: TransactionStatus::Empty,
            partitions: OrdSet::new(),
            started: Timestamp::NONE,
            updated: now,
            client_version: TransactionVersion::V0,
        }
    }

    fn next(&self, status: TransactionStatus, now: Timestamp) -> Self {
        Self {
            previous_producer_id: self.producer_id,
            status,
            updated: now,
            ..self.clone()
        }
    }

    fn emptied(&self, timeout_ms: i32, now: Timestamp) -> Self {
        Self {
            timeout_ms,
            partitions: OrdSet::new(),
            started: Timestamp::NONE,
            ..self.next(TransactionStatus::Empty, now)
        }
    }

    /// A producer that begins, or begins again: with the next epoch, unless it repeats a request whose answer it did not
    /// get (KIP-360).
    pub(crate) fn initialized(
        &self,
        timeout_ms: i32,
        expected: Option<ProducerEpoch>,
        now: Timestamp,
    ) -> Result<Self, ErrorCode> {
        if self.is_epoch_exhausted() {
            // Kafka's answer too: only a producer that was fenced before the last epoch comes here.
            return Err(ErrorCode::UnknownServerError);
        }
        let bumped = ProducerEpoch(self.producer_epoch.0 + 1);
        let (epoch, last) = match expected {
            None => (bumped, ProducerEpoch::NONE),
            Some(expected) if self.producer_epoch == ProducerEpoch::NONE || expected == self.producer_epoch => {
                (bumped, self.producer_epoch)
            }
            Some(expected) if expected == self.last_producer_epoch => (self.producer_epoch, self.last_producer_epoch),
            Some(_) => return Err(ErrorCode::ProducerFenced),
        };
        Ok(Self {
            producer_epoch: epoch,
            last_producer_epoch: last,
            ..self.emptied(timeout_ms, now)
        })
    }

    /// A producer whose epochs are used up goes on under a new id.
    pub(crate) fn rotated(
        &self,
        fresh: ProducerId,
        timeout_ms: i32,
        expected: Option<ProducerEpoch>,
        now: Timestamp,
    ) -> Self {
        Self {
            producer_id: fresh,
            producer_epoch: ProducerEpoch(0),
            last_producer_epoch: expected.map_or(ProducerEpoch::NONE, |_| self.producer_epoch),
            ..self.emptied(timeout_ms, now)
        }
    }

    /// Partitions take part, in a new transaction if none is under way.
    pub(crate) fn with_partitions(
        &self,
        partitions: &[TopicPartition],
        client: TransactionVersion,
        now: Timestamp,
    ) -> Self {
        let mut next = self.next(TransactionStatus::Ongoing, now);
        if self.status.is_idle() {
            next.started = now;
        }
        next.partitions.extend(partitions.iter().cloned());
        next.client_version = client;
        next
    }

    /// Its end is decided, by a client of a version that keeps its epoch.
    pub(crate) fn prepared(&self, end: TransactionEnd, now: Timestamp) -> Self {
        Self {
            next_producer_id: ProducerId::NONE,
            client_version: TransactionVersion::V0,
            ..self.next(prepared_status(end), now)
        }
    }

    /// Its end is decided, and its producer's epoch bumped. `fresh` is the producer id to go on with if the epochs are used
    /// up. A transaction that has no partition yet begins with its end.
    pub(crate) fn prepared_and_bumped(
        &self,
        end: TransactionEnd,
        client: TransactionVersion,
        fresh: Option<ProducerId>,
        now: Timestamp,
    ) -> Self {
        let started = if self.status.is_idle() { now } else { self.started };
        Self {
            // The last epoch of all stays: it can only be aborted.
            producer_epoch: ProducerEpoch(self.producer_epoch.0.saturating_add(1)),
            last_producer_epoch: self.producer_epoch,
            next_producer_id: fresh.unwrap_or(ProducerId::NONE),
            started,
            client_version: client,
            ..self.next(prepared_status(end), now)
        }
    }

    /// A producer is fenced and its transaction aborted, in a cluster where epochs stay: the epoch is bumped for it.
    pub(crate) fn fenced(&self, now: Timestamp) -> Self {
        Self {
            producer_epoch: ProducerEpoch(self.producer_epoch.0.saturating_add(1)),
            last_producer_epoch: ProducerEpoch::NONE,
            ..self.prepared(TransactionEnd::Abort, now)
        }
    }

    /// All markers are written.
    pub(crate) fn completed(&self, now: Timestamp) -> Self {
        let status = match self.status {
            TransactionStatus::PrepareCommit => TransactionStatus::CompleteCommit,
            _ => TransactionStatus::CompleteAbort,
        };
        let producer = self.producer_when_complete();
        Self {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            next_producer_id: ProducerId::NONE,
            partitions: OrdSet::new(),
            ..self.next(status, now)
        }
    }

    /// The producer that goes on once all markers are written.
    pub(crate) fn producer_when_complete(&self) -> Producer {
        if self.client_version.bumps_epoch() && self.next_producer_id != ProducerId::NONE {
            return Producer {
                id: self.next_producer_id,
                epoch: ProducerEpoch(0),
            };
        }
        self.producer()
    }
}

fn prepared_status(end: TransactionEnd) -> TransactionStatus {
    match end {
        TransactionEnd::Commit => TransactionStatus::PrepareCommit,
        TransactionEnd::Abort => TransactionStatus::PrepareAbort,
    }
}
