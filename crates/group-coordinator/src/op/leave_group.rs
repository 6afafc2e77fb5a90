//! LeaveGroup (13): members go at once instead of by timeout; an administrator can send static members away by name.
//! Errors: per member UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID; INVALID_GROUP_ID. KIP-345 (several), KIP-800 (reasons).

use super::{answer, answer_with};
use crate::classic::group::{ClassicGroup, Phase};
use crate::classic::{rebalance, validate};
use crate::completion::{Answer, Completion, Outcome};
use crate::consumer::draft::Draft;
use crate::consumer::group::ConsumerGroup;
use crate::consumer::member::Member;
use crate::consumer::{fence, subscribe};
use crate::coordinator::GroupCoordinator;
use crate::desk::Desk;
use crate::state::GroupState;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use protocol::messages::leave_group_response::{LeaveGroupResponse, MemberResponse};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Takes members out; the request names them in `members`, whatever its version.
pub fn leave_group(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    request: LeaveGroupRequest,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    if request.group_id.is_empty() {
        let response = LeaveGroupResponse {
            error_code: ErrorCode::InvalidGroupId.code(),
            ..Default::default()
        };
        return answer(token, Answer::Leave(response));
    }
    if let Some(group) = state.consumer(&request.group_id) {
        return leave_consumer_group(coordinator, group, request, token);
    }
    let Some((group, desk)) = coordinator.open(state, &request.group_id) else {
        let members = request
            .members
            .into_iter()
            .map(|member| told(member, ErrorCode::UnknownMemberId));
        let response = LeaveGroupResponse {
            members: members.collect(),
            ..Default::default()
        };
        return answer(token, Answer::Leave(response));
    };
    let mut members = Vec::with_capacity(request.members.len());
    let mut gone = 0;
    for member in request.members {
        let error = match leave(desk, group, &member) {
            Ok(()) => ErrorCode::None,
            Err(error) => error,
        };
        gone += usize::from(error == ErrorCode::None);
        members.push(told(member, error));
    }
    let response = LeaveGroupResponse {
        members,
        ..Default::default()
    };
    let rebalanced = if gone > 0 { go_on(desk, group) } else { super::nothing() };
    debug_assert_eq!(
        rebalanced.response,
        Completion::Nothing,
        "a rebalance leaves nothing to do"
    );
    answer_with(rebalanced.records, token, Answer::Leave(response))
}

/// Any member of a consumer group may be sent away, whatever protocol it speaks.
fn leave_consumer_group(
    coordinator: &mut GroupCoordinator,
    group: &ConsumerGroup,
    request: LeaveGroupRequest,
    token: Token,
) -> Outcome {
    let mut gone: BTreeMap<Arc<str>, Arc<Member>> = BTreeMap::new();
    let mut members = Vec::with_capacity(request.members.len());
    for member in request.members {
        let instance_id = member.group_instance_id.as_deref();
        let by_name = instance_id.filter(|_| member.member_id.is_empty());
        let found = match by_name {
            Some(instance_id) => group
                .static_member(instance_id)
                .cloned()
                .ok_or(ErrorCode::UnknownMemberId),
            None => subscribe::known(group, &request.group_id, &member.member_id, instance_id)
                .map_err(|refusal| refusal.code),
        };
        let error = match found {
            Ok(found) => {
                tracing::info!(group = %request.group_id, member = %found.id, reason = member.reason.as_deref(), "a member leaves");
                gone.insert(Arc::clone(&found.id), found);
                ErrorCode::None
            }
            Err(error) => error,
        };
        members.push(told(member, error));
    }
    let mut draft = Draft::of(request.group_id.as_str().into(), group);
    let gone: Vec<Arc<Member>> = gone.into_values().collect();
    fence::fence(&mut coordinator.desk, &mut draft, &gone);
    let response = LeaveGroupResponse {
        members,
        ..Default::default()
    };
    // Nobody has gone: nothing changes.
    let records = if gone.is_empty() {
        Vec::new()
    } else {
        coordinator.finish(draft)
    };
    answer_with(records, token, Answer::Leave(response))
}

fn told(member: MemberIdentity, error: ErrorCode) -> MemberResponse {
    MemberResponse {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        error_code: error.code(),
    }
}

fn leave(desk: &mut Desk, group: &mut ClassicGroup, member: &MemberIdentity) -> Result<(), ErrorCode> {
    let instance_id = member.group_instance_id.as_deref();
    let id: Arc<str> = if member.member_id.is_empty() {
        let known = instance_id.and_then(|instance_id| group.static_member(instance_id));
        Arc::clone(known.ok_or(ErrorCode::UnknownMemberId)?)
    } else {
        member.member_id.as_str().into()
    };
    let is_pending = group.pending().contains(&id);
    if !member.member_id.is_empty() && !is_pending {
        validate::member(group, &id, instance_id)?;
    }
    tracing::info!(group = %group.id, member = %id, reason = member.reason.as_deref(), "a member leaves");
    rebalance::remove(desk, group, &id);
    Ok(())
}

fn go_on(desk: &mut Desk, group: &mut ClassicGroup) -> Outcome {
    match group.phase {
        Phase::Stable | Phase::CompletingRebalance => rebalance::prepare(desk, group),
        Phase::PreparingRebalance => rebalance::complete_if_all_joined(desk, group),
        Phase::Empty => super::nothing(),
    }
}
