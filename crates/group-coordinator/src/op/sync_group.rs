//! SyncGroup (14): the leader hands in how the work is divided, every member gets its part.
//! Errors: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL,
//! REBALANCE_IN_PROGRESS, INVALID_GROUP_ID.

use super::{answer, nothing};
use crate::classic::group::{ClassicGroup, Phase};
use crate::classic::{rebalance, validate};
use crate::completion::{Answer, Completion, Outcome};
use crate::consumer::classic_member;
use crate::coordinator::GroupCoordinator;
use crate::desk::Desk;
use crate::state::GroupState;
use bytes::Bytes;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::messages::sync_group_request::SyncGroupRequest;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Waits for the leader's assignment, or brings it.
pub fn sync_group(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    request: SyncGroupRequest,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    if let Some(group) = state.consumer(&request.group_id).filter(|group| !group.is_empty()) {
        let id: Arc<str> = request.group_id.as_str().into();
        let synced = classic_member::sync(&mut coordinator.desk, &id, group, request);
        return answer(token, Answer::Sync(synced.unwrap_or_else(rebalance::sync_refused)));
    }
    let refused = match coordinator.open(state, &request.group_id) {
        _ if request.group_id.is_empty() => ErrorCode::InvalidGroupId,
        None => ErrorCode::UnknownMemberId,
        Some((group, _)) if group.phase == Phase::Empty => ErrorCode::UnknownMemberId,
        Some((group, desk)) => match check(group, &request) {
            Ok(()) => return sync(desk, group, request, token),
            Err(error) => error,
        },
    };
    coordinator
        .desk
        .reply(token, Answer::Sync(rebalance::sync_refused(refused)));
    nothing()
}

fn check(group: &ClassicGroup, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    validate::member(group, &request.member_id, request.group_instance_id.as_deref())?;
    if request.generation_id != group.generation {
        return Err(ErrorCode::IllegalGeneration);
    }
    let differs = |theirs: Option<&str>, ours: Option<&str>| matches!((theirs, ours), (Some(theirs), Some(ours)) if theirs != ours);
    if differs(request.protocol_type.as_deref(), group.protocol_type.as_deref())
        || differs(request.protocol_name.as_deref(), group.protocol.as_deref())
    {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    Ok(())
}

fn sync(desk: &mut Desk, group: &mut ClassicGroup, request: SyncGroupRequest, token: Token) -> Outcome {
    match group.phase {
        Phase::Empty | Phase::PreparingRebalance => {
            desk.reply(
                token,
                Answer::Sync(rebalance::sync_refused(ErrorCode::RebalanceInProgress)),
            );
            nothing()
        }
        Phase::Stable => {
            rebalance::synced(desk, group, &request.member_id);
            if let Some(member) = group.member(&request.member_id) {
                desk.reply(token, Answer::Sync(rebalance::assignment_of(group, member)));
            }
            nothing()
        }
        Phase::CompletingRebalance => {
            let earlier = group
                .member_mut(&request.member_id)
                .and_then(|member| member.awaiting_sync.replace(token));
            if let Some(earlier) = earlier {
                desk.reply(
                    earlier,
                    Answer::Sync(rebalance::sync_refused(ErrorCode::RebalanceInProgress)),
                );
            }
            rebalance::synced(desk, group, &request.member_id);
            if group.is_leader(&request.member_id) {
                assign(group, request)
            } else {
                nothing()
            }
        }
    }
}

fn assign(group: &ClassicGroup, request: SyncGroupRequest) -> Outcome {
    let assignment: BTreeMap<Arc<str>, Bytes> = request
        .assignments
        .into_iter()
        .map(|part| (Arc::from(part.member_id), part.assignment))
        .collect();
    let value = group.to_value(|member| assignment.get(&member.id).cloned().unwrap_or_default());
    let completion = Completion::Assigned {
        group: Arc::clone(&group.id),
        generation: group.generation,
        assignment,
    };
    Outcome::atomic(vec![rebalance::record(group, value)], completion)
}
