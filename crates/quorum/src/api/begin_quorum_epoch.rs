//! BeginQuorumEpoch (key 53): the leader of a new epoch makes itself known to a voter (KIP-595, KIP-853).
//!
//! Versions 0..=1. Errors: INCONSISTENT_CLUSTER_ID and INVALID_REQUEST (not exactly the one partition of the metadata topic)
//! for the whole; the machine's for the partition: FENCED_LEADER_EPOCH, INVALID_REQUEST, INVALID_VOTER_KEY.

use super::vote::voter_key;
use crate::handle::Entrance;
use crate::leader;
use crate::metadata_log::METADATA_TOPIC;
use base::{LeaderEpoch, NodeId};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::begin_quorum_epoch_request::{BeginQuorumEpochRequest, LeaderEndpoint, PartitionData as Asked};
use protocol::messages::begin_quorum_epoch_response::{BeginQuorumEpochResponse, NodeEndpoint, PartitionData, TopicData};
use raft::voters::Endpoint;
use raft::{Answer, Leadership, Request};
use std::sync::Arc;

/// The first version with endpoints.
const ENDPOINTS_FROM: i16 = 1;

/// Takes note.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: BeginQuorumEpochRequest,
) -> BeginQuorumEpochResponse {
    if !entrance.is_own_cluster(request.cluster_id.as_deref()) {
        return refused(ErrorCode::InconsistentClusterId);
    }
    let [topic] = &request.topics[..] else {
        return refused(ErrorCode::InvalidRequest);
    };
    let [asked] = &topic.partitions[..] else {
        return refused(ErrorCode::InvalidRequest);
    };
    if topic.topic_name != METADATA_TOPIC || asked.partition_index != 0 {
        return refused(ErrorCode::InvalidRequest);
    }
    match entrance.ask(Request::BeginQuorumEpoch(begin(&request, asked))).await {
        Ok(Answer::BeginQuorumEpoch { error, leadership }) => answer(context, error, &leadership),
        Ok(_) | Err(_) => refused(ErrorCode::BrokerNotAvailable),
    }
}

fn begin(request: &BeginQuorumEpochRequest, asked: &Asked) -> raft::message::BeginQuorumEpochRequest {
    let endpoint = |endpoint: &LeaderEndpoint| Endpoint {
        listener: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
    };
    raft::message::BeginQuorumEpochRequest {
        leader: NodeId(asked.leader_id),
        epoch: LeaderEpoch(asked.leader_epoch),
        endpoints: request.leader_endpoints.iter().map(endpoint).collect(),
        voter: voter_key(request.voter_id, asked.voter_directory_id),
    }
}

fn answer(context: &RequestContext, error: ErrorCode, leadership: &Leadership) -> BeginQuorumEpochResponse {
    let endpoint = leader::endpoint(leadership, context, ENDPOINTS_FROM);
    let partition = PartitionData {
        partition_index: 0,
        error_code: error.code(),
        leader_id: leader::wire_id(leadership),
        leader_epoch: leadership.epoch.0,
    };
    BeginQuorumEpochResponse {
        topics: vec![TopicData { topic_name: METADATA_TOPIC.to_owned(), partitions: vec![partition] }],
        node_endpoints: endpoint
            .map(|endpoint| NodeEndpoint {
                node_id: leader::wire_id(leadership),
                host: endpoint.host.clone(),
                port: endpoint.port,
            })
            .into_iter()
            .collect(),
        ..Default::default()
    }
}

fn refused(code: ErrorCode) -> BeginQuorumEpochResponse {
    BeginQuorumEpochResponse { error_code: code.code(), ..Default::default() }
}
