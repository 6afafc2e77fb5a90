//! Vote (key 52): a voter stands for election, or sounds one out (KIP-595, KIP-853, KIP-996).
//!
//! Versions 0..=2. Errors: INCONSISTENT_CLUSTER_ID and INVALID_REQUEST (not exactly the one partition of the metadata topic)
//! for the whole; the machine's for the partition: FENCED_LEADER_EPOCH, INVALID_REQUEST, INVALID_VOTER_KEY (this replica has
//! another directory). The vote is durable before it is given.

use crate::handle::Entrance;
use crate::leader;
use crate::metadata_log::METADATA_TOPIC;
use base::{LeaderEpoch, Offset, Uuid};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::vote_request::{PartitionData as Asked, VoteRequest};
use protocol::messages::vote_response::{NodeEndpoint, PartitionData, TopicData, VoteResponse};
use raft::log_shape::LogPosition;
use raft::message::{VoteKind};
use raft::{Answer, Leadership, ReplicaKey, Request};
use std::sync::Arc;

/// The first version with endpoints.
const ENDPOINTS_FROM: i16 = 1;

/// Votes.
pub async fn handle(entrance: &Arc<Entrance>, context: &RequestContext, request: VoteRequest) -> VoteResponse {
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
    let vote = vote(&request, asked);
    match entrance.ask(Request::Vote(vote)).await {
        Ok(Answer::Vote { error, leadership, granted }) => answer(context, error, &leadership, granted),
        Ok(_) | Err(_) => refused(ErrorCode::BrokerNotAvailable),
    }
}

fn vote(request: &VoteRequest, asked: &Asked) -> raft::message::VoteRequest {
    raft::message::VoteRequest {
        candidate: ReplicaKey::from_wire(asked.replica_id, asked.replica_directory_id),
        epoch: LeaderEpoch(asked.replica_epoch),
        voter: voter_key(request.voter_id, asked.voter_directory_id),
        end: LogPosition { epoch: LeaderEpoch(asked.last_offset_epoch), offset: Offset(asked.last_offset) },
        kind: if asked.pre_vote { VoteKind::PreVote } else { VoteKind::Vote },
    }
}

/// Whom a request is meant for; `None` if it does not say.
pub(super) fn voter_key(id: i32, directory: Uuid) -> Option<ReplicaKey> {
    (id >= 0).then(|| ReplicaKey::from_wire(id, directory))
}

fn answer(context: &RequestContext, error: ErrorCode, leadership: &Leadership, granted: bool) -> VoteResponse {
    let endpoint = leader::endpoint(leadership, context, ENDPOINTS_FROM);
    let partition = PartitionData {
        partition_index: 0,
        error_code: error.code(),
        leader_id: leader::wire_id(leadership),
        leader_epoch: leadership.epoch.0,
        vote_granted: granted,
    };
    VoteResponse {
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

fn refused(code: ErrorCode) -> VoteResponse {
    VoteResponse { error_code: code.code(), ..Default::default() }
}
