//! JoinGroup (11): to become, or stay, a member of the next generation.
//! Errors: UNKNOWN_MEMBER_ID, MEMBER_ID_REQUIRED (join again with the id given, KIP-394), FENCED_INSTANCE_ID (KIP-345),
//! INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, INVALID_SESSION_TIMEOUT, INVALID_GROUP_ID.

mod replace;

use super::{answer, answer_with, nothing};
use crate::classic::group::{ClassicGroup, Phase};
use crate::classic::member::Member;
use crate::classic::{rebalance, validate};
use crate::completion::{Answer, Completion, Outcome};
use crate::consumer::draft::Draft;
use crate::consumer::group::ConsumerGroup;
use crate::consumer::{classic_member, fence};
use crate::coordinator::GroupCoordinator;
use crate::desk::Desk;
use crate::settings::NEW_MEMBER_JOIN_TIMEOUT;
use crate::state::GroupState;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use std::collections::BTreeSet;
use std::sync::Arc;

pub use crate::classic::join::{JoinGroup, MemberIdPolicy};
pub use crate::completion::SkipAssignment;
pub use replace::{not_replaced, replaced};

/// Takes a member in, or its newest wishes; the answer comes when all have joined.
pub fn join_group(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    mut request: JoinGroup,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    let mut seen = BTreeSet::new();
    // A protocol that is named twice counts once. (Kafka counts it twice, and then believes that not everybody has it.)
    request
        .protocols
        .retain(|protocol| seen.insert(Arc::clone(&protocol.name)));
    if let Err((member, error)) = check(&coordinator.desk, &request) {
        coordinator
            .desk
            .reply(token, Answer::Join(rebalance::join_refused(&member, error)));
        return nothing();
    }
    let consumer = state.consumer(&request.group_id);
    if let Some(group) = consumer.filter(|group| !group.is_empty()) {
        return join_consumer_group(coordinator, group, &request, token);
    }
    let is_known = coordinator.open(state, &request.group_id).is_some();
    if !is_known && !request.member_id.is_empty() {
        let answer = rebalance::join_refused(&request.member_id, ErrorCode::UnknownMemberId);
        coordinator.desk.reply(token, Answer::Join(answer));
        return nothing();
    }
    let id = Arc::clone(&request.group_id);
    let new = || ClassicGroup::new(&id, moment.wall);
    let group = coordinator.groups.entry(Arc::clone(&id)).or_insert_with(new);
    tracing::debug!(group = %id, member = %request.member_id, reason = request.reason.as_deref(), "a member joins");
    let announcement = (!is_known).then(|| {
        rebalance::record(
            group,
            ClassicGroup::new(&id, moment.wall).to_value(|_| bytes::Bytes::new()),
        )
    });
    let outcome = take_in(&mut coordinator.desk, group, request, token);
    match announcement {
        Some(record) if outcome.records.is_empty() => {
            let mut records = Vec::new();
            fence::erase(&mut coordinator.desk, state, &id, &mut records);
            records.push(record);
            Outcome::atomic(records, Completion::Created { group: id })
        }
        _ => outcome,
    }
}

fn join_consumer_group(
    coordinator: &mut GroupCoordinator,
    group: &ConsumerGroup,
    request: &JoinGroup,
    token: Token,
) -> Outcome {
    let mut draft = Draft::of(Arc::clone(&request.group_id), group);
    match classic_member::join(&mut coordinator.desk, &mut draft, request) {
        Ok(response) => answer_with(coordinator.finish(draft), token, Answer::Join(response)),
        Err(refusal) => {
            tracing::debug!(group = %request.group_id, %refusal, "a member of the classic protocol is refused");
            answer(token, Answer::Join(rebalance::join_refused("", refusal.code)))
        }
    }
}

/// What is wrong whatever the group is like; with the member id that the answer repeats.
fn check(desk: &Desk, request: &JoinGroup) -> Result<(), (Arc<str>, ErrorCode)> {
    let refused = |error| Err((Arc::clone(&request.member_id), error));
    if request.group_id.is_empty() {
        return refused(ErrorCode::InvalidGroupId);
    }
    let allowed = desk.settings.min_session_timeout_ms..=desk.settings.max_session_timeout_ms;
    if !allowed.contains(&request.session_timeout_ms) {
        return refused(ErrorCode::InvalidSessionTimeout);
    }
    Ok(())
}

fn take_in(desk: &mut Desk, group: &mut ClassicGroup, request: JoinGroup, token: Token) -> Outcome {
    let refuse = |desk: &mut Desk, member: &str, error| {
        desk.reply(token, Answer::Join(rebalance::join_refused(member, error)));
        nothing()
    };
    if !has_room(desk, group, &request.member_id) {
        let id = Arc::clone(&request.member_id);
        group.remove(&id);
        rebalance::forget_member(desk, &group.id, &id);
        return refuse(desk, "", ErrorCode::GroupMaxSizeReached);
    }
    if !group.supports(&request.protocol_type, &request.protocols) {
        let id = Arc::clone(&request.member_id);
        return refuse(desk, &id, ErrorCode::InconsistentGroupProtocol);
    }
    if request.member_id.is_empty() {
        return take_in_new(desk, group, request, token);
    }
    if group.pending().contains(&request.member_id) {
        if request.instance_id.is_some() {
            // Static members are never given an id to come back with: this one is somebody else's.
            let id = Arc::clone(&request.member_id);
            return refuse(desk, &id, ErrorCode::UnknownMemberId);
        }
        let id = Arc::clone(&request.member_id);
        return add(desk, group, request, id, token);
    }
    match validate::member(group, &request.member_id, request.instance_id.as_deref()) {
        Ok(()) => rejoin(desk, group, request, token),
        Err(error) => refuse(desk, &Arc::clone(&request.member_id), error),
    }
}

fn has_room(desk: &Desk, group: &ClassicGroup, member: &str) -> bool {
    let known = group.member(member);
    match group.phase {
        Phase::Empty => true,
        Phase::PreparingRebalance => {
            known.is_some_and(|member| member.awaiting_join.is_some()) || group.joining() < desk.settings.max_size
        }
        Phase::CompletingRebalance | Phase::Stable => known.is_some() || group.members().len() < desk.settings.max_size,
    }
}

fn take_in_new(desk: &mut Desk, group: &mut ClassicGroup, request: JoinGroup, token: Token) -> Outcome {
    let id = new_member_id(desk, &request);
    if let Some(instance_id) = &request.instance_id {
        return match group.static_member(instance_id).cloned() {
            Some(old) => replace::replace(desk, group, request, &old, id, token),
            None => add(desk, group, request, id, token),
        };
    }
    match request.member_id_policy {
        MemberIdPolicy::Optional => add(desk, group, request, id, token),
        MemberIdPolicy::Required => {
            group.add_pending(Arc::clone(&id));
            let patience = crate::classic::member::millis(request.session_timeout_ms);
            rebalance::await_member(desk, &group.id, &id, patience);
            desk.reply(
                token,
                Answer::Join(rebalance::join_refused(&id, ErrorCode::MemberIdRequired)),
            );
            nothing()
        }
    }
}

/// The client's name and a random UUID.
fn new_member_id(desk: &mut Desk, request: &JoinGroup) -> Arc<str> {
    let hex = base::Uuid::random(&mut desk.rng).to_hex();
    let name = request.instance_id.as_ref().unwrap_or(&request.client_id);
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    format!("{name}-{a}-{b}-{c}-{d}-{e}").into()
}

fn add(desk: &mut Desk, group: &mut ClassicGroup, request: JoinGroup, id: Arc<str>, token: Token) -> Outcome {
    if let Some(delay) = &mut group.initial_delay {
        delay.somebody_came = true;
    }
    if group.members().is_empty() {
        group.protocol_type = Some(request.protocol_type);
    }
    group.add(Member {
        id: Arc::clone(&id),
        instance_id: request.instance_id,
        client_id: request.client_id,
        client_host: request.client_host,
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        session_timeout_ms: request.session_timeout_ms,
        protocols: request.protocols,
        assignment: bytes::Bytes::new(),
        awaiting_join: Some(token),
        awaiting_sync: None,
        is_new: true,
    });
    rebalance::await_member(desk, &group.id, &id, NEW_MEMBER_JOIN_TIMEOUT);
    rebalance::prepare_or_complete(desk, group)
}

/// A member joins again: because it was asked to, because something changed, or because an answer was lost.
fn rejoin(desk: &mut Desk, group: &mut ClassicGroup, request: JoinGroup, token: Token) -> Outcome {
    let id = Arc::clone(&request.member_id);
    let has_changed = group
        .member(&id)
        .is_none_or(|member| member.protocols != request.protocols);
    let begins_anew = match group.phase {
        Phase::PreparingRebalance => true,
        Phase::CompletingRebalance => has_changed,
        // The leader may know of changes that its own subscription does not show, as of new partitions.
        Phase::Stable => has_changed || group.is_leader(&id),
        Phase::Empty => {
            desk.reply(
                token,
                Answer::Join(rebalance::join_refused(&id, ErrorCode::UnknownMemberId)),
            );
            return nothing();
        }
    };
    if !begins_anew {
        let mut answer = rebalance::joined(group, &id);
        if group.phase == Phase::Stable {
            answer.members.clear();
        }
        desk.reply(token, Answer::Join(answer));
        return nothing();
    }
    update(desk, group, request, &id, token);
    rebalance::prepare_or_complete(desk, group)
}

/// Takes over a member's wishes; an earlier join of the same member, left behind by a client that gave up, is answered
/// so that its request does not wait for ever.
fn update(desk: &mut Desk, group: &mut ClassicGroup, request: JoinGroup, id: &str, token: Token) {
    let timeouts = (request.session_timeout_ms, request.rebalance_timeout_ms);
    if let Some(earlier) = group.update(id, request.protocols, timeouts, Some(token)) {
        desk.reply(
            earlier,
            Answer::Join(rebalance::join_refused(id, ErrorCode::UnknownMemberId)),
        );
    }
}
