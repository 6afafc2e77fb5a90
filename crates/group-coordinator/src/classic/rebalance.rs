//! From one generation to the next: waiting for members to join, choosing, waiting for them to sync.

use crate::classic::group::{ClassicGroup, InitialDelay, Phase};
use crate::classic::member::Member;
use crate::completion::{Answer, Completion, Outcome};
use crate::desk::Desk;
use crate::record::GroupRecord;
use crate::timers::Timer;
use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use protocol::messages::sync_group_response::SyncGroupResponse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn nothing() -> Outcome {
    Outcome::unchanged(Completion::Nothing)
}

fn session(group: &Arc<str>, member: &Arc<str>) -> Timer {
    Timer::Session {
        group: Arc::clone(group),
        member: Arc::clone(member),
    }
}

/// A member was heard of: it has its session timeout again.
pub(crate) fn await_heartbeat(desk: &mut Desk, group: &Arc<str>, member: &Member) {
    await_member(desk, group, &member.id, member.session_timeout());
}

/// A member, or somebody who was given an id, is to be heard of in time.
pub(crate) fn await_member(desk: &mut Desk, group: &Arc<str>, member: &Arc<str>, patience: Duration) {
    desk.timers.set(session(group, member), desk.moment.now.plus(patience));
}

/// Nothing more is expected of a member.
pub(crate) fn forget_member(desk: &mut Desk, group: &Arc<str>, member: &Arc<str>) {
    desk.timers.cancel(&session(group, member));
}

/// Somebody came, went or changed: a rebalance begins, or the one that has begun may now be complete.
pub(crate) fn prepare_or_complete(desk: &mut Desk, group: &mut ClassicGroup) -> Outcome {
    match group.phase {
        Phase::Empty | Phase::CompletingRebalance | Phase::Stable => prepare(desk, group),
        Phase::PreparingRebalance => complete_if_all_joined(desk, group),
    }
}

/// Asks all members to join again.
pub(crate) fn prepare(desk: &mut Desk, group: &mut ClassicGroup) -> Outcome {
    if group.phase == Phase::CompletingRebalance {
        reset_assignment(desk, group, ErrorCode::RebalanceInProgress);
    }
    group.pending_sync.clear();
    desk.timers.cancel(&Timer::Sync(Arc::clone(&group.id)));
    let was_empty = group.phase == Phase::Empty;
    group.enter(Phase::PreparingRebalance, desk.moment.wall);
    tracing::debug!(group = %group.id, generation = group.generation, "preparing a rebalance");
    if was_empty {
        let delay = desk.settings.initial_rebalance_delay;
        let remains = group.rebalance_timeout().saturating_sub(delay);
        group.initial_delay = Some(InitialDelay {
            delay,
            remains,
            somebody_came: false,
        });
        desk.timers
            .set(Timer::Join(Arc::clone(&group.id)), desk.moment.now.plus(delay));
        return nothing();
    }
    if group.all_joined() {
        return complete(desk, group);
    }
    let patience = group.rebalance_timeout();
    desk.timers
        .set(Timer::Join(Arc::clone(&group.id)), desk.moment.now.plus(patience));
    nothing()
}

/// Ends the joining if all have, unless the group waits for more to come.
pub(crate) fn complete_if_all_joined(desk: &mut Desk, group: &mut ClassicGroup) -> Outcome {
    if group.phase != Phase::PreparingRebalance || group.initial_delay.is_some() || !group.all_joined() {
        return nothing();
    }
    complete(desk, group)
}

/// The members have had their time to join.
pub(crate) fn join_time_up(desk: &mut Desk, group: &mut ClassicGroup) -> Outcome {
    if let Some(delay) = &mut group.initial_delay
        && delay.somebody_came
        && delay.remains > Duration::ZERO
    {
        let next = desk.settings.initial_rebalance_delay.min(delay.remains);
        delay.remains = delay.remains.saturating_sub(delay.delay);
        delay.delay = next;
        delay.somebody_came = false;
        desk.timers
            .set(Timer::Join(Arc::clone(&group.id)), desk.moment.now.plus(next));
        return nothing();
    }
    if group.phase == Phase::PreparingRebalance {
        complete(desk, group)
    } else {
        nothing()
    }
}

/// Ends the joining: whoever is not here is out (static members may come later), the rest begin a generation.
pub(crate) fn complete(desk: &mut Desk, group: &mut ClassicGroup) -> Outcome {
    desk.timers.cancel(&Timer::Join(Arc::clone(&group.id)));
    group.initial_delay = None;
    let absent = |member: &&Member| member.awaiting_join.is_none() && member.instance_id.is_none();
    let absent: Vec<Arc<str>> = group
        .members()
        .values()
        .filter(absent)
        .map(|member| Arc::clone(&member.id))
        .collect();
    for member in absent {
        tracing::info!(group = %group.id, %member, "a member that did not rejoin in time is removed");
        group.remove(&member);
        forget_member(desk, &group.id, &member);
    }
    if !group.members().is_empty() && !group.elect_joined_leader() {
        // Only static members, and none of them is here: their sessions decide.
        let patience = group.rebalance_timeout();
        desk.timers
            .set(Timer::Join(Arc::clone(&group.id)), desk.moment.now.plus(patience));
        return nothing();
    }
    group.begin_generation(desk.moment.wall);
    if group.phase == Phase::Empty {
        tracing::info!(group = %group.id, generation = group.generation, "the group is empty now");
        let value = group.to_value(|_| Bytes::new());
        return Outcome::atomic(vec![record(group, value)], Completion::Nothing);
    }
    answer_joins(desk, group);
    let patience = group.rebalance_timeout();
    desk.timers
        .set(Timer::Sync(Arc::clone(&group.id)), desk.moment.now.plus(patience));
    nothing()
}

/// The group's record.
pub(crate) fn record(
    group: &ClassicGroup,
    value: protocol::internal::group_metadata_value::GroupMetadataValue,
) -> GroupRecord {
    GroupRecord::Group {
        group: Arc::clone(&group.id),
        value: Some(Arc::new(value)),
    }
}

fn answer_joins(desk: &mut Desk, group: &mut ClassicGroup) {
    tracing::info!(group = %group.id, generation = group.generation, members = group.members().len(), "a generation begins");
    let ids: Vec<Arc<str>> = group.members().keys().cloned().collect();
    for id in ids {
        if let Some(token) = group.take_join(&id) {
            let answer = joined(group, &id);
            desk.reply(token, Answer::Join(answer));
        }
        group.pending_sync.insert(Arc::clone(&id));
        let Some(member) = group.member_mut(&id) else { continue };
        member.is_new = false;
        let patience = member.session_timeout();
        await_member(desk, &group.id, &id, patience);
    }
}

/// What a member is told of the generation it is in; the leader learns of all members.
pub(crate) fn joined(group: &ClassicGroup, member: &str) -> JoinGroupResponse {
    let protocol = group.protocol.as_deref().unwrap_or("");
    let everyone = group.members().values().map(|member| JoinGroupResponseMember {
        member_id: member.id.to_string(),
        group_instance_id: member.instance_id.as_deref().map(str::to_owned),
        metadata: member.metadata(protocol),
    });
    JoinGroupResponse {
        generation_id: group.generation,
        protocol_type: group.protocol_type.clone(),
        protocol_name: group.protocol.as_deref().map(str::to_owned),
        leader: group.leader.as_deref().unwrap_or("").to_owned(),
        member_id: member.to_owned(),
        members: if group.is_leader(member) {
            everyone.collect()
        } else {
            Vec::new()
        },
        ..Default::default()
    }
}

/// A join that failed.
pub(crate) fn join_refused(member: &str, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: error.code(),
        generation_id: -1,
        protocol_name: None,
        member_id: member.to_owned(),
        ..Default::default()
    }
}

/// A sync that failed.
pub(crate) fn sync_refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse {
        error_code: error.code(),
        ..Default::default()
    }
}

/// A member was silent for too long.
pub(crate) fn session_ended(desk: &mut Desk, group: &mut ClassicGroup, id: &Arc<str>) -> Outcome {
    if group.pending().contains(id) {
        group.remove(id);
        return complete_now_if_all_joined(desk, group);
    }
    match group.member(id) {
        Some(member) if !member.waits_for_us() => {
            tracing::info!(group = %group.id, member = %id, "a member was silent for its session timeout and is removed");
            remove(desk, group, id);
            match group.phase {
                Phase::Stable | Phase::CompletingRebalance => prepare(desk, group),
                Phase::PreparingRebalance => complete_now_if_all_joined(desk, group),
                Phase::Empty => nothing(),
            }
        }
        _ => nothing(),
    }
}

/// As Kafka, an expired session ends even the initial delay once everyone left has joined.
fn complete_now_if_all_joined(desk: &mut Desk, group: &mut ClassicGroup) -> Outcome {
    if group.phase == Phase::PreparingRebalance && group.all_joined() {
        return complete(desk, group);
    }
    nothing()
}

/// Takes a member out; whoever waits for its join is told to begin anew.
pub(crate) fn remove(desk: &mut Desk, group: &mut ClassicGroup, id: &Arc<str>) {
    forget_member(desk, &group.id, id);
    if let Some(token) = group.take_join(id) {
        desk.reply(token, Answer::Join(join_refused("", ErrorCode::UnknownMemberId)));
    }
    if let Some(token) = group.take_sync(id) {
        desk.reply(token, Answer::Sync(sync_refused(ErrorCode::UnknownMemberId)));
    }
    group.remove(id);
}

/// The members have had their time to sync: those who did not are out, and the rest join again.
pub(crate) fn sync_time_up(desk: &mut Desk, group: &mut ClassicGroup) -> Outcome {
    let expects = matches!(group.phase, Phase::CompletingRebalance | Phase::Stable);
    if !expects || group.pending_sync.is_empty() {
        return nothing();
    }
    for member in std::mem::take(&mut group.pending_sync) {
        tracing::info!(group = %group.id, %member, "a member that did not sync in time is removed");
        remove(desk, group, &member);
    }
    prepare(desk, group)
}

/// A member has synced.
pub(crate) fn synced(desk: &mut Desk, group: &mut ClassicGroup, member: &str) {
    group.pending_sync.remove(member);
    if group.pending_sync.is_empty() {
        desk.timers.cancel(&Timer::Sync(Arc::clone(&group.id)));
    }
}

/// The leader's assignment is safe: everyone gets its part.
pub(crate) fn assigned(
    desk: &mut Desk,
    group: &mut ClassicGroup,
    generation: i32,
    assignment: &BTreeMap<Arc<str>, Bytes>,
) {
    if group.phase != Phase::CompletingRebalance || group.generation != generation {
        return;
    }
    for member in group.members_mut() {
        member.assignment = assignment.get(&member.id).cloned().unwrap_or_default();
    }
    answer_syncs(desk, group, ErrorCode::None);
    group.enter(Phase::Stable, desk.moment.wall);
}

/// The leader's assignment was lost: the members begin anew.
pub(crate) fn assignment_lost(desk: &mut Desk, group: &mut ClassicGroup, generation: i32, error: ErrorCode) -> Outcome {
    if group.phase != Phase::CompletingRebalance || group.generation != generation {
        return nothing();
    }
    reset_assignment(desk, group, error);
    prepare(desk, group)
}

fn reset_assignment(desk: &mut Desk, group: &mut ClassicGroup, error: ErrorCode) {
    for member in group.members_mut() {
        member.assignment = Bytes::new();
    }
    answer_syncs(desk, group, error);
}

fn answer_syncs(desk: &mut Desk, group: &mut ClassicGroup, error: ErrorCode) {
    let ids: Vec<Arc<str>> = group.members().keys().cloned().collect();
    for id in ids {
        let Some(token) = group.take_sync(&id) else { continue };
        let Some(member) = group.member(&id) else { continue };
        let answer = if error == ErrorCode::None {
            assignment_of(group, member)
        } else {
            sync_refused(error)
        };
        desk.reply(token, Answer::Sync(answer));
        await_heartbeat(desk, &group.id, member);
    }
}

/// A member's part of the work.
pub(crate) fn assignment_of(group: &ClassicGroup, member: &Member) -> SyncGroupResponse {
    SyncGroupResponse {
        protocol_type: group.protocol_type.clone(),
        protocol_name: group.protocol.as_deref().map(str::to_owned),
        assignment: member.assignment.clone(),
        ..Default::default()
    }
}

/// Tells everyone who waits that nothing will come of it.
pub(crate) fn refuse_all(desk: &mut Desk, group: &mut ClassicGroup, error: ErrorCode) {
    let ids: Vec<Arc<str>> = group.members().keys().cloned().collect();
    for id in ids {
        if let Some(token) = group.take_join(&id) {
            desk.reply(token, Answer::Join(join_refused(&id, error)));
        }
        if let Some(token) = group.take_sync(&id) {
            desk.reply(token, Answer::Sync(sync_refused(error)));
        }
    }
}
