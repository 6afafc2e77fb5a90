//! AddOffsetsToTxn (key 25): the offsets of a group take part in a transaction: its partition of `__consumer_offsets` does
//! (KIP-98).
//!
//! Errors: INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED (INVALID_PRODUCER_EPOCH before version 2),
//! CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE. Quirk: the topic need
//! not exist yet.

use super::fenced_before;
use crate::Broker;
use crate::coordinators::transactions::take_part::{TakePart, Wish, decide};
use crate::coordinators::{OFFSETS_TOPIC, ask};
use base::{ProducerEpoch, ProducerId, TopicPartition};
use coordinator_runtime::partition_for;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use protocol::messages::add_offsets_to_txn_response::AddOffsetsToTxnResponse;
use std::sync::Arc;
use transaction_coordinator::{Producer, TransactionVersion};

/// The first version whose clients know PRODUCER_FENCED.
const FENCED_FROM: i16 = 2;

/// Adds the group's partition.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let partition = ask::partition_of(broker, &request.group_id).unwrap_or_else(|| {
        let count = broker.config.load().internal_topics.offsets_topic_num_partitions;
        partition_for(&request.group_id, count)
    });
    let add = TakePart {
        id: request.transactional_id.into(),
        producer: Producer {
            id: ProducerId(request.producer_id),
            epoch: ProducerEpoch(request.producer_epoch),
        },
        wish: Wish::Add(TransactionVersion::V0),
        partitions: vec![TopicPartition::new(Arc::from(OFFSETS_TOPIC), partition)],
    };
    let decided = decide(broker, add).await;
    let error = decided.first().map_or(ErrorCode::UnknownServerError, |(_, error)| *error);
    AddOffsetsToTxnResponse {
        error_code: fenced_before(FENCED_FROM, context, error).code(),
        ..Default::default()
    }
}
