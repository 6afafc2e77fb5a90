//! Who a member is, and whether it is up to date.

use super::draft::Draft;
use super::group::ConsumerGroup;
use super::member::{AWAY, Member, Owned};
use super::refusal::Refusal;
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use std::sync::Arc;

/// The protocol that somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// KIP-848's.
    Consumer,
    /// The old one.
    Classic,
}

/// The member before it says what it wants: a known one, a new one, or a new one in the place of a static member.
///
/// # Errors
/// UNRELEASED_INSTANCE_ID if the static name is taken.
pub(crate) fn join(
    draft: &mut Draft,
    id: &Arc<str>,
    instance_id: Option<&str>,
    speaks: Speaks,
) -> Result<Member, Refusal> {
    let Some(instance_id) = instance_id else {
        let known = draft.group.member(id).map(|known| Member::clone(known));
        return Ok(known.unwrap_or_else(|| Member::new(Arc::clone(id))));
    };
    let Some(before) = draft.group.static_member(instance_id).cloned() else {
        let known = draft.group.member(id).map(|known| Member::clone(known));
        return Ok(known.unwrap_or_else(|| Member::new(Arc::clone(id))));
    };
    if speaks == Speaks::Consumer && before.classic.is_none() && before.epoch != AWAY {
        return Err(Refusal::new(
            ErrorCode::UnreleasedInstanceId,
            format!(
                "Static member {id} with instance id {instance_id} cannot join the group because the instance id is owned by {} member.",
                before.id
            ),
        ));
    }
    Ok(replace(draft, &before, id))
}

/// Gives a static member's place to a new member.
fn replace(draft: &mut Draft, before: &Member, id: &Arc<str>) -> Member {
    tracing::info!(group = %draft.id, member = %id, before = %before.id, "a static member is back under a new id");
    let target = draft.group.target_of(&before.id);
    draft.remove_member(&before.id);
    let member = Member {
        id: Arc::clone(id),
        epoch: 0,
        previous_epoch: 0,
        ..before.clone()
    };
    draft.write_member(&member);
    draft.write_target(id, &target);
    draft.write_current(&member);
    member
}

/// A member that is there already.
///
/// # Errors
/// UNKNOWN_MEMBER_ID; FENCED_INSTANCE_ID if another has its static name.
pub(crate) fn known(
    group: &ConsumerGroup,
    group_id: &str,
    id: &str,
    instance_id: Option<&str>,
) -> Result<Arc<Member>, Refusal> {
    let Some(instance_id) = instance_id else {
        let known = group.member(id).cloned();
        return known.ok_or_else(|| Refusal::unknown_member(id, group_id));
    };
    let known = group.static_member(instance_id).cloned().ok_or_else(|| {
        Refusal::new(
            ErrorCode::UnknownMemberId,
            format!("Instance id {instance_id} is unknown."),
        )
    })?;
    if *known.id == *id {
        return Ok(known);
    }
    Err(Refusal::new(
        ErrorCode::FencedInstanceId,
        format!(
            "Static member {id} with instance id {instance_id} was fenced by member {}.",
            known.id
        ),
    ))
}

/// Whether the member is in the epoch that it says. One behind is in order if the answer that brought the new one may have
/// been lost: if the member has nothing that it should not have.
///
/// # Errors
/// FENCED_MEMBER_EPOCH.
pub(crate) fn check_epoch(member: &Member, epoch: i32, owned: Option<&[TopicPartitions]>) -> Result<(), Refusal> {
    let fenced = |than: &str| {
        Err(Refusal::new(
            ErrorCode::FencedMemberEpoch,
            format!(
                "The consumer group member has a {than} member epoch ({epoch}) than the one known by the group coordinator ({}). The member must abandon all its partitions and rejoin.",
                member.epoch
            ),
        ))
    };
    if epoch == 0 || epoch == member.epoch {
        return Ok(());
    }
    if epoch > member.epoch {
        return fenced("greater");
    }
    if epoch == member.previous_epoch && owned.is_some_and(|owned| is_within(owned, &member.assigned)) {
        return Ok(());
    }
    fenced("smaller")
}

fn is_within(owned: &[TopicPartitions], assigned: &Owned) -> bool {
    owned.iter().all(|topic| {
        let those = assigned.get(&topic.topic_id);
        those.is_some_and(|those| topic.partitions.iter().all(|partition| those.contains_key(partition)))
    })
}
