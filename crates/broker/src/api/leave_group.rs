//! LeaveGroup (key 13): members go.
//!
//! Errors: per member UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID; INVALID_GROUP_ID, COORDINATOR_LOAD_IN_PROGRESS,
//! NOT_COORDINATOR. Before version 3 one member, whose error is the response's; several from 3 (KIP-345), with reasons
//! from 5 (KIP-800). A member without an id is named by its instance id: an administrator sends it away.

use crate::Broker;
use crate::coordinators::ask::{Patience, ask};
use group_coordinator::Answer;
use group_coordinator::op::leave_group::leave_group;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use protocol::messages::leave_group_response::LeaveGroupResponse;
use std::sync::Arc;

const BATCHED_FROM: i16 = 3;

/// Takes members out.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, mut request: LeaveGroupRequest) -> LeaveGroupResponse {
    let is_batched = context.api_version >= BATCHED_FROM;
    if !is_batched {
        let member_id = std::mem::take(&mut request.member_id);
        request.members = vec![MemberIdentity { member_id, ..Default::default() }];
    }
    let group = request.group_id.clone();
    let operate = |coordinator: &mut _, state: &_, moment, token| leave_group(coordinator, state, moment, request, token);
    let mut response = match ask(broker, &group, Patience::ForCommit, operate).await {
        Ok(Answer::Leave(response)) => response,
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(error) => refused(error),
    };
    if !is_batched {
        let members = std::mem::take(&mut response.members);
        if let (0, Some(member)) = (response.error_code, members.first()) {
            response.error_code = member.error_code;
        }
    }
    response
}

fn refused(error: ErrorCode) -> LeaveGroupResponse {
    LeaveGroupResponse { error_code: error.code(), ..Default::default() }
}
