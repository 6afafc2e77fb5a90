//! Why a batch of a producer is not taken.

use base::{Offset, ProducerEpoch, ProducerId};

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
