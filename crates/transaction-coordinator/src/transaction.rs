//! What is known of one transactional id.

use crate::status::TransactionStatus;
use crate::version::TransactionVersion;
use base::{ProducerEpoch, ProducerId, Timestamp, TopicPartition};
use imbl::OrdSet;

/// A timeout that stands for none: the transaction waits for its two-phase commit (KIP-939).
pub const NO_TIMEOUT_MS: i32 = i32::MAX;

/// A producer as it was at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

impl Producer {
    /// No producer, as refusals have it.
    pub const NONE: Self = Self {
        id: ProducerId::NONE,
        epoch: ProducerEpoch::NONE,
    };
}

/// What a record says of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's id before this record; another one only in the record that changed it.
    pub previous_producer_id: ProducerId,
    /// The id that the producer gets when the transaction is complete, if its epochs are used up.
    pub next_producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: ProducerEpoch,
    /// The producer's epoch before the last bump that its client asked for, by which a repeated InitProducerId is
    /// recognised (KIP-360). Not in the log: none after a change of coordinators.
    pub last_producer_epoch: ProducerEpoch,
    /// How long a transaction may take.
    pub timeout_ms: i32,
    /// How far it is.
    pub status: TransactionStatus,
    /// The partitions that take part.
    pub partitions: OrdSet<TopicPartition>,
    /// When it began; none while none is.
    pub started: Timestamp,
    /// When the record was written.
    pub updated: Timestamp,
    /// The version by which its client last worked.
    pub client_version: TransactionVersion,
}

impl Transaction {
    /// The producer.
    pub fn producer(&self) -> Producer {
        Producer {
            id: self.producer_id,
            epoch: self.producer_epoch,
        }
    }

    /// Whether the producer's epochs are used up: the last is kept for fencing.
    pub fn is_epoch_exhausted(&self) -> bool {
        is_exhausted(self.producer_epoch)
    }
}

/// Whether no producer gets an epoch after this one.
pub(crate) fn is_exhausted(epoch: ProducerEpoch) -> bool {
    epoch.0 >= i16::MAX - 1
}
