//! Members that leave, or are made to.

use super::draft::Draft;
use super::member::{AWAY, Member, MemberState};
use crate::completion::{Completion, Outcome};
use crate::desk::Desk;
use crate::record::GroupRecord;
use crate::state::GroupState;
use crate::timers::Timer;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Takes members out for good; the rest share what they had. Deadlines that were set for them find nobody.
pub(crate) fn fence(desk: &Desk, draft: &mut Draft, members: &[Arc<Member>]) {
    if members.is_empty() {
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

/// A member was silent for too long.
pub(crate) fn session_ended(desk: &Desk, state: &GroupState, group: &Arc<str>, member: &Arc<str>) -> Outcome {
    let timer = Timer::Session {
        group: Arc::clone(group),
        member: Arc::clone(member),
    };
    fence_if(desk, state, (group, member), "its session expired", timer, |_| true)
}

/// A member has had its time to give partitions back.
pub(crate) fn revocation_time_up(desk: &Desk, state: &GroupState, group: &Arc<str>, member: &Arc<str>) -> Outcome {
    let still_has = |member: &Member| member.state == MemberState::UnrevokedPartitions && member.epoch > 0;
    let timer = Timer::Revocation {
        group: Arc::clone(group),
        member: Arc::clone(member),
    };
    let why = "it did not give its partitions back";
    fence_if(desk, state, (group, member), why, timer, still_has)
}

fn fence_if(
    desk: &Desk,
    state: &GroupState,
    (id, member): (&Arc<str>, &Arc<str>),
    why: &str,
    timer: Timer,
    condition: impl FnOnce(&Member) -> bool,
) -> Outcome {
    let group = state.consumer(id);
    let known = group.and_then(|group| Some((group, group.member(member)?)));
    let Some((group, known)) = known.filter(|(_, member)| condition(member)) else {
        return Outcome::unchanged(Completion::Nothing);
    };
    tracing::info!(group = %id, %member, why, "a member is fenced");
    let mut draft = Draft::of(Arc::clone(id), group);
    fence(desk, &mut draft, &[Arc::clone(known)]);
    Outcome::atomic(draft.records, Completion::Timer(timer))
}

/// The end of a group that has no members any more, or is to become another.
pub(crate) fn erase(desk: &mut Desk, state: &GroupState, id: &Arc<str>, records: &mut Vec<GroupRecord>) {
    let Some(group) = state.consumer(id) else { return };
    super::draft::tombstones(id, group, records);
    desk.refreshed.remove(id);
}
