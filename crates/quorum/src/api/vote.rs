//! Vote (key 52): a voter stands for election, or sounds one out (KIP-595, KIP-853, KIP-996).
//!
//! Versions 0..=2. Errors: INCONSISTENT_CLUSTER_ID and INVALID_REQUEST (not exactly the one partition of the metadata topic)
//! for the whole; the machine's for the partition: FENCED_LEADER_EPOCH, INVALID_REQUEST, INVALID_VOTER_KEY (this replica has
//! another directory). The vote is durable before it is given.

use crate::handle::Entrance;
use crate::leader;
use crate::metadata_log::METADATA_TOPIC;
use crate::metadata_partition::{check_metadata, only_partition};
use base::{LeaderEpoch, Offset, Uuid};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::vote_request::VoteRequest;
use protocol::messages::vote_response::{NodeEndpoint, PartitionData, TopicData, VoteResponse};
use raft::log_shape::LogPosition;
use raft::message::VoteKind;
use raft::{Answer, Leadership, ReplicaKey, Request};
use std::sync::Arc;

/// The first version with endpoints.
const ENDPOINTS_FROM: i16 = 1;

/// Votes.
pub async fn handle(entrance: &Arc<Entrance>, context: &RequestContext, request: VoteRequest) -> VoteResponse {
    let vote = match vote(entrance, &request) {
        Ok(vote) => vote,
        Err(code) => return refused(code),
    };
    match entrance.ask(Request::Vote(vote)).await {
        Ok(Answer::Vote { error, leadership, granted }) => answer(context, error, &leadership, granted),
        Ok(_) | Err(_) => refused(ErrorCode::BrokerNotAvailable),
    }
}

fn vote(entrance: &Entrance, request: &VoteRequest) -> Result<raft::message::VoteRequest, ErrorCode> {
    let cluster_id = request.cluster_id.as_deref();
    let (topic, asked) = only_partition(entrance, cluster_id, &request.topics, |topic| &topic.partitions)?;
    check_metadata(&topic.topic_name, asked.partition_index)?;
    Ok(raft::message::VoteRequest {
        candidate: ReplicaKey::from_wire(asked.replica_id, asked.replica_directory_id),
        epoch: LeaderEpoch(asked.replica_epoch),
        voter: voter_key(request.voter_id, asked.voter_directory_id),
        end: LogPosition { epoch: LeaderEpoch(asked.last_offset_epoch), offset: Offset(asked.last_offset) },
        kind: if asked.pre_vote { VoteKind::PreVote } else { VoteKind::Vote },
    })
}

/// Whom a request is meant for; `None` if it does not say.
pub(super) fn voter_key(id: i32, directory: Uuid) -> Option<ReplicaKey> {
    (id >= 0).then(|| ReplicaKey::from_wire(id, directory))
}

fn answer(context: &RequestContext, error: ErrorCode, leadership: &Leadership, granted: bool) -> VoteResponse {
    let partition = PartitionData {
        partition_index: 0,
        error_code: error.code(),
        leader_id: leader::wire_id(leadership),
        leader_epoch: leadership.epoch.0,
        vote_granted: granted,
    };
    VoteResponse {
        topics: vec![TopicData { topic_name: METADATA_TOPIC.to_owned(), partitions: vec![partition] }],
        node_endpoints: leader::node_endpoints(leadership, context, ENDPOINTS_FROM, |node_id, host, port| {
            NodeEndpoint { node_id, host, port }
        }),
        ..Default::default()
    }
}

fn refused(code: ErrorCode) -> VoteResponse {
    VoteResponse { error_code: code.code(), ..Default::default() }
}
