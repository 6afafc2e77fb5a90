//! What the producer state needs to know of a batch, and where the batch came from.

use base::{Offset, ProducerEpoch, ProducerId, Timestamp};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnResult {
    /// Its records count.
    Commit,
    /// Its records are to be skipped.
    Abort,
}

/// Which epochs a transaction marker may carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MarkerEpochRule {
    /// The producer's current epoch or a later one: transaction.version 0 and 1, and whatever is read from a log.
    #[default]
    AtLeastCurrent,
    /// A later epoch, since every transaction of transaction.version 2 ends with a bump (KIP-890); the current epoch
    /// only if no transaction is open, which is a marker sent again.
    AboveCurrent,
}

/// What a batch means to its producer's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// Records outside a transaction.
    Plain,
    /// Records within a transaction.
    Transactional,
    /// The end of a transaction.
    Marker {
        /// How it ended.
        result: TxnResult,
        /// The epoch of the coordinator that wrote the marker.
        coordinator_epoch: i32,
        /// Which epochs the marker may carry.
        rule: MarkerEpochRule,
    },
}

/// The facts of one batch of an idempotent or transactional producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// The producer; [`ProducerId::NONE`] for a batch without one, which changes nothing.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The sequence of the first record; -1 in markers.
    pub base_sequence: i32,
    /// The sequence of the last record; -1 in markers.
    pub last_sequence: i32,
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The offset of the last record.
    pub last_offset: Offset,
    /// The largest timestamp in the batch.
    pub max_timestamp: Timestamp,
    /// Data or marker.
    pub kind: BatchKind,
}
