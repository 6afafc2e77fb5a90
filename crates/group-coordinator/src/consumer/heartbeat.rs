//! What a member's heartbeat does: it may change what the member wants, move the group's epoch on, and bring the member a
//! step closer to its target.

use super::draft::Draft;
use super::group::ConsumerGroup;
use super::member::{AWAY, LEFT, Member, MemberState};
use super::reconcile::{Subscription, Surroundings, reconcile};
use super::refresh::{self, Bump};
use super::refusal::Refusal;
use super::regexes::{self, Regex};
use super::subscribe::{self, Speaks};
use super::{fence, target};
use crate::desk::Desk;
use crate::timers::Timer;
use base::Uuid;
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::{ConsumerGroupHeartbeatRequest, TopicPartitions};
use protocol::messages::consumer_group_heartbeat_response::{
    Assignment, ConsumerGroupHeartbeatResponse, TopicPartitions as AssignedPartitions,
};
use std::sync::Arc;
use std::time::Duration;

/// A heartbeat with what is known of its sender.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// What it says.
    pub request: ConsumerGroupHeartbeatRequest,
    /// As the client calls itself.
    pub client_id: Arc<str>,
    /// Where it is, with Java's leading slash.
    pub client_host: Arc<str>,
}

/// Takes the heartbeat of a member that joins or stays.
///
/// # Errors
/// GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID,
/// INVALID_REGULAR_EXPRESSION.
pub(crate) fn heartbeat(
    desk: &mut Desk,
    draft: &mut Draft,
    heartbeat: &Heartbeat,
) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
    let request = &heartbeat.request;
    check_size(desk, &draft.group, &request.member_id)?;
    let id: Arc<str> = if request.member_id.is_empty() {
        Uuid::random(&mut desk.rng).to_string().into()
    } else {
        request.member_id.as_str().into()
    };
    let before = find(draft, &id, request)?;
    let wanted = wanted(&before, heartbeat);
    let owned = request.topic_partitions.as_deref();
    let member = settle(desk, draft, &before, wanted, owned)?;
    if before.classic.is_some() {
        fence::forget_classic(desk, &draft.id, &id);
    }
    await_member(desk, &draft.id, &id, desk.session_timeout(&draft.id));
    let is_full = request.rebalance_timeout_ms != -1
        && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
        && owned.is_some();
    let tell = request.member_epoch == 0 || is_full || member.assigned != before.assigned;
    Ok(ConsumerGroupHeartbeatResponse {
        member_id: Some(member.id.to_string()),
        member_epoch: member.epoch,
        heartbeat_interval_ms: desk.heartbeat_interval_ms(&draft.id),
        assignment: tell.then(|| assignment(&member)),
        ..Default::default()
    })
}

/// Whether there is room for somebody.
///
/// # Errors
/// GROUP_MAX_SIZE_REACHED.
pub(crate) fn check_size(desk: &Desk, group: &ConsumerGroup, id: &str) -> Result<(), Refusal> {
    let max = desk.settings.consumer.max_size;
    if group.members().len() < max || group.member(id).is_some() {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::GroupMaxSizeReached,
        format!("The consumer group has reached its maximum capacity of {max} members."),
    ))
}

fn find(draft: &mut Draft, id: &Arc<str>, request: &ConsumerGroupHeartbeatRequest) -> Result<Member, Refusal> {
    let instance_id = request.instance_id.as_deref();
    let owned = request.topic_partitions.as_deref();
    if request.member_epoch == 0 {
        return subscribe::join(draft, id, instance_id, Speaks::Consumer);
    }
    let known = subscribe::known(&draft.group, &draft.id, id, instance_id)?;
    subscribe::check_epoch(&known, request.member_epoch, owned)?;
    Ok(Member::clone(&known))
}

/// The member with what it says it wants; what it does not say stays as it was.
fn wanted(before: &Member, heartbeat: &Heartbeat) -> Member {
    let request = &heartbeat.request;
    let text = |said: &Option<String>, known: &Option<Arc<str>>| {
        let said = said.as_deref().map(Arc::from);
        said.or_else(|| known.clone())
    };
    let topics = request.subscribed_topic_names.as_ref().map(|names| {
        let names = names.iter().map(|name| name.as_str().into());
        Arc::new(names.collect())
    });
    Member {
        instance_id: text(&request.instance_id, &before.instance_id),
        rack_id: text(&request.rack_id, &before.rack_id),
        rebalance_timeout_ms: match request.rebalance_timeout_ms {
            -1 => before.rebalance_timeout_ms,
            said => said,
        },
        assignor: text(&request.server_assignor, &before.assignor),
        topics: topics.unwrap_or_else(|| Arc::clone(&before.topics)),
        regex: match &request.subscribed_topic_regex {
            Some(regex) => regex.as_str().into(),
            None => Arc::clone(&before.regex),
        },
        client_id: Arc::clone(&heartbeat.client_id),
        client_host: Arc::clone(&heartbeat.client_host),
        classic: None,
        ..before.clone()
    }
}

/// Writes what the member wants, what the group makes of it, and what the member gets.
pub(crate) fn settle(
    desk: &mut Desk,
    draft: &mut Draft,
    before: &Member,
    wanted: Member,
    owned: Option<&[TopicPartitions]>,
) -> Result<Member, Refusal> {
    let subscription = want(desk, draft, before, &wanted)?;
    target::update(desk, draft)?;
    step(desk, draft, wanted, subscription, owned)
}

/// Writes what the member wants, and what the group makes of it.
pub(crate) fn want(
    desk: &mut Desk,
    draft: &mut Draft,
    before: &Member,
    wanted: &Member,
) -> Result<Subscription, Refusal> {
    if *wanted != *before {
        draft.write_member(wanted);
    }
    let names_changed = wanted.topics != before.topics;
    let regex = regexes::update(desk, draft, before, wanted)?;
    let bump = if names_changed || regex == Regex::ChangedAndResolved {
        Bump::Always
    } else {
        Bump::IfTopicsChanged
    };
    if bump == Bump::Always || refresh::is_due(desk, draft) {
        refresh::refresh(desk, draft, bump);
    }
    let changed = names_changed || regex != Regex::Same;
    Ok(if changed {
        Subscription::Changed
    } else {
        Subscription::Same
    })
}

/// Brings the member a step closer to its target, and writes what it has then.
pub(crate) fn step(
    desk: &mut Desk,
    draft: &mut Draft,
    wanted: Member,
    subscription: Subscription,
    owned: Option<&[TopicPartitions]>,
) -> Result<Member, Refusal> {
    if subscription == Subscription::Same && wanted.is_reconciled_to(draft.group.assignment_epoch) {
        return Ok(wanted);
    }
    let target = draft.group.target_of(&wanted.id);
    let subscribed = target::subscribed(&desk.picture.topics, &draft.group, &wanted);
    let around = Surroundings {
        target_epoch: draft.group.assignment_epoch,
        target: &target,
        subscribed: subscribed.ids(),
        subscription,
        owned,
        index: draft.group.index(),
    };
    let member = reconcile(&wanted, &around)?;
    if member != wanted {
        draft.write_current(&member);
        await_revocation(desk, &draft.id, &member);
    }
    Ok(member)
}

/// Takes the last heartbeat of a member that leaves, for good or for a while.
///
/// # Errors
/// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
pub(crate) fn leave(
    desk: &mut Desk,
    draft: &mut Draft,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
    let instance_id = request.instance_id.as_deref();
    let member = subscribe::known(&draft.group, &draft.id, &request.member_id, instance_id)?;
    tracing::info!(group = %draft.id, member = %member.id, epoch = request.member_epoch, "a member leaves");
    let epoch = if request.member_epoch == AWAY && instance_id.is_some() {
        fence::let_rest(draft, &member);
        AWAY
    } else {
        fence::fence(desk, draft, &[member]);
        request.member_epoch
    };
    debug_assert!(matches!(epoch, LEFT | AWAY));
    Ok(ConsumerGroupHeartbeatResponse {
        member_id: Some(request.member_id.clone()),
        member_epoch: epoch,
        ..Default::default()
    })
}

fn assignment(member: &Member) -> Assignment {
    let topics = member.assigned.iter().map(|(topic_id, partitions)| AssignedPartitions {
        topic_id: *topic_id,
        partitions: partitions.keys().copied().collect(),
    });
    Assignment {
        topic_partitions: topics.collect(),
    }
}

/// A member is to be heard of in time.
pub(crate) fn await_member(desk: &mut Desk, group: &Arc<str>, member: &Arc<str>, patience: Duration) {
    let timer = Timer::Session {
        group: Arc::clone(group),
        member: Arc::clone(member),
    };
    desk.timers.set(timer, desk.moment.now.plus(patience));
}

/// A member that has to give partitions back is to do so in time. Who speaks the classic protocol does it by joining.
pub(crate) fn await_revocation(desk: &mut Desk, group: &Arc<str>, member: &Member) {
    if member.state != MemberState::UnrevokedPartitions || member.classic.is_some() {
        return;
    }
    let timer = Timer::Revocation {
        group: Arc::clone(group),
        member: Arc::clone(&member.id),
    };
    let patience = crate::classic::member::millis(member.rebalance_timeout_ms);
    desk.timers.set(timer, desk.moment.now.plus(patience));
}

/// All members of a group that was taken over have their time to be heard of.
pub(crate) fn await_all(desk: &mut Desk, id: &Arc<str>, group: &ConsumerGroup) {
    for member in group.members().values() {
        await_member(desk, id, &member.id, desk.session_timeout(id));
        await_revocation(desk, id, member);
    }
}
