//! Producers as the replicas of a partition know them, and ending a transaction there without its coordinator.

use super::{Each, outcome};
use crate::cluster::{Cluster, Topics};
use crate::error::ClientError;
use base::{NodeId, Offset, ProducerId, Timestamp, TopicPartition};
use protocol::ErrorCode;
use protocol::messages::describe_producers_request::{DescribeProducersRequest, TopicRequest};
use protocol::messages::describe_producers_response::PartitionResponse;
use protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use protocol::messages::write_txn_markers_response::WriteTxnMarkersResponse;
use std::collections::BTreeMap;
use std::fmt;

/// A producer that a partition remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: i32,
    /// The epoch of the coordinator that wrote its last marker, if there is one.
    pub coordinator_epoch: Option<i32>,
    /// The sequence number of its last record, or -1.
    pub last_sequence: i32,
    /// The time of its last record.
    pub last_timestamp: Timestamp,
    /// Where its open transaction begins, if it has one.
    pub transaction_start: Option<Offset>,
}

/// The producers of partitions, asked of the leaders, or of one broker.
pub async fn describe_producers(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    broker: Option<NodeId>,
) -> Each<TopicPartition, Vec<ProducerState>> {
    let mut retry = cluster.retry("describeProducers");
    let mut each: Each<TopicPartition, Vec<ProducerState>> = Vec::new();
    let mut left = partitions.to_vec();
    loop {
        let mut again = Vec::new();
        for (partition, found) in attempt(cluster, &left, broker).await {
            match found {
                Err(error) if error.is_retriable() && !is_missing(&error) => again.push((partition, error)),
                found => each.push((partition, found)),
            }
        }
        let Some((_, error)) = again.first() else {
            return each;
        };
        if let Err(last) = retry.pause(error.clone()).await {
            let failed = again.into_iter().map(|(partition, _)| (partition, Err(last.clone())));
            each.extend(failed);
            return each;
        }
        left = again.into_iter().map(|(partition, _)| partition).collect();
    }
}

/// A partition that does not exist will not appear by waiting.
fn is_missing(error: &ClientError) -> bool {
    error.code() == Some(ErrorCode::UnknownTopicOrPartition)
}

async fn attempt(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    broker: Option<NodeId>,
) -> Each<TopicPartition, Vec<ProducerState>> {
    let mut each = Vec::new();
    let mut by_node: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
    for partition in partitions {
        let node = match broker {
            Some(broker) => Ok(broker),
            None => leader(cluster, partition).await,
        };
        match node {
            Ok(node) => by_node.entry(node).or_default().push(partition.clone()),
            Err(error) => each.push((partition.clone(), Err(error))),
        }
    }
    for (node, partitions) in by_node {
        each.extend(ask(cluster, node, &partitions, broker).await);
    }
    each
}

/// The leader of a partition, as the metadata has it now.
async fn leader(cluster: &Cluster, partition: &TopicPartition) -> Result<NodeId, ClientError> {
    let names = [partition.topic.to_string()];
    let found = cluster.metadata(Topics::Named(&names)).await?;
    let topic = found
        .first()
        .ok_or_else(|| refused(ErrorCode::UnknownTopicOrPartition))?;
    ClientError::check(topic.error.code(), None)?;
    let found = topic.partitions.iter().find(|found| found.index == partition.partition);
    match found.ok_or_else(|| refused(ErrorCode::UnknownTopicOrPartition))?.leader {
        NodeId::NONE => Err(refused(ErrorCode::LeaderNotAvailable)),
        leader => Ok(leader),
    }
}

fn refused(code: ErrorCode) -> ClientError {
    ClientError::Refused {
        code,
        message: code.message().to_owned(),
    }
}

async fn ask(
    cluster: &Cluster,
    node: NodeId,
    partitions: &[TopicPartition],
    broker: Option<NodeId>,
) -> Each<TopicPartition, Vec<ProducerState>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    let topic = |(name, partition_indexes): (&str, _)| TopicRequest {
        name: name.to_owned(),
        partition_indexes,
    };
    let request = DescribeProducersRequest {
        topics: topics.into_iter().map(topic).collect(),
    };
    let answer = match cluster.call_node("describeProducers", node, &request).await {
        Ok(answer) => answer,
        Err(error) => {
            let failed = partitions
                .iter()
                .map(|partition| (partition.clone(), Err(error.clone())));
            return failed.collect();
        }
    };
    let mut each = Vec::new();
    for topic in answer.topics {
        for found in topic.partitions {
            let partition = TopicPartition::new(topic.name.as_str(), found.partition_index);
            let states = states(&partition, found, broker);
            each.push((partition, states));
        }
    }
    each
}

fn states(
    partition: &TopicPartition,
    found: PartitionResponse,
    broker: Option<NodeId>,
) -> Result<Vec<ProducerState>, ClientError> {
    let code = ErrorCode::from(found.error_code);
    if let (ErrorCode::NotLeaderOrFollower, Some(broker)) = (code, broker) {
        // Only this broker was meant, so asking again cannot help.
        return Err(ClientError::NotThere {
            partition: partition.clone(),
            broker,
        });
    }
    outcome(found.error_code, found.error_message)?;
    let state = |state: protocol::messages::describe_producers_response::ProducerState| ProducerState {
        producer_id: ProducerId(state.producer_id),
        producer_epoch: state.producer_epoch,
        coordinator_epoch: (state.coordinator_epoch >= 0).then_some(state.coordinator_epoch),
        last_sequence: state.last_sequence,
        last_timestamp: Timestamp(state.last_timestamp),
        transaction_start: (state.current_txn_start_offset >= 0).then_some(Offset(state.current_txn_start_offset)),
    };
    Ok(found.active_producers.into_iter().map(state).collect())
}

/// Which transaction to abort in one partition. It is shown as Kafka shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbortTransaction {
    /// The partition.
    pub partition: TopicPartition,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The coordinator's epoch that the marker is written in the name of.
    pub coordinator_epoch: i32,
}

impl fmt::Display for AbortTransaction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "AbortTransactionSpec(topicPartition={}, producerId={}, producerEpoch={}, coordinatorEpoch={})",
            self.partition, self.producer_id, self.producer_epoch, self.coordinator_epoch
        )
    }
}

/// Has the partition's leader write an abort marker.
pub async fn abort_transaction(cluster: &Cluster, abort: &AbortTransaction) -> Result<(), ClientError> {
    let request = WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id: abort.producer_id.0,
            producer_epoch: abort.producer_epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic {
                name: abort.partition.topic.to_string(),
                partition_indexes: vec![abort.partition.partition],
            }],
            coordinator_epoch: abort.coordinator_epoch,
            transaction_version: 0,
        }],
    };
    let mut retry = cluster.retry("abortTransaction");
    loop {
        let attempt = async {
            let leader = leader(cluster, &abort.partition).await?;
            let answer = cluster.node(leader).await?.send(&request).await?;
            check_markers(&answer, abort)
        };
        match attempt.await {
            Ok(()) => return Ok(()),
            Err(error) if is_missing(&error) => return Err(error),
            Err(error) => retry.pause(error).await?,
        }
    }
}

fn check_markers(answer: &WriteTxnMarkersResponse, abort: &AbortTransaction) -> Result<(), ClientError> {
    let topics = answer.markers.iter().flat_map(|marker| &marker.topics);
    let mut partitions = topics.flat_map(|topic| &topic.partitions);
    partitions.try_for_each(|partition| {
        let code = ErrorCode::from(partition.error_code);
        let why = match code {
            ErrorCode::None => return Ok(()),
            code if code.is_retriable() => return outcome(partition.error_code, None),
            ErrorCode::ClusterAuthorizationFailed => String::from("due to cluster authorization error"),
            ErrorCode::InvalidProducerEpoch => String::from("due an invalid producer epoch"),
            ErrorCode::TransactionCoordinatorFenced => format!(
                "since the provided coordinator epoch {} has been fenced by the active coordinator",
                abort.coordinator_epoch
            ),
            code => format!("due to unexpected error: {}", code.message()),
        };
        let message = format!("WriteTxnMarkers request with {abort} failed {why}");
        Err(ClientError::Refused { code, message })
    })
}
