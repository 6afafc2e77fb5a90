//! Heartbeat (12): a member is alive, and learns whether it has to rejoin.
//! Errors: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, INVALID_GROUP_ID.

use super::answer;
use crate::classic::group::Phase;
use crate::classic::{rebalance, validate};
use crate::completion::{Answer, Outcome};
use crate::consumer::classic_member;
use crate::coordinator::GroupCoordinator;
use crate::state::GroupState;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use std::sync::Arc;

/// Notes the sign of life.
pub fn heartbeat(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    request: &HeartbeatRequest,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    let error = match alive(coordinator, state, request) {
        Ok(()) => ErrorCode::None,
        Err(error) => error,
    };
    answer(token, Answer::Heartbeat(error))
}

fn alive(coordinator: &mut GroupCoordinator, state: &GroupState, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    if let Some(group) = state.consumer(&request.group_id) {
        let id: Arc<str> = request.group_id.as_str().into();
        return classic_member::heartbeat(&mut coordinator.desk, &id, group, request);
    }
    let (group, desk) = coordinator
        .open(state, &request.group_id)
        .ok_or(ErrorCode::UnknownMemberId)?;
    validate::member(group, &request.member_id, request.group_instance_id.as_deref())?;
    if request.generation_id != group.generation {
        return Err(ErrorCode::IllegalGeneration);
    }
    if let Some(member) = group.member(&request.member_id) {
        rebalance::await_heartbeat(desk, &group.id, member);
    }
    match group.phase {
        Phase::Empty => Err(ErrorCode::UnknownMemberId),
        Phase::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
        Phase::CompletingRebalance | Phase::Stable => Ok(()),
    }
}
