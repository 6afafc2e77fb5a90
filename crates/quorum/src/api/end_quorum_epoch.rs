//! EndQuorumEpoch (key 54): a leader steps down and says who should succeed it (KIP-595, KIP-853).
//!
//! Versions 0..=1: ids of successors, then ids and directories. Errors: INCONSISTENT_CLUSTER_ID and INVALID_REQUEST (not
//! exactly the one partition of the metadata topic) for the whole; the machine's for the partition: FENCED_LEADER_EPOCH,
//! INVALID_REQUEST.

use crate::handle::Entrance;
use crate::leader;
use crate::metadata_log::METADATA_TOPIC;
use crate::metadata_partition::{check_metadata, only_partition};
use base::{LeaderEpoch, NodeId};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::end_quorum_epoch_request::{EndQuorumEpochRequest, LeaderEndpoint, ReplicaInfo};
use protocol::messages::end_quorum_epoch_response::{EndQuorumEpochResponse, NodeEndpoint, PartitionData, TopicData};
use raft::voters::Endpoint;
use raft::{Answer, Leadership, ReplicaKey, Request};
use std::sync::Arc;

/// The first version with endpoints.
const ENDPOINTS_FROM: i16 = 1;

/// Takes note, and perhaps stands for election.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: EndQuorumEpochRequest,
) -> EndQuorumEpochResponse {
    let end = match end(entrance, &request) {
        Ok(end) => end,
        Err(code) => return refused(code),
    };
    match entrance.ask(Request::EndQuorumEpoch(end)).await {
        Ok(Answer::EndQuorumEpoch { error, leadership }) => answer(context, error, &leadership),
        Ok(_) | Err(_) => refused(ErrorCode::BrokerNotAvailable),
    }
}

fn end(
    entrance: &Entrance,
    request: &EndQuorumEpochRequest,
) -> Result<raft::message::EndQuorumEpochRequest, ErrorCode> {
    let cluster_id = request.cluster_id.as_deref();
    let (topic, asked) = only_partition(entrance, cluster_id, &request.topics, |topic| &topic.partitions)?;
    check_metadata(&topic.topic_name, asked.partition_index)?;
    let endpoint = |endpoint: &LeaderEndpoint| Endpoint {
        listener: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
    };
    let candidate =
        |candidate: &ReplicaInfo| ReplicaKey::from_wire(candidate.candidate_id, candidate.candidate_directory_id);
    let successor = |id: &i32| ReplicaKey { id: NodeId(*id), directory: None };
    let successors = if asked.preferred_candidates.is_empty() {
        asked.preferred_successors.iter().map(successor).collect()
    } else {
        asked.preferred_candidates.iter().map(candidate).collect()
    };
    Ok(raft::message::EndQuorumEpochRequest {
        leader: NodeId(asked.leader_id),
        epoch: LeaderEpoch(asked.leader_epoch),
        successors,
        endpoints: request.leader_endpoints.iter().map(endpoint).collect(),
    })
}

fn answer(context: &RequestContext, error: ErrorCode, leadership: &Leadership) -> EndQuorumEpochResponse {
    let partition = PartitionData {
        partition_index: 0,
        error_code: error.code(),
        leader_id: leader::wire_id(leadership),
        leader_epoch: leadership.epoch.0,
    };
    EndQuorumEpochResponse {
        topics: vec![TopicData { topic_name: METADATA_TOPIC.to_owned(), partitions: vec![partition] }],
        node_endpoints: leader::node_endpoints(leadership, context, ENDPOINTS_FROM, |node_id, host, port| {
            NodeEndpoint { node_id, host, port }
        }),
        ..Default::default()
    }
}

fn refused(code: ErrorCode) -> EndQuorumEpochResponse {
    EndQuorumEpochResponse { error_code: code.code(), ..Default::default() }
}
