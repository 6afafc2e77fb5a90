//! BeginQuorumEpoch (key 53): the leader of a new epoch makes itself known to a voter (KIP-595, KIP-853).
//!
//! Versions 0..=1. Errors: INCONSISTENT_CLUSTER_ID and INVALID_REQUEST (not exactly the one partition of the metadata topic)
//! for the whole; the machine's for the partition: FENCED_LEADER_EPOCH, INVALID_REQUEST, INVALID_VOTER_KEY.

use super::vote::voter_key;
use crate::handle::Entrance;
use crate::leader;
use crate::metadata_log::METADATA_TOPIC;
use crate::metadata_partition::{check_metadata, only_partition};
use base::{LeaderEpoch, NodeId};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::begin_quorum_epoch_request::{BeginQuorumEpochRequest, LeaderEndpoint};
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
    let begin = match begin(entrance, &request) {
        Ok(begin) => begin,
        Err(code) => return refused(code),
    };
    match entrance.ask(Request::BeginQuorumEpoch(begin)).await {
        Ok(Answer::BeginQuorumEpoch { error, leadership }) => answer(context, error, &leadership),
        Ok(_) | Err(_) => refused(ErrorCode::BrokerNotAvailable),
    }
}

fn begin(
    entrance: &Entrance,
    request: &BeginQuorumEpochRequest,
) -> Result<raft::message::BeginQuorumEpochRequest, ErrorCode> {
    let cluster_id = request.cluster_id.as_deref();
    let (topic, asked) = only_partition(entrance, cluster_id, &request.topics, |topic| &topic.partitions)?;
    check_metadata(&topic.topic_name, asked.partition_index)?;
    let endpoint = |endpoint: &LeaderEndpoint| Endpoint {
        listener: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
    };
    Ok(raft::message::BeginQuorumEpochRequest {
        leader: NodeId(asked.leader_id),
        epoch: LeaderEpoch(asked.leader_epoch),
        endpoints: request.leader_endpoints.iter().map(endpoint).collect(),
        voter: voter_key(request.voter_id, asked.voter_directory_id),
    })
}

fn answer(context: &RequestContext, error: ErrorCode, leadership: &Leadership) -> BeginQuorumEpochResponse {
    let partition = PartitionData {
        partition_index: 0,
        error_code: error.code(),
        leader_id: leader::wire_id(leadership),
        leader_epoch: leadership.epoch.0,
    };
    BeginQuorumEpochResponse {
        topics: vec![TopicData { topic_name: METADATA_TOPIC.to_owned(), partitions: vec![partition] }],
        node_endpoints: leader::node_endpoints(leadership, context, ENDPOINTS_FROM, |node_id, host, port| {
            NodeEndpoint { node_id, host, port }
        }),
        ..Default::default()
    }
}

fn refused(code: ErrorCode) -> BeginQuorumEpochResponse {
    BeginQuorumEpochResponse { error_code: code.code(), ..Default::default() }
}
