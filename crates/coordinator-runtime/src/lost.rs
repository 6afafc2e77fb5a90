//! Why what a shard decided did not become durable.

/// Why records were not written, or will not be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Too few replicas, or they took too long: clients are told COORDINATOR_NOT_AVAILABLE.
    #[error("the replicas did not take the records in time")]
    Replicas,
    /// This broker does not lead the partition any more, or its disk failed: NOT_COORDINATOR.
    #[error("the partition is not led here any more")]
    NotLeader,
    /// The records do not fit a batch: UNKNOWN_SERVER_ERROR.
    #[error("the records do not fit a batch")]
    TooLarge,
    /// They belong to a transaction of a producer that has been replaced: INVALID_PRODUCER_EPOCH.
    #[error("their producer has been replaced")]
    ProducerFenced,
    /// They belong to a transaction that has ended meanwhile: INVALID_TXN_STATE.
    #[error("their transaction is not under way any more")]
    NotInTransaction,
}
