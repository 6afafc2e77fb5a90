//! DescribeQuorum (key 55): voters, observers and how far each has come (KIP-595, KIP-836, KIP-853).
//!
//! Answered by the leader only. Another topic than the metadata topic is UNKNOWN_TOPIC_OR_PARTITION for each of its
//! partitions; more than one topic, or partition, is INVALID_REQUEST. Version 2 lists the voters' listeners.

use crate::handle::Entrance;
use crate::metadata_log::METADATA_TOPIC;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_quorum_request::DescribeQuorumRequest;
use protocol::messages::describe_quorum_response::{
    DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, TopicData,
};
use raft::{Description, ReplicaDescription, VoterSet};
use std::sync::Arc;

/// Describes.
pub async fn handle(
    entrance: &Arc<Entrance>,
    _context: &RequestContext,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let [topic] = &request.topics[..] else {
        return refused(ErrorCode::InvalidRequest);
    };
    let [partition] = &topic.partitions[..] else {
        return refused(ErrorCode::InvalidRequest);
    };
    if topic.topic_name != METADATA_TOPIC || partition.partition_index != 0 {
        return unknown(&request);
    }
    let described = entrance.inspect(|replica| {
        let description = replica.raft.describe(replica.now())?;
        Some((description, replica.raft.history().voters().clone()))
    });
    match described.await {
        Ok(Some((description, voters))) => answer(&description, &voters),
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
