//! Transactional ids: which there are, what they are doing, and ending what they are doing.

use super::{Each, outcome};
use crate::cluster::{Cluster, Topics};
use crate::coordinator::{CoordinatorType, ask_coordinator};
use crate::error::ClientError;
use base::{NodeId, ProducerId, Timestamp, TopicPartition};
use protocol::ErrorCode;
use protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use protocol::messages::describe_transactions_response::DescribeTransactionsResponse;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::init_producer_id_response::InitProducerIdResponse;
use protocol::messages::list_transactions_request::ListTransactionsRequest;
use std::sync::Arc;

/// Which transactional ids are asked for; an empty list leaves out none.
#[derive(Clone, Debug, Default)]
pub struct TransactionFilter {
    /// The producer ids that they have.
    pub producer_ids: Vec<ProducerId>,
    /// Only those whose transaction has lasted longer, in milliseconds.
    pub longer_than: Option<i64>,
    /// Only those that match this regular expression as a whole (KIP-1152).
    pub pattern: Option<String>,
}

/// A transactional id as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionListing {
    /// The id.
    pub transactional_id: String,
    /// Its producer id.
    pub producer_id: ProducerId,
    /// What it is doing, as in `Ongoing`.
    pub state: String,
}

/// A transactional id as its coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The broker that looks after it.
    pub coordinator: NodeId,
    /// What it is doing, as in `Ongoing`.
    pub state: String,
    /// Its producer id.
    pub producer_id: ProducerId,
    /// The epoch of its producer.
    pub producer_epoch: i16,
    /// How long a transaction may take, in milliseconds.
    pub timeout_ms: i32,
    /// When the latest transaction began, if there was one.
    pub started: Option<Timestamp>,
    /// The partitions of the transaction that is under way, or that have no marker yet.
    pub partitions: Vec<TopicPartition>,
}

/// The transactional ids of every broker; a broker that does not answer is an error of its own.
pub async fn list_transactions(
    cluster: &Cluster,
    filter: &TransactionFilter,
) -> Result<Each<NodeId, Vec<TransactionListing>>, ClientError> {
    cluster.metadata(Topics::Named(&[])).await?;
    let mut each = Vec::new();
    for node in cluster.nodes() {
        each.push((node.id, list_at(cluster, node.id, filter).await));
    }
    Ok(each)
}

async fn list_at(
    cluster: &Cluster,
    node: NodeId,
    filter: &TransactionFilter,
) -> Result<Vec<TransactionListing>, ClientError> {
    let request = ListTransactionsRequest {
        producer_id_filters: filter.producer_ids.iter().map(|id| id.0).collect(),
        duration_filter: filter.longer_than.unwrap_or(-1),
        transactional_id_pattern: filter.pattern.clone(),
        ..Default::default()
    };
    let mut retry = cluster.retry("listTransactions");
    loop {
        let answer = cluster.call_node("listTransactions", node, &request).await?;
        let refusal = match ErrorCode::from(answer.error_code) {
            ErrorCode::None => {
                let listing =
                    |state: protocol::messages::list_transactions_response::TransactionState| TransactionListing {
                        transactional_id: state.transactional_id,
                        producer_id: ProducerId(state.producer_id),
                        state: state.transaction_state,
                    };
                return Ok(answer.transaction_states.into_iter().map(listing).collect());
            }
            code @ ErrorCode::CoordinatorLoadInProgress => refused(code, code.message().to_owned()),
            code @ ErrorCode::CoordinatorNotAvailable => {
                return Err(refused(code, said(node, "because the coordinator is shutting down")));
            }
            code => return Err(refused(code, said(node, "with an unexpected exception"))),
        };
        retry.pause(refusal).await?;
    }
}

fn said(node: NodeId, why: &str) -> String {
    format!("ListTransactions request sent to broker {node} failed {why}")
}

fn refused(code: ErrorCode, message: String) -> ClientError {
    ClientError::Refused { code, message }
}

/// Describes a transactional id.
pub async fn describe_transaction(
    cluster: &Cluster,
    transactional_id: &str,
) -> Result<TransactionDescription, ClientError> {
    let request = DescribeTransactionsRequest {
        transactional_ids: vec![transactional_id.to_owned()],
    };
    let of = (CoordinatorType::Transaction, transactional_id);
    let (node, answer) = ask_coordinator(cluster, "describeTransactions", of, &request, check_description).await?;
    let state = answer.transaction_states.into_iter().next();
    let state = state.ok_or_else(|| not_described(transactional_id, ErrorCode::UnknownServerError))?;
    let partitions = state.topics.into_iter().flat_map(|topic| {
        let name: Arc<str> = topic.topic.into();
        let partitions = topic.partitions.into_iter();
        partitions.map(move |partition| TopicPartition::new(Arc::clone(&name), partition))
    });
    Ok(TransactionDescription {
        coordinator: node.id,
        state: state.transaction_state,
        producer_id: ProducerId(state.producer_id),
        producer_epoch: state.producer_epoch,
        timeout_ms: state.transaction_timeout_ms,
        started: (state.transaction_start_time_ms >= 0).then_some(Timestamp(state.transaction_start_time_ms)),
        partitions: partitions.collect(),
    })
}

fn check_description(answer: &DescribeTransactionsResponse) -> Result<(), ClientError> {
    answer.transaction_states.iter().try_for_each(|state| {
        let code = ErrorCode::from(state.error_code);
        match code {
            ErrorCode::None => Ok(()),
            code if code.is_retriable() => outcome(state.error_code, None),
            code => Err(not_described(&state.transactional_id, code)),
        }
    })
}

fn not_described(transactional_id: &str, code: ErrorCode) -> ClientError {
    let why = match code {
        ErrorCode::TransactionalIdNotFound => "because the ID could not be found",
        ErrorCode::TransactionalIdAuthorizationFailed => "due to authorization failure",
        _ => "due to unexpected error",
    };
    let message = format!("DescribeTransactions request for transactionalId `{transactional_id}` failed {why}");
    refused(code, message)
}

/// Takes the producer id over: the coordinator aborts the transaction that is under way.
pub async fn fence_producer(cluster: &Cluster, transactional_id: &str) -> Result<(), ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: Some(transactional_id.to_owned()),
        // Zero would be no timeout; a producer that comes back brings its own.
        transaction_timeout_ms: super::millis(cluster.settings().request_timeout).max(1),
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let check = |answer: &InitProducerIdResponse| match ErrorCode::from(answer.error_code) {
        ErrorCode::None => Ok(()),
        code if code.is_retriable() => outcome(answer.error_code, None),
        code => {
            let why = match code {
                ErrorCode::ClusterAuthorizationFailed => "cluster authorization failure",
                ErrorCode::TransactionalIdAuthorizationFailed => "transactional ID authorization failure",
                _ => "unexpected error",
            };
            let message =
                format!("InitProducerId request for transactionalId `{transactional_id}` failed due to {why}");
            Err(refused(code, message))
        }
    };
    let of = (CoordinatorType::Transaction, transactional_id);
    ask_coordinator(cluster, "fenceProducer", of, &request, check).await?;
    Ok(())
}
