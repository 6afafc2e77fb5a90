//! Members that leave, or are made to.

use super::downgrade;
use super::draft::{Draft, Next};
use super::member::{AWAY, Member, MemberState};
use crate::desk::Desk;
use crate::record::GroupRecord;
use crate::state::GroupState;
use crate::timers::Timer;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Takes members out for good; the rest share what they had, or go on as a classic group if they are all of that protocol.
/// A session that was awaited finds nobody.
pub(crate) fn fence(desk: &mut Desk, draft: &mut Draft, members: &[Arc<Member>]) {
    if members.is_empty() {
        return;
    }
    for member in members {
        forget_classic(desk, &draft.id, &member.id);
    }
    let generation = draft.group.epoch;
    if downgrade::is_due(desk, &draft.group, members)
        && downgrade::downgrade(desk, draft, members, generation, Next::Rebalance)
    {
        return;
    }
    for member in members {
        draft.remove_member(&member.id);
    }
    let regexes: BTreeSet<&Arc<str>> = members.iter().filter_map(|member| member.regex()).collect();
    for regex in regexes {
        if draft.group.index().regexes.get(regex) == 0 {
            draft.forget_regex(regex);
        }
    }
    let hash = desk.picture.topics.hash(draft.group.index().topics.keys());
    draft.write_epoch(draft.group.epoch.saturating_add(1), hash);
}

/// Nothing is expected any more of a member that spoke the classic protocol.
pub(crate) fn forget_classic(desk: &mut Desk, group: &Arc<str>, member: &Arc<str>) {
    let (group, member) = (|| Arc::clone(group), || Arc::clone(member));
    desk.timers.cancel(&Timer::ClassicJoin {
        group: group(),
        member: member(),
    });
    desk.timers.cancel(&Timer::ClassicSync {
        group: group(),
        member: member(),
    });
}

/// A static member is away for a while: it keeps its part.
pub(crate) fn let_rest(draft: &mut Draft, member: &Member) {
    let mut assigned = member.assigned.as_ref().clone();
    for epoch in assigned.values_mut().flat_map(|partitions| partitions.values_mut()) {
        *epoch = 0;
    }
    draft.write_current(&Member {
        epoch: AWAY,
        assigned: Arc::new(assigned),
        revoking: Arc::default(),
        ..member.clone()
    });
}

/// What follows from a deadline of a member of a consumer group, if anything.
pub(crate) fn timed_out(desk: &mut Desk, state: &GroupState, timer: &Timer) -> Option<Draft> {
    type Condition = fn(&Member) -> bool;
    let always: Condition = |_| true;
    let still_has: Condition = |member| member.state == MemberState::UnrevokedPartitions && member.epoch > 0;
    let is_classic: Condition = |member| member.classic.is_some();
    let (id, member, why, applies) = match timer {
        Timer::Session { group, member } => (group, member, "its session expired", always),
        Timer::Revocation { group, member } => (group, member, "it did not give its partitions back", still_has),
        Timer::ClassicJoin { group, member } => (group, member, "it did not join again", is_classic),
        Timer::ClassicSync { group, member } => (group, member, "it did not fetch its part", is_classic),
        Timer::Join(_) | Timer::Sync(_) | Timer::Expiry => return None,
    };
    let group = state.consumer(id)?;
    let known = group.member(member).filter(|member| applies(member))?;
    tracing::info!(group = %id, %member, why, "a member is fenced");
    let mut draft = Draft::of(Arc::clone(id), group);
    fence(desk, &mut draft, &[Arc::clone(known)]);
    Some(draft)
}

/// The end of a group that has no members any more, or is to become another.
pub(crate) fn erase(desk: &mut Desk, state: &GroupState, id: &Arc<str>, records: &mut Vec<GroupRecord>) {
    let Some(group) = state.consumer(id) else { return };
    super::draft::tombstones(id, group, records);
    desk.refreshed.remove(id);
}
