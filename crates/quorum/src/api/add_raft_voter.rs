//! AddRaftVoter (key 80): an observer becomes a voter (KIP-853, KIP-1186).
//!
//! Versions 0..=1; from 1 on the answer may come before the change is committed. Errors: INCONSISTENT_CLUSTER_ID,
//! INVALID_REQUEST (no directory, or no endpoint for the listener of the controllers), NOT_LEADER_OR_FOLLOWER, and the machine's:
//! UNSUPPORTED_VERSION, DUPLICATE_VOTER, REQUEST_TIMED_OUT, INVALID_REQUEST.

use crate::handle::Entrance;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::add_raft_voter_request::{AddRaftVoterRequest, Listener};
use protocol::messages::add_raft_voter_response::AddRaftVoterResponse;
use raft::voters::Endpoint;
use raft::message::{AckWhen, AddVoterRequest};
use raft::{Answer, ReplicaKey, Request};
use std::sync::Arc;

/// Adds, and answers once that is decided.
pub async fn handle(
    entrance: &Arc<Entrance>,
    _context: &RequestContext,
    request: AddRaftVoterRequest,
) -> AddRaftVoterResponse {
    if !entrance.is_own_cluster(request.cluster_id.as_deref()) {
        let given = request.cluster_id.as_deref().unwrap_or("null");
        return refused(ErrorCode::InconsistentClusterId, Some(entrance.other_cluster(given)));
    }
    let voter = ReplicaKey::from_wire(request.voter_id, request.voter_directory_id);
    if request.voter_id < 0 || voter.directory.is_none() {
        let message = "Add voter request didn't include a valid voter";
        return refused(ErrorCode::InvalidRequest, Some(message.to_owned()));
    }
    let endpoint = |listener: &Listener| Endpoint {
        listener: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
    };
    let endpoints: Vec<Endpoint> = request.listeners.iter().map(endpoint).collect();
    let listener = entrance.listener();
    if !endpoints.iter().any(|endpoint| endpoint.listener == listener) {
        let message = format!("Add voter request didn't include the endpoint for the default listener {listener}");
        return refused(ErrorCode::InvalidRequest, Some(message));
    }
    let ack = if request.ack_when_committed { AckWhen::Committed } else { AckWhen::Appended };
    match entrance.ask(Request::AddVoter(AddVoterRequest { voter, endpoints, ack })).await {
        Ok(Answer::AddVoter { error, message }) => refused(error, message),
        Ok(_) | Err(_) => refused(ErrorCode::NotLeaderOrFollower, None),
    }
}

fn refused(code: ErrorCode, message: Option<String>) -> AddRaftVoterResponse {
    let message = message.or_else(|| (code != ErrorCode::None).then(|| code.message().to_owned()));
    AddRaftVoterResponse { error_code: code.code(), error_message: message, ..Default::default() }
}
