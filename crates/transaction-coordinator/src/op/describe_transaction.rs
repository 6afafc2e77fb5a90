//! DescribeTransactions (65): how far a transaction is, as far as that is committed.
//! Errors: INVALID_REQUEST, TRANSACTIONAL_ID_NOT_FOUND. KIP-664.

use crate::coordinator::TransactionCoordinator;
use crate::state::TransactionState as Committed;
use base::TopicPartition;
use protocol::ErrorCode;
use protocol::messages::describe_transactions_response::{TopicData, TransactionState};

/// Describes one transactional id. Partitions whose markers are written take part no more.
pub fn describe_transaction(coordinator: &TransactionCoordinator, committed: &Committed, id: &str) -> TransactionState {
    let described = TransactionState {
        transactional_id: id.to_owned(),
        ..Default::default()
    };
    if id.is_empty() {
        return TransactionState {
            error_code: ErrorCode::InvalidRequest.code(),
            ..described
        };
    }
    let Some(known) = committed.transaction(id) else {
        return TransactionState {
            error_code: ErrorCode::TransactionalIdNotFound.code(),
            ..described
        };
    };
    let remaining = coordinator.remaining(id).filter(|_| known.status.is_prepared());
    let topics = match remaining {
        Some(remaining) => by_topic(remaining),
        None => by_topic(&known.partitions),
    };
    TransactionState {
        transaction_state: known.status.name().to_owned(),
        transaction_timeout_ms: known.timeout_ms,
        transaction_start_time_ms: known.started.0,
        producer_id: known.producer_id.0,
        producer_epoch: known.producer_epoch.0,
        topics,
        ..described
    }
}

fn by_topic<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Vec<TopicData> {
    let mut topics: Vec<TopicData> = Vec::new();
    for TopicPartition { topic, partition } in partitions {
        match topics.last_mut() {
            Some(last) if *last.topic == **topic => last.partitions.push(*partition),
            _ => topics.push(TopicData {
                topic: topic.to_string(),
                partitions: vec![*partition],
            }),
        }
    }
    topics
}
