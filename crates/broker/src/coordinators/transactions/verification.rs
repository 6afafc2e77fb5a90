//! Asking the coordinator of a transaction before its first records are taken (KIP-890): it adds the partition, or says
//! whether the client has added it.

use super::take_part::{TakePart, Wish, take_part};
use crate::Broker;
use crate::coordinators::TRANSACTIONS_TOPIC;
use crate::coordinators::hosting::ask::{partition_of, shard_of};
use crate::coordinators::hosting::shard::Shard;
use crate::peers::{self, PeerError};
use base::{NodeId, TopicPartition};
use protocol::ErrorCode;
use protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use protocol::messages::add_partitions_to_txn_response::AddPartitionsToTxnResponse;
use std::sync::Arc;
use std::time::Duration;
use storage::FirstSequence;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;
use tracing::debug;
use transaction_coordinator::{Producer, TransactionCoordinator, TransactionVersion};

/// What a client's request can make of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    /// The client adds partitions itself, and does not know TRANSACTION_ABORTABLE.
    Early,
    /// The client adds partitions itself.
    Abortable,
    /// Partitions are added with their first records (transaction.version 2).
    AddsPartitions,
}

impl Support {
    /// Where the sequence of a producer that the log does not know begins.
    pub(crate) fn first_sequence(self) -> FirstSequence {
        match self {
            Self::Early | Self::Abortable => FirstSequence::Any,
            Self::AddsPartitions => FirstSequence::Zero,
        }
    }

    /// Whether the coordinator is asked at all.
    pub(crate) fn is_asked(self, broker: &Broker) -> bool {
        self == Self::AddsPartitions
            || broker
                .config
                .load()
                .transactions
                .transaction_partition_verification_enable
    }

    fn wish(self) -> Wish {
        match self {
            Self::Early | Self::Abortable => Wish::Verify,
            Self::AddsPartitions => Wish::Add(TransactionVersion::V2),
        }
    }

    /// What the client is told of a partition that the coordinator refused.
    pub(crate) fn translate(self, error: ErrorCode) -> ErrorCode {
        match (error, self) {
            // Producers expect this of an append.
            (ErrorCode::ProducerFenced, _) => ErrorCode::InvalidProducerEpoch,
            (ErrorCode::TransactionAbortable, Self::Early) => ErrorCode::InvalidTxnState,
            (error, _) => error,
        }
    }
}

/// How long CONCURRENT_TRANSACTIONS is kept from a client whose records would have to be sent again. Each attempt has to
/// begin the verification anew: the marker that it waits for takes the guard away.
#[derive(Debug)]
pub(crate) struct Retry {
    coordinator: Option<Arc<Shard<TransactionCoordinator>>>,
    elsewhere: Notify,
    deadline: Instant,
    backoff: Duration,
}

impl Retry {
    /// As long as the node's settings say.
    pub(crate) fn new(broker: &Broker, id: &str) -> Self {
        let config = broker.config.load();
        let limit = config.transactions.add_partitions_to_txn_retry_backoff_max;
        Self {
            coordinator: shard_of(broker, id).ok(),
            elsewhere: Notify::new(),
            deadline: Instant::now() + limit.min(config.requests.request_timeout),
            backoff: config.transactions.add_partitions_to_txn_retry_backoff,
        }
    }

    /// Comes when a coordinator of this broker has done something. To be taken before the attempt, so that nothing is
    /// missed.
    pub(crate) fn settled(&self) -> Notified<'_> {
        let coordinator = self.coordinator.as_ref();
        coordinator
            .map_or(&self.elsewhere, |coordinator| &coordinator.settled)
            .notified()
    }

    /// Whether there is no time for another attempt.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Waits for the next attempt.
    pub(crate) async fn pause(&self, settled: Notified<'_>) {
        tokio::select! {
            () = settled => {}
            () = tokio::time::sleep(self.backoff) => {}
        }
    }
}

/// Asks the coordinator about partitions of one transaction. Answers in their order.
pub(crate) async fn verify(
    broker: &Broker,
    id: &str,
    producer: Producer,
    partitions: &[TopicPartition],
    support: Support,
) -> Vec<Result<(), ErrorCode>> {
    let Some(node) = coordinator(broker, id) else {
        return vec![Err(ErrorCode::CoordinatorNotAvailable); partitions.len()];
    };
    let request = TakePart {
        id: Arc::from(id),
        producer,
        wish: support.wish(),
        partitions: partitions.to_vec(),
    };
    if node == broker.node {
        let answers = take_part(broker, request).await.into_iter();
        return answers.map(|(_, error)| verdict(error, support)).collect();
    }
    match ask_peer(broker, node, &request).await {
        Ok(response) => {
            let top = match ErrorCode::from(response.error_code) {
                // The client is not to hear of the brokers' own permissions.
                ErrorCode::ClusterAuthorizationFailed => ErrorCode::InvalidTxnState,
                error => error,
            };
            let find = |partition: &TopicPartition| match top {
                ErrorCode::None => find(&response, partition).unwrap_or(ErrorCode::UnknownServerError),
                error => error,
            };
            let answers = partitions.iter();
            answers.map(|partition| verdict(find(partition), support)).collect()
        }
        Err(error) => {
            debug!(%node, %error, "the coordinator of a transaction could not be asked");
            vec![Err(error.code()); partitions.len()]
        }
    }
}

fn verdict(error: ErrorCode, support: Support) -> Result<(), ErrorCode> {
    match support.translate(error) {
        ErrorCode::None => Ok(()),
        error => Err(error),
    }
}

/// The broker that coordinates a transactional id, as the newest metadata has it.
fn coordinator(broker: &Broker, id: &str) -> Option<NodeId> {
    let partition = partition_of::<TransactionCoordinator>(broker, id)?;
    let image = Arc::clone(&broker.image.borrow().image);
    let leader = image.topics.partition(TRANSACTIONS_TOPIC, partition)?.leader;
    image.brokers.get(leader).filter(|leader| !leader.fenced)?;
    Some(leader)
}

async fn ask_peer(broker: &Broker, node: NodeId, request: &TakePart) -> Result<AddPartitionsToTxnResponse, PeerError> {
    let mut topics: Vec<AddPartitionsToTxnTopic> = Vec::new();
    for TopicPartition { topic, partition } in &request.partitions {
        match topics.iter_mut().find(|known| *known.name == **topic) {
            Some(known) => known.partitions.push(*partition),
            None => topics.push(AddPartitionsToTxnTopic {
                name: topic.to_string(),
                partitions: vec![*partition],
            }),
        }
    }
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: request.id.to_string(),
        producer_id: request.producer.id.0,
        producer_epoch: request.producer.epoch.0,
        verify_only: request.wish == Wish::Verify,
        topics,
    };
    let request = AddPartitionsToTxnRequest {
        transactions: vec![transaction],
        ..Default::default()
    };
    peers::ask(broker, node, &request).await
}

fn find(response: &AddPartitionsToTxnResponse, wanted: &TopicPartition) -> Option<ErrorCode> {
    let mut topics = response
        .results_by_transaction
        .iter()
        .flat_map(|result| &result.topic_results);
    let topic = topics.find(|topic| *topic.name == *wanted.topic)?;
    let mut partitions = topic.results_by_partition.iter();
    let found = partitions.find(|partition| partition.partition_index == wanted.partition)?;
    Some(ErrorCode::from(found.partition_error_code))
}
