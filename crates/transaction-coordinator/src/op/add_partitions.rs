//! AddPartitionsToTxn (24) and AddOffsetsToTxn (25): partitions take part in a transaction.
//! Errors: INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, CONCURRENT_TRANSACTIONS, PRODUCER_FENCED (INVALID_PRODUCER_EPOCH
//! before version 2). KIP-98, KIP-890.

use super::{answer, refuse};
use crate::completion::{Answer, Outcome};
use crate::coordinator::TransactionCoordinator;
use crate::state::TransactionState;
use crate::status::TransactionStatus;
use crate::transaction::{Producer, Transaction};
use crate::version::TransactionVersion;
use base::TopicPartition;
use coordinator_runtime::{Moment, Token};
use protocol::ErrorCode;
use std::sync::Arc;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitions {
    /// The transactional id.
    pub id: Arc<str>,
    /// Who asks.
    pub producer: Producer,
    /// All of one transaction; for AddOffsetsToTxn the group's partition of `__consumer_offsets`.
    pub partitions: Vec<TopicPartition>,
    /// What the request stands for: [`TransactionVersion::V2`] where a broker asks for its client.
    pub client: TransactionVersion,
}

/// Adds the partitions, and begins a transaction if none is under way. The answer is for all of them.
pub fn add_partitions(
    coordinator: &mut TransactionCoordinator,
    state: &TransactionState,
    moment: Moment,
    request: &AddPartitions,
    token: Token,
) -> Outcome {
    match decide(coordinator, state, request) {
        Err(error) => refuse(token, error),
        Ok(known) => {
            let is_known = |partition| known.partitions.contains(partition);
            if known.status == TransactionStatus::Ongoing && request.partitions.iter().all(is_known) {
                return answer(token, Answer::Added);
            }
            let next = known.with_partitions(&request.partitions, request.client, moment.wall);
            coordinator.change(&request.id, known.producer(), next, token, Answer::Added)
        }
    }
}

fn decide<'a>(
    coordinator: &TransactionCoordinator,
    state: &'a TransactionState,
    request: &AddPartitions,
) -> Result<&'a Arc<Transaction>, ErrorCode> {
    if request.id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    let known = state
        .transaction(&request.id)
        .ok_or(ErrorCode::InvalidProducerIdMapping)?;
    if coordinator.pending.contains_key(&request.id) {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    if known.producer_id != request.producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if known.producer_epoch != request.producer.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    if known.status.is_prepared() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    Ok(known)
}
