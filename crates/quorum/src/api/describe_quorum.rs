//! DescribeQuorum (key 55): voters, observers and how far each has come (KIP-595, KIP-836, KIP-853).
//!
//! Answered by the leader only. Anything but the one partition of the metadata topic is UNKNOWN_TOPIC_OR_PARTITION for
//! each partition asked for. Version 2 lists the voters' listeners and names directories.

use crate::handle::Entrance;
use crate::metadata_log::METADATA_TOPIC;
use base::Uuid;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_quorum_request::DescribeQuorumRequest;
use protocol::messages::describe_quorum_response::{
    DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, TopicData,
};
use raft::{Description, ReplicaDescription, VoterSet};
use std::sync::Arc;

/// The first version with directory ids and the voters' listeners.
const NODES_FROM: i16 = 2;

/// Describes.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let asks_for_the_log = match &request.topics[..] {
        [topic] if topic.topic_name == METADATA_TOPIC => {
            matches!(&topic.partitions[..], [partition] if partition.partition_index == 0)
        }
        _ => false,
    };
    if !asks_for_the_log {
        return unknown(&request);
    }
    let described = entrance.inspect(|replica| {
        let description = replica.raft.describe(replica.now())?;
        Some((description, replica.raft.history().voters().clone()))
    });
    match described.await {
        Ok(Some((description, voters))) => fit(answer(&description, &voters), context.api_version),
        Ok(None) | Err(_) => refused(ErrorCode::NotLeaderOrFollower),
    }
}

fn answer(description: &Description, voters: &VoterSet) -> DescribeQuorumResponse {
    let replica = |replica: &ReplicaDescription| ReplicaState {
        replica_id: replica.key.id.0,
        replica_directory_id: replica.key.wire_directory(),
        log_end_offset: replica.end.0,
        last_fetch_timestamp: replica.last_fetch.0,
        last_caught_up_timestamp: replica.last_caught_up.0,
    };
    let partition = PartitionData {
        partition_index: 0,
        leader_id: description.leader.0,
        leader_epoch: description.epoch.0,
        high_watermark: description.high_watermark.0,
        current_voters: description.voters.iter().map(replica).collect(),
        observers: description.observers.iter().map(replica).collect(),
        ..Default::default()
    };
    let topic = TopicData { topic_name: METADATA_TOPIC.to_owned(), partitions: vec![partition] };
    DescribeQuorumResponse { topics: vec![topic], nodes: nodes(voters), ..Default::default() }
}

/// Leaves out what the version has no room for.
fn fit(mut response: DescribeQuorumResponse, version: i16) -> DescribeQuorumResponse {
    if version < NODES_FROM {
        response.nodes.clear();
        for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            for replica in partition.current_voters.iter_mut().chain(&mut partition.observers) {
                replica.replica_directory_id = Uuid::ZERO;
            }
        }
    }
    response
}

fn nodes(voters: &VoterSet) -> Vec<Node> {
    let listeners = |endpoints: &[raft::voters::Endpoint]| {
        let listener = |endpoint: &raft::voters::Endpoint| Listener {
            name: endpoint.listener.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
        };
        endpoints.iter().map(listener).collect()
    };
    voters.iter().map(|voter| Node { node_id: voter.key.id.0, listeners: listeners(&voter.endpoints) }).collect()
}

fn unknown(request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let topics = request.topics.iter().map(|topic| TopicData {
        topic_name: topic.topic_name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|partition| PartitionData {
                partition_index: partition.partition_index,
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
                error_message: Some(ErrorCode::UnknownTopicOrPartition.message().to_owned()),
                ..Default::default()
            })
            .collect(),
    });
    DescribeQuorumResponse { topics: topics.collect(), ..Default::default() }
}

fn refused(code: ErrorCode) -> DescribeQuorumResponse {
    DescribeQuorumResponse {
        error_code: code.code(),
        error_message: Some(code.message().to_owned()),
        ..Default::default()
    }
}
