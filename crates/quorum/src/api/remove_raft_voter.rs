//! RemoveRaftVoter (key 81): a voter votes no more (KIP-853).
//!
//! Errors: INCONSISTENT_CLUSTER_ID, INVALID_REQUEST (no directory), NOT_LEADER_OR_FOLLOWER, and the machine's:
//! UNSUPPORTED_VERSION, VOTER_NOT_FOUND, REQUEST_TIMED_OUT, INVALID_REQUEST.

use crate::handle::Entrance;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use protocol::messages::remove_raft_voter_response::RemoveRaftVoterResponse;
use raft::message::{RemoveVoterRequest};
use raft::{Answer, ReplicaKey, Request};
use std::sync::Arc;

/// Removes, and answers once that is decided.
pub async fn handle(
    entrance: &Arc<Entrance>,
    _context: &RequestContext,
    request: RemoveRaftVoterRequest,
) -> RemoveRaftVoterResponse {
    if !entrance.is_own_cluster(request.cluster_id.as_deref()) {
        let given = request.cluster_id.as_deref().unwrap_or("null");
        return refused(ErrorCode::InconsistentClusterId, Some(entrance.other_cluster(given)));
    }
    let voter = ReplicaKey::from_wire(request.voter_id, request.voter_directory_id);
    if request.voter_id < 0 || voter.directory.is_none() {
        let message = "Remove voter request didn't include a valid voter";
        return refused(ErrorCode::InvalidRequest, Some(message.to_owned()));
    }
    match entrance.ask(Request::RemoveVoter(RemoveVoterRequest { voter })).await {
        Ok(Answer::RemoveVoter { error, message }) => refused(error, message),
        Ok(_) | Err(_) => refused(ErrorCode::NotLeaderOrFollower, None),
    }
}

fn refused(code: ErrorCode, message: Option<String>) -> RemoveRaftVoterResponse {
    let message = message.or_else(|| (code != ErrorCode::None).then(|| code.message().to_owned()));
    RemoveRaftVoterResponse { error_code: code.code(), error_message: message, ..Default::default() }
}
