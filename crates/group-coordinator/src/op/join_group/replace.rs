//! A static member that comes back under a new id takes its old place (KIP-345).

use super::{JoinGroup, SkipAssignment};
use crate::classic::group::{ClassicGroup, Phase};
use crate::classic::rebalance;
use crate::completion::{Answer, Completion, Outcome, Replaced};
use crate::desk::Desk;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use std::sync::Arc;

/// Gives the place of `old` to `new`. In a stable group whose protocol stays the same nobody else has to rejoin.
pub(super) fn replace(
    desk: &mut Desk,
    group: &mut ClassicGroup,
    request: JoinGroup,
    old: &Arc<str>,
    new: Arc<str>,
    token: Token,
) -> Outcome {
    let old_leader = group.leader.clone();
    fence(desk, group, old);
    let Some(before) = group.member(old).cloned() else {
        return super::nothing();
    };
    group.rename(old, &new);
    let skip = request.skip_assignment;
    super::update(desk, group, request, &new, token);
    if let Some(member) = group.member(&new) {
        rebalance::await_heartbeat(desk, &group.id, member);
    }
    match group.phase {
        Phase::Stable if group.select_protocol() == group.protocol => {
            let value = group.to_value(|member| member.assignment.clone());
            let replaced = Replaced {
                group: Arc::clone(&group.id),
                instance_id: before.instance_id.clone().unwrap_or_else(|| Arc::clone(&new)),
                old: Arc::clone(old),
                new,
                old_protocols: before.protocols,
                old_rebalance_timeout_ms: before.rebalance_timeout_ms,
                old_session_timeout_ms: before.session_timeout_ms,
                old_leader,
                skip,
            };
            Outcome::atomic(
                vec![rebalance::record(group, value)],
                Completion::Replaced(Box::new(replaced)),
            )
        }
        Phase::Stable | Phase::CompletingRebalance => rebalance::prepare(desk, group),
        Phase::PreparingRebalance | Phase::Empty => rebalance::complete_if_all_joined(desk, group),
    }
}

/// Whoever waits under the old id is told that it has been replaced.
fn fence(desk: &mut Desk, group: &mut ClassicGroup, old: &Arc<str>) {
    rebalance::forget_member(desk, &group.id, old);
    if let Some(token) = group.take_join(old) {
        desk.reply(
            token,
            Answer::Join(rebalance::join_refused(old, ErrorCode::FencedInstanceId)),
        );
    }
    if let Some(token) = group.take_sync(old) {
        desk.reply(
            token,
            Answer::Sync(rebalance::sync_refused(ErrorCode::FencedInstanceId)),
        );
    }
}

/// The new id is safe: the member is told where the group is.
pub fn replaced(desk: &mut Desk, group: &mut ClassicGroup, replaced: &Replaced) {
    let Some(token) = group.take_join(&replaced.new) else {
        return;
    };
    let mut answer = rebalance::joined(group, &replaced.new);
    match replaced.skip {
        SkipAssignment::Known => answer.skip_assignment = group.is_leader(&replaced.new),
        SkipAssignment::Unknown => {
            // A client that cannot skip the assignment must not take itself for the leader, or it would assign anew.
            answer.leader = replaced.old_leader.as_deref().unwrap_or("").to_owned();
            answer.members.clear();
        }
    }
    desk.reply(token, Answer::Join(answer));
}

/// The new id was lost: the old one is back.
pub fn not_replaced(desk: &mut Desk, group: &mut ClassicGroup, replaced: Replaced, error: ErrorCode) {
    let timeouts = (replaced.old_session_timeout_ms, replaced.old_rebalance_timeout_ms);
    let waiting = group.update(&replaced.new, replaced.old_protocols, timeouts, None);
    rebalance::forget_member(desk, &group.id, &replaced.new);
    group.rename(&replaced.new, &replaced.old);
    if let Some(member) = group.member(&replaced.old) {
        rebalance::await_heartbeat(desk, &group.id, member);
    }
    if let Some(token) = waiting {
        desk.reply(token, Answer::Join(rebalance::join_refused("", error)));
    }
}
