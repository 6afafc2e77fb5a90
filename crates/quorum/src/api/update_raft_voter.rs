//! UpdateRaftVoter (key 82): a voter tells the leader where it is reached and what it supports (KIP-853).
//!
//! Errors: INCONSISTENT_CLUSTER_ID, INVALID_REQUEST (no directory, no endpoint for the listener of the controllers, an
//! impossible range), FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER, and the machine's: UNSUPPORTED_VERSION,
//! VOTER_NOT_FOUND, REQUEST_TIMED_OUT. Every answer says who leads.

use crate::handle::Entrance;
use crate::leader;
use base::LeaderEpoch;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::update_raft_voter_request::{Listener, UpdateRaftVoterRequest};
use protocol::messages::update_raft_voter_response::{CurrentLeader, UpdateRaftVoterResponse};
use raft::voters::{Endpoint, KRaftVersionRange};
use raft::message::{UpdateVoterRequest};
use raft::{Answer, Leadership, ReplicaKey, Request};
use std::sync::Arc;

/// Updates, and answers once that is decided.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: UpdateRaftVoterRequest,
) -> UpdateRaftVoterResponse {
    let update = match check(entrance, &request) {
        Ok(update) => update,
        Err(code) => {
            let known = entrance.inspect(|replica| replica.raft.leadership()).await;
            return answer(context, code, &known.unwrap_or(Leadership::UNKNOWN));
        }
    };
    match entrance.ask(Request::UpdateVoter(update)).await {
        Ok(Answer::UpdateVoter { error, leadership }) => answer(context, error, &leadership),
        Ok(_) | Err(_) => answer(context, ErrorCode::NotLeaderOrFollower, &Leadership::UNKNOWN),
    }
}

fn check(entrance: &Entrance, request: &UpdateRaftVoterRequest) -> Result<UpdateVoterRequest, ErrorCode> {
    if !entrance.is_own_cluster(request.cluster_id.as_deref()) {
        return Err(ErrorCode::InconsistentClusterId);
    }
    let voter = ReplicaKey::from_wire(request.voter_id, request.voter_directory_id);
    let endpoint = |listener: &Listener| Endpoint {
        listener: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
    };
    let endpoints: Vec<Endpoint> = request.listeners.iter().map(endpoint).collect();
    let range = KRaftVersionRange {
        min: request.kraft_version_feature.min_supported_version,
        max: request.kraft_version_feature.max_supported_version,
    };
    let is_range = range.min >= 0 && range.max >= range.min;
    let is_reached = endpoints.iter().any(|endpoint| endpoint.listener == entrance.listener());
    if request.voter_id < 0 || voter.directory.is_none() || !is_reached || !is_range {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(UpdateVoterRequest {
        epoch: LeaderEpoch(request.current_leader_epoch),
        voter,
        endpoints,
        kraft_versions: range,
    })
}

fn answer(context: &RequestContext, code: ErrorCode, leadership: &Leadership) -> UpdateRaftVoterResponse {
    let endpoint = leader::endpoint(leadership, context, 0);
    UpdateRaftVoterResponse {
        error_code: code.code(),
        current_leader: CurrentLeader {
            leader_id: leader::wire_id(leadership),
            leader_epoch: leadership.epoch.0,
            host: endpoint.map(|endpoint| endpoint.host.clone()).unwrap_or_default(),
            port: endpoint.map_or(0, |endpoint| i32::from(endpoint.port)),
        },
        ..Default::default()
    }
}
