//! AddPartitionsToTxn (key 24): partitions take part in a transaction (KIP-98).
//!
//! Up to version 3 from the client. From version 4 on from brokers, for many transactions at once, to add the partitions of
//! records that they were sent or to verify that the client has added them (KIP-890). Errors, per partition:
//! UNKNOWN_TOPIC_OR_PARTITION (then OPERATION_NOT_ATTEMPTED for the others), INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING,
//! PRODUCER_FENCED (INVALID_PRODUCER_EPOCH before version 2), CONCURRENT_TRANSACTIONS, TRANSACTION_ABORTABLE (verified, and
//! not in the transaction), COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE.

use super::fenced_before;
use crate::Broker;
use crate::coordinators::transactions::take_part::{TakePart, Wish, take_part};
use base::{ProducerEpoch, ProducerId, TopicPartition};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
};
use std::sync::Arc;
use transaction_coordinator::{Producer, TransactionVersion};

/// The first version whose clients know PRODUCER_FENCED.
const FENCED_FROM: i16 = 2;
/// The first version that comes from brokers.
const BROKERS_FROM: i16 = 4;

/// Asks the coordinator of each transaction.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if context.api_version < BROKERS_FROM {
        let producer = (request.v3_and_below_producer_id, request.v3_and_below_producer_epoch);
        let id = request.v3_and_below_transactional_id;
        let wish = Wish::Add(TransactionVersion::V0);
        let results = one(broker, context, id, producer, wish, request.v3_and_below_topics).await;
        return AddPartitionsToTxnResponse { results_by_topic_v3_and_below: results, ..Default::default() };
    }
    let mut results = Vec::with_capacity(request.transactions.len());
    for transaction in request.transactions {
        let wish = if transaction.verify_only { Wish::Verify } else { Wish::Add(TransactionVersion::V2) };
        let producer = (transaction.producer_id, transaction.producer_epoch);
        let transactional_id = transaction.transactional_id.clone();
        let id = transaction.transactional_id;
        let topic_results = one(broker, context, id, producer, wish, transaction.topics).await;
        results.push(AddPartitionsToTxnResult { transactional_id, topic_results });
    }
    AddPartitionsToTxnResponse { results_by_transaction: results, ..Default::default() }
}

async fn one(
    broker: &Broker,
    context: &RequestContext,
    id: String,
    (producer, epoch): (i64, i16),
    wish: Wish,
    topics: Vec<AddPartitionsToTxnTopic>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let partitions = topics.into_iter().flat_map(|topic| {
        let name: Arc<str> = topic.name.into();
        topic.partitions.into_iter().map(move |partition| TopicPartition::new(Arc::clone(&name), partition))
    });
    let request = TakePart {
        id: id.into(),
        producer: Producer { id: ProducerId(producer), epoch: ProducerEpoch(epoch) },
        wish,
        partitions: partitions.collect(),
    };
    let mut results: Vec<AddPartitionsToTxnTopicResult> = Vec::new();
    let taken = take_part(broker, request).await;
    // Topics without partitions are answered, too, unless the coordinator was never asked.
    let attempted = taken.iter().all(|(_, error)| *error != ErrorCode::OperationNotAttempted);
    for (partition, error) in taken {
        let error: ErrorCode = fenced_before(FENCED_FROM, context, error);
        let result = AddPartitionsToTxnPartitionResult {
            partition_index: partition.partition,
            partition_error_code: error.code(),
        };
        match results.iter_mut().find(|topic| *topic.name == *partition.topic) {
            Some(topic) => topic.results_by_partition.push(result),
            None => results.push(AddPartitionsToTxnTopicResult {
                name: partition.topic.to_string(),
                results_by_partition: vec![result],
            }),
        }
    }
    for name in names {
        if attempted && !results.iter().any(|topic| topic.name == name) {
            results.push(AddPartitionsToTxnTopicResult { name, ..Default::default() });
        }
    }
    results
}
