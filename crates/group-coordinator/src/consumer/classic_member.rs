//! Members of a consumer group that speak the classic protocol: the coordinator divides the work for them too, and tells
//! them to join again whenever their part changes.

use super::draft::{Draft, Next};
use super::group::ConsumerGroup;
use super::heartbeat::{self, await_member, check_size};
use super::member::{Member, MemberState};
use super::refusal::Refusal;
use super::subscribe::{self, Speaks};
use super::upgrade::{rack, said};
use super::{downgrade, fence};
use crate::classic::join::{JoinGroup, MemberIdPolicy};
use crate::classic::member::millis;
use crate::desk::Desk;
use crate::settings::MigrationPolicy;
use crate::timers::Timer;
use crate::topics::Topics;
use base::Uuid;
use protocol::ErrorCode;
use protocol::internal::consumer_group_member_metadata_value::ClassicProtocol;
use protocol::internal::consumer_protocol_subscription::ConsumerProtocolSubscription;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::join_group_response::JoinGroupResponse;
use protocol::messages::sync_group_request::SyncGroupRequest;
use protocol::messages::sync_group_response::SyncGroupResponse;
use protocol::versioned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";

/// A JoinGroup: the member says what it wants and has, and is given its next epoch as a generation.
///
/// # Errors
/// INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
pub(crate) fn join(desk: &mut Desk, draft: &mut Draft, request: &JoinGroup) -> Result<JoinGroupResponse, Refusal> {
    let is_unknown = request.member_id.is_empty();
    let id: Arc<str> = if is_unknown {
        Uuid::random(&mut desk.rng).to_string().into()
    } else {
        Arc::clone(&request.member_id)
    };
    check(desk, &draft.group, request, &id)?;
    let instance_id = request.instance_id.as_deref();
    if is_unknown && instance_id.is_none() && request.member_id_policy == MemberIdPolicy::Required {
        return Ok(JoinGroupResponse {
            error_code: ErrorCode::MemberIdRequired.code(),
            generation_id: -1,
            protocol_name: None,
            member_id: id.to_string(),
            ..Default::default()
        });
    }
    let replaced = instance_id.and_then(|instance_id| draft.group.static_member(instance_id));
    let ends = replaced.is_some_and(|replaced| downgrade::is_due_without(desk, &draft.group, replaced));
    let generation = draft.group.epoch;
    let before = if instance_id.is_some() && !is_unknown {
        let known = subscribe::known(&draft.group, &draft.id, &id, instance_id)?;
        Member::clone(&known)
    } else {
        subscribe::join(draft, &id, instance_id, Speaks::Classic)?
    };
    let subscription = read(request)?;
    let owned = owned(&desk.picture.topics, &subscription);
    let wanted = wanted(&before, request, &subscription);
    let member = if ends {
        let subscription = heartbeat::want(desk, draft, &before, &wanted)?;
        let is_stale = draft.group.assignment_epoch < draft.group.epoch;
        let next = if is_stale { Next::Rebalance } else { Next::GoOn };
        let member = match next {
            Next::Rebalance => wanted,
            Next::GoOn => heartbeat::step(desk, draft, wanted, subscription, Some(&owned))?,
        };
        if !downgrade::downgrade(desk, draft, &[], generation, next) {
            return Err(Refusal::not_found("what a member has said cannot be read"));
        }
        member
    } else {
        let member = heartbeat::settle(desk, draft, &before, wanted, Some(&owned))?;
        await_sync(desk, &draft.id, request, &id);
        member
    };
    Ok(JoinGroupResponse {
        generation_id: member.epoch,
        protocol_type: Some(CONSUMER.to_owned()),
        protocol_name: request.protocols.first().map(|protocol| protocol.name.to_string()),
        member_id: member.id.to_string(),
        ..Default::default()
    })
}

fn check(desk: &Desk, group: &ConsumerGroup, request: &JoinGroup, id: &str) -> Result<(), Refusal> {
    let inconsistent = |why: String| Err(Refusal::new(ErrorCode::InconsistentGroupProtocol, why));
    if desk.settings.consumer.migration == MigrationPolicy::Disabled {
        return inconsistent("the group migration is disabled".to_owned());
    }
    check_size(desk, group, id)?;
    let index = group.index();
    let is_everyones = |name: &str| index.classic_protocols.get(name) == index.classic_members;
    let mut protocols = request.protocols.iter();
    if request.protocol_type != CONSUMER || !protocols.any(|protocol| is_everyones(&protocol.name)) {
        return inconsistent(format!("Member {id}'s protocols are not supported."));
    }
    Ok(())
}

/// What the first of its protocols says that the member wants.
fn read(request: &JoinGroup) -> Result<ConsumerProtocolSubscription, Refusal> {
    let first = request.protocols.first().map(|protocol| &protocol.metadata);
    let decoded = first.and_then(|metadata| versioned::decode_newest_known(metadata).ok());
    let malformed = || Refusal::new(ErrorCode::UnknownServerError, "Malformed embedded consumer protocol.");
    decoded.map(|(subscription, _)| subscription).ok_or_else(malformed)
}

fn wanted(before: &Member, request: &JoinGroup, subscription: &ConsumerProtocolSubscription) -> Member {
    let topics = subscription.topics.iter().map(|topic| topic.as_str().into());
    Member {
        instance_id: request.instance_id.clone().or_else(|| before.instance_id.clone()),
        rack_id: rack(subscription).or_else(|| before.rack_id.clone()),
        rebalance_timeout_ms: match request.rebalance_timeout_ms {
            -1 => before.rebalance_timeout_ms,
            said => said,
        },
        topics: Arc::new(topics.collect()),
        regex: "".into(),
        client_id: Arc::clone(&request.client_id),
        client_host: Arc::clone(&request.client_host),
        classic: Some(Arc::new(said(request.session_timeout_ms, &request.protocols))),
        ..before.clone()
    }
}

/// What the member says that it has, of topics that exist.
fn owned(topics: &Topics, subscription: &ConsumerProtocolSubscription) -> Vec<TopicPartitions> {
    let owned = subscription.owned_partitions.iter().filter_map(|topic| {
        Some(TopicPartitions {
            topic_id: topics.id(&topic.topic)?,
            partitions: topic.partitions.clone(),
        })
    });
    owned.collect()
}

fn await_sync(desk: &mut Desk, group: &Arc<str>, request: &JoinGroup, member: &Arc<str>) {
    fence::forget_classic(desk, group, member);
    await_member(desk, group, member, millis(request.session_timeout_ms));
    let timer = Timer::ClassicSync {
        group: Arc::clone(group),
        member: Arc::clone(member),
    };
    desk.timers
        .set(timer, desk.moment.now.plus(millis(request.rebalance_timeout_ms)));
}

/// The member is to join again in time.
fn await_join(desk: &mut Desk, group: &Arc<str>, member: &Member) {
    let timer = Timer::ClassicJoin {
        group: Arc::clone(group),
        member: Arc::clone(&member.id),
    };
    let patience = millis(member.rebalance_timeout_ms);
    desk.timers.set_if_absent(timer, desk.moment.now.plus(patience));
}

/// A member in the generation that it says, with the first of its protocols.
fn find(
    group: &ConsumerGroup,
    member: &str,
    instance_id: Option<&str>,
    generation: i32,
) -> Result<(Arc<Member>, ClassicProtocol, i32), ErrorCode> {
    let known = subscribe::known(group, "", member, instance_id).map_err(|refusal| refusal.code)?;
    let classic = known.classic.clone().ok_or(ErrorCode::UnknownMemberId)?;
    let first = classic.supported_protocols.first().cloned();
    if known.epoch != generation {
        return Err(ErrorCode::IllegalGeneration);
    }
    Ok((
        known,
        first.ok_or(ErrorCode::UnknownMemberId)?,
        classic.session_timeout_ms,
    ))
}

/// A SyncGroup: the member learns its part.
///
/// # Errors
/// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL, REBALANCE_IN_PROGRESS.
pub(crate) fn sync(
    desk: &mut Desk,
    id: &Arc<str>,
    group: &ConsumerGroup,
    request: SyncGroupRequest,
) -> Result<SyncGroupResponse, ErrorCode> {
    let instance_id = request.group_instance_id.as_deref();
    let (member, protocol, session) = find(group, &request.member_id, instance_id, request.generation_id)?;
    let differs = |said: &Option<String>, known: &str| said.as_deref().is_some_and(|said| said != known);
    if differs(&request.protocol_type, CONSUMER) || differs(&request.protocol_name, &protocol.name) {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    if group.assignment_epoch > member.epoch && member.state != MemberState::UnrevokedPartitions {
        await_join(desk, id, &member);
        return Err(ErrorCode::RebalanceInProgress);
    }
    let assigned = member.assigned.iter();
    let assigned: BTreeMap<_, _> = assigned
        .map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()))
        .collect();
    let assignment = downgrade::assignment(&desk.picture.topics, &assigned, &protocol.metadata);
    desk.timers.cancel(&Timer::ClassicSync {
        group: Arc::clone(id),
        member: Arc::clone(&member.id),
    });
    await_member(desk, id, &member.id, millis(session));
    Ok(SyncGroupResponse {
        protocol_type: request.protocol_type,
        protocol_name: request.protocol_name,
        assignment: assignment.ok_or(ErrorCode::UnknownServerError)?,
        ..Default::default()
    })
}

/// A Heartbeat: the member is alive, and learns whether it is to join again.
///
/// # Errors
/// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS.
pub(crate) fn heartbeat(
    desk: &mut Desk,
    id: &Arc<str>,
    group: &ConsumerGroup,
    request: &HeartbeatRequest,
) -> Result<(), ErrorCode> {
    let instance_id = request.group_instance_id.as_deref();
    let (member, _, session) = find(group, &request.member_id, instance_id, request.generation_id)?;
    await_member(desk, id, &member.id, millis(session));
    let is_behind = member.epoch < group.assignment_epoch;
    let may_go_on = match member.state {
        MemberState::UnrevokedPartitions => true,
        MemberState::UnreleasedPartitions => !waits_for_others(group, &member),
        MemberState::Stable | MemberState::Unknown => false,
    };
    if is_behind || may_go_on {
        await_join(desk, id, &member);
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}

/// Whether somebody still has what the member is to have.
fn waits_for_others(group: &ConsumerGroup, member: &Member) -> bool {
    let target = group.target_of(&member.id);
    target.iter().any(|(topic, partitions)| {
        let assigned = member.assigned.get(topic);
        let is_missing = |partition: &i32| assigned.is_none_or(|assigned| !assigned.contains_key(partition));
        let mut missing = partitions.iter().filter(|partition| is_missing(partition));
        missing.any(|partition| group.index().owner_epoch(*topic, *partition).is_some())
    })
}
