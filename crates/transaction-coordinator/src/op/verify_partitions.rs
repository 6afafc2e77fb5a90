//! AddPartitionsToTxn (24) that only verifies: the leader of a partition asks whether it takes part, before it takes a
//! transaction's first records (KIP-890).
//! Errors: INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, for all partitions; per
//! partition TRANSACTION_ABORTABLE (INVALID_TXN_STATE before version 5).

use crate::state::TransactionState;
use crate::transaction::Producer;
use base::TopicPartition;
use protocol::ErrorCode;

/// Whether each partition takes part, as far as that is committed.
///
/// # Errors
/// The one error of all partitions.
pub fn verify_partitions(
    committed: &TransactionState,
    id: &str,
    producer: Producer,
    partitions: &[TopicPartition],
) -> Result<Vec<(TopicPartition, ErrorCode)>, ErrorCode> {
    if id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    let known = committed.transaction(id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
    if known.producer_id != producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if known.producer_epoch != producer.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    if known.status.is_prepared() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let verify = |partition: &TopicPartition| {
        let error = if known.partitions.contains(partition) {
            ErrorCode::None
        } else {
            ErrorCode::TransactionAbortable
        };
        (partition.clone(), error)
    };
    Ok(partitions.iter().map(verify).collect())
}
