//! Heartbeat (key 12): a member is alive.
//!
//! Errors: REBALANCE_IN_PROGRESS (join again), UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION,
//! INVALID_GROUP_ID, NOT_COORDINATOR. While the coordinator loads there is no error: nobody's session ends meanwhile.

use crate::Broker;
use crate::coordinators::ask::{Patience, ask};
use group_coordinator::Answer;
use group_coordinator::op::heartbeat::heartbeat;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::heartbeat_response::HeartbeatResponse;
use std::sync::Arc;

/// Notes it.
pub async fn handle(broker: &Arc<Broker>, _context: &RequestContext, request: HeartbeatRequest) -> HeartbeatResponse {
    let operate = |coordinator: &mut _, state: &_, moment, token| heartbeat(coordinator, state, moment, &request, token);
    let error = match ask(broker, &request.group_id, Patience::ForCommit, operate).await {
        Ok(Answer::Heartbeat(error)) => error,
        Ok(_) => ErrorCode::UnknownServerError,
        Err(ErrorCode::CoordinatorLoadInProgress) if !request.group_id.is_empty() => ErrorCode::None,
        Err(error) => error,
    };
    HeartbeatResponse { error_code: error.code(), ..Default::default() }
}
