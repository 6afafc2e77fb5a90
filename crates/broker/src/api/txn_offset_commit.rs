//! TxnOffsetCommit (key 28): where a group reads on, once a transaction is committed (KIP-98).
//!
//! The group's partition of `__consumer_offsets` is verified with the transaction's coordinator as that of records is
//! (KIP-890): from version 5 the coordinator adds it, before that the client has (AddOffsetsToTxn). Errors, per partition:
//! UNKNOWN_TOPIC_OR_PARTITION, OFFSET_METADATA_TOO_LARGE, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID (members
//! are known from version 3, KIP-447), INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_ID_MAPPING, INVALID_TXN_STATE,
//! TRANSACTION_ABORTABLE (from version 4), CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS (COORDINATOR_NOT_AVAILABLE
//! before version 2, whose clients crash on it: KAFKA-7296), NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE.

use crate::Broker;
use crate::coordinators::OFFSETS_TOPIC;
use crate::coordinators::ask::{Patience, ask_as, partition_of};
use crate::coordinators::hosting::author::Author;
use crate::coordinators::transactions::verification::{Support, verify};
use base::{ProducerEpoch, ProducerId, TopicPartition};
use group_coordinator::Answer;
use group_coordinator::op::txn_offset_commit::{refused, txn_offset_commit};
use metadata::MetadataImage;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::txn_offset_commit_request::{TxnOffsetCommitRequest, TxnOffsetCommitRequestTopic};
use protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use std::sync::Arc;
use storage::Verification;
use storage::producer_state::ProducerError;
use transaction_coordinator::Producer;

/// The first version whose clients bear COORDINATOR_LOAD_IN_PROGRESS.
const LOADING_FROM: i16 = 2;
/// The first version whose clients know TRANSACTION_ABORTABLE.
const ABORTABLE_FROM: i16 = 4;
/// The first version that stands for transaction.version 2.
const ADDS_PARTITIONS_FROM: i16 = 5;
/// Batches of offsets bear no sequence that anybody looks at.
const NO_SEQUENCE: i32 = -1;

/// Commits for what exists, and answers for the rest.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    mut request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let image = Arc::clone(&broker.image.borrow().image);
    let mut absent = Vec::new();
    let topics = std::mem::take(&mut request.topics).into_iter();
    request.topics = topics.filter_map(|topic| sort(&image, topic, &mut absent)).collect();
    if request.topics.is_empty() {
        return TxnOffsetCommitResponse { topics: absent, ..Default::default() };
    }
    let asked = request.clone();
    let mut response = match commit(broker, support(context), request).await {
        Ok(response) => response,
        Err(error) => refused(&asked, error),
    };
    if context.api_version < LOADING_FROM {
        let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for partition in partitions.filter(|found| found.error_code == ErrorCode::CoordinatorLoadInProgress.code()) {
            partition.error_code = ErrorCode::CoordinatorNotAvailable.code();
        }
    }
    for topic in absent {
        match response.topics.iter_mut().find(|known| known.name == topic.name) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => response.topics.push(topic),
        }
    }
    response
}

fn support(context: &RequestContext) -> Support {
    match context.api_version {
        ADDS_PARTITIONS_FROM.. => Support::AddsPartitions,
        ABORTABLE_FROM.. => Support::Abortable,
        _ => Support::Early,
    }
}

/// What of a topic exists; the rest is answered.
fn sort(
    image: &MetadataImage,
    mut topic: TxnOffsetCommitRequestTopic,
    absent: &mut Vec<TxnOffsetCommitResponseTopic>,
) -> Option<TxnOffsetCommitRequestTopic> {
    let found = image.topics.get(&topic.name);
    let exists = |index: i32| found.is_some_and(|found| found.partition(index).is_some());
    let partitions = std::mem::take(&mut topic.partitions).into_iter();
    let (known, unknown): (Vec<_>, Vec<_>) = partitions.partition(|partition| exists(partition.partition_index));
    if !unknown.is_empty() {
        let partitions = unknown.iter().map(|partition| TxnOffsetCommitResponsePartition {
            partition_index: partition.partition_index,
            error_code: ErrorCode::UnknownTopicOrPartition.code(),
        });
        let (name, partitions) = (topic.name.clone(), partitions.collect());
        absent.push(TxnOffsetCommitResponseTopic { name, partitions, ..Default::default() });
    }
    topic.topic_id = found.map(|found| found.id).unwrap_or_default();
    topic.partitions = known;
    (!topic.partitions.is_empty()).then_some(topic)
}

async fn commit(
    broker: &Broker,
    support: Support,
    request: TxnOffsetCommitRequest,
) -> Result<TxnOffsetCommitResponse, ErrorCode> {
    // Kafka looks at the name before it asks the transaction's coordinator.
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let producer = Producer {
        id: ProducerId(request.producer_id),
        epoch: ProducerEpoch(request.producer_epoch),
    };
    let verified = verify_offsets(broker, support, producer, &request).await;
    let author = Author::Producer {
        id: producer.id,
        epoch: producer.epoch,
        verification: verified.map_err(translate)?,
    };
    let group = request.group_id.clone();
    let operate =
        |coordinator: &mut _, state: &_, moment, token| txn_offset_commit(coordinator, state, moment, request, token);
    match ask_as(broker, &group, Patience::ForCommit, author, operate).await? {
        Answer::TxnOffsetCommit(mut response) => {
            response.topics.iter_mut().for_each(|topic| topic.topic_id = base::Uuid::ZERO);
            Ok(response)
        }
        _ => Err(ErrorCode::UnknownServerError),
    }
}

/// Asks the transaction's coordinator about the group's partition.
async fn verify_offsets(
    broker: &Broker,
    support: Support,
    producer: Producer,
    request: &TxnOffsetCommitRequest,
) -> Result<Verification, ErrorCode> {
    let partition = partition_of(broker, &request.group_id).ok_or(ErrorCode::NotCoordinator)?;
    let hosted = broker.partitions.get(OFFSETS_TOPIC, partition).ok_or(ErrorCode::NotCoordinator)?;
    if !support.is_asked(broker) {
        return Ok(Verification::Off);
    }
    let guard = {
        let mut partition = hosted.lock();
        partition.leadership().map_err(|_| ErrorCode::NotCoordinator)?;
        let (now, first) = (broker.clock.wall(), support.first_sequence());
        let started = partition.log_mut().start_verification(producer.id, producer.epoch, NO_SEQUENCE, first, now);
        started.map_err(|error| match error {
            ProducerError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            error => {
                tracing::warn!(%error, "a transaction's offsets cannot be verified");
                ErrorCode::UnknownServerError
            }
        })?
    };
    let Some(guard) = guard else { return Ok(Verification::Missing) };
    let at = TopicPartition::new(Arc::from(OFFSETS_TOPIC), partition);
    let verdicts = verify(broker, &request.transactional_id, producer, &[at], support).await;
    verdicts.into_iter().collect::<Result<Vec<()>, ErrorCode>>()?;
    // The marker of the transaction before may have come between guard and question: the client asks again.
    let still_counts = hosted.lock().log().producers().is_verifying(producer.id, guard);
    if support == Support::AddsPartitions && !still_counts {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    Ok(Verification::Verified(guard))
}

/// What the coordinator was not reached for, in words that clients of groups know.
fn translate(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NetworkException => ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::UnknownTopicOrPartition | ErrorCode::NotEnoughReplicas | ErrorCode::RequestTimedOut => {
            ErrorCode::CoordinatorNotAvailable
        }
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        error => error,
    }
}
