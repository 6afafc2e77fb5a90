//! A classic group with members becomes a consumer group when somebody joins that speaks the new protocol.

use super::draft::Draft;
use super::heartbeat::await_member;
use super::member::{Member, MemberState, Owned};
use super::refusal::Refusal;
use crate::assignor::MemberAssignment;
use crate::classic::group::ClassicGroup;
use crate::classic::member::{Member as ClassicMember, Protocol};
use crate::desk::Desk;
use crate::record::GroupRecord;
use crate::topics::Topics;
use bytes::Bytes;
use protocol::internal::consumer_group_member_metadata_value::{ClassicMemberMetadata, ClassicProtocol};
use protocol::internal::consumer_protocol_assignment::ConsumerProtocolAssignment;
use protocol::internal::consumer_protocol_subscription::ConsumerProtocolSubscription;
use protocol::versioned;
use std::sync::Arc;

/// The consumer group that a classic group becomes: everyone keeps what it has.
///
/// # Errors
/// GROUP_ID_NOT_FOUND if it may or can not.
pub(crate) fn upgrade(desk: &mut Desk, classic: &ClassicGroup) -> Result<Draft, Refusal> {
    check(desk, classic)?;
    let protocol = classic.protocol.clone().or_else(|| classic.select_protocol());
    let protocol = protocol.unwrap_or_default();
    let mut members = Vec::with_capacity(classic.members().len());
    for member in classic.members().values() {
        members.push(convert(&desk.picture.topics, classic, member, &protocol)?);
    }
    let end = GroupRecord::Group {
        group: Arc::clone(&classic.id),
        value: None,
    };
    let mut draft = Draft::new(Arc::clone(&classic.id), vec![end]);
    for member in &members {
        draft.write_member(member);
    }
    let hash = desk.picture.topics.hash(draft.group.index().topics.keys());
    draft.write_epoch(classic.generation, hash);
    for member in &members {
        draft.write_target(&member.id, &target(&member.assigned));
    }
    draft.write_target_metadata(classic.generation, 0);
    for member in &members {
        draft.write_current(member);
    }
    for member in classic.members().values() {
        await_member(desk, &draft.id, &member.id, member.session_timeout());
    }
    tracing::info!(group = %draft.id, members = members.len(), "a classic group becomes a consumer group");
    Ok(draft)
}

fn refused(group: &str, why: &str) -> Refusal {
    Refusal::not_found(format!(
        "Cannot upgrade classic group {group} to consumer group because {why}."
    ))
}

fn check(desk: &Desk, classic: &ClassicGroup) -> Result<(), Refusal> {
    let why = if !desk.settings.consumer.migration.allows_upgrade() {
        "online upgrade is disabled"
    } else if !classic.uses_consumer_protocol() {
        "the group does not use the consumer embedded protocol"
    } else if classic.members().len() > desk.settings.consumer.max_size {
        "the group size exceeds the consumer group maximum size"
    } else {
        return Ok(());
    };
    Err(refused(&classic.id, why))
}

fn convert(topics: &Topics, group: &ClassicGroup, member: &ClassicMember, protocol: &str) -> Result<Member, Refusal> {
    let malformed = || refused(&group.id, "the embedded consumer protocol is malformed");
    let metadata = member.metadata(protocol);
    let (subscription, _) =
        versioned::decode_newest_known::<ConsumerProtocolSubscription>(&metadata).map_err(|_| malformed())?;
    let mut assigned = Owned::new();
    if !member.assignment.is_empty() {
        let decoded = versioned::decode_newest_known::<ConsumerProtocolAssignment>(&member.assignment);
        let (assignment, _) = decoded.map_err(|_| malformed())?;
        if assignment.user_data.is_some_and(|data| !data.is_empty()) {
            return Err(refused(
                &group.id,
                "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor before re-attempting the upgrade",
            ));
        }
        for topic in assignment.assigned_partitions {
            if let Some(id) = topics.id(&topic.topic) {
                let partitions = topic.partitions.into_iter();
                let partitions = partitions.map(|partition| (partition, group.generation));
                assigned.insert(id, partitions.collect());
            }
        }
    }
    Ok(Member {
        epoch: group.generation,
        previous_epoch: group.generation,
        state: MemberState::Stable,
        instance_id: member.instance_id.clone(),
        rack_id: rack(&subscription),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        client_id: Arc::clone(&member.client_id),
        client_host: Arc::clone(&member.client_host),
        topics: Arc::new(subscription.topics.iter().map(|topic| topic.as_str().into()).collect()),
        assigned: Arc::new(assigned),
        classic: Some(Arc::new(said(member.session_timeout_ms, &member.protocols))),
        ..Member::new(Arc::clone(&member.id))
    })
}

/// Where a member of the classic protocol says that it is.
pub(crate) fn rack(subscription: &ConsumerProtocolSubscription) -> Option<Arc<str>> {
    let rack = subscription.rack_id.as_deref().filter(|rack| !rack.is_empty());
    rack.map(Arc::from)
}

/// What a member of the classic protocol has said of itself.
pub(crate) fn said(session_timeout_ms: i32, protocols: &[Protocol]) -> ClassicMemberMetadata {
    let protocols = protocols.iter().map(|protocol| ClassicProtocol {
        name: protocol.name.to_string(),
        metadata: Bytes::clone(&protocol.metadata),
    });
    ClassicMemberMetadata {
        session_timeout_ms,
        supported_protocols: protocols.collect(),
    }
}

fn target(assigned: &Owned) -> MemberAssignment {
    let topics = assigned.iter();
    topics
        .map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()))
        .collect()
}
