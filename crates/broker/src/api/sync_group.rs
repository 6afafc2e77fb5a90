//! SyncGroup (key 14): the leader brings the assignment, every member fetches its part.
//!
//! Errors: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, INVALID_GROUP_ID,
//! COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE (the assignment could not be written),
//! INCONSISTENT_GROUP_PROTOCOL (also for a request of version 5 that does not say what protocol it is about).

use crate::Broker;
use crate::coordinators::ask::{Patience, ask};
use group_coordinator::Answer;
use group_coordinator::op::sync_group::sync_group;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::sync_group_request::SyncGroupRequest;
use protocol::messages::sync_group_response::SyncGroupResponse;
use std::sync::Arc;

const PROTOCOL_REQUIRED_FROM: i16 = 5;

/// Syncs, and waits for the leader.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, request: SyncGroupRequest) -> SyncGroupResponse {
    let says_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if context.api_version >= PROTOCOL_REQUIRED_FROM && !says_protocol {
        return refused(ErrorCode::InconsistentGroupProtocol);
    }
    let group = request.group_id.clone();
    let operate = |coordinator: &mut _, state: &_, moment, token| sync_group(coordinator, state, moment, request, token);
    match ask(broker, &group, Patience::ForOthers, operate).await {
        Ok(Answer::Sync(response)) => response,
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(error) => refused(error),
    }
}

fn refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: error.code(), ..Default::default() }
}
