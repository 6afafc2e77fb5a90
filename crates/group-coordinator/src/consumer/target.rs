//! What each member is to have.

use super::draft::Draft;
use super::group::ConsumerGroup;
use super::member::Member;
use super::refusal::Refusal;
use crate::assignor::{GroupSpec, MemberSpec, PartitionAssignor, SubscribedTopics};
use crate::desk::Desk;
use crate::topics::Topics;
use base::Uuid;
use protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Computes the target of the group's epoch if that is not done and may be done now.
///
/// # Errors
/// UNKNOWN_SERVER_ERROR if the assignor fails.
pub(crate) fn update(desk: &Desk, draft: &mut Draft) -> Result<(), Refusal> {
    if draft.group.assignment_epoch < draft.group.epoch && may_compute(desk, draft) {
        compute(desk, draft)?;
    }
    Ok(())
}

/// Targets are computed at most once in an interval: many members that come together make one rebalance. A last time that is yet
/// to come was told by a clock ahead of this one, another coordinator's say, and keeps nobody waiting.
fn may_compute(desk: &Desk, draft: &Draft) -> bool {
    let last = draft.group.assignment_timestamp;
    let interval = desk.assignment_interval(&draft.id).as_millis();
    let interval = i64::try_from(interval).unwrap_or(i64::MAX);
    let now = desk.moment.wall.0;
    last == 0 || interval == 0 || now < last || now >= last.saturating_add(interval)
}

/// The assignor that most members ask for, or the first.
pub(crate) fn preferred(desk: &Desk, group: &ConsumerGroup) -> PartitionAssignor {
    let known = &desk.settings.consumer.assignors;
    let asked = group
        .index()
        .assignors
        .most()
        .and_then(|name| PartitionAssignor::named(name));
    let first = known.first().copied().unwrap_or(PartitionAssignor::Uniform);
    asked.filter(|asked| known.contains(asked)).unwrap_or(first)
}

fn compute(desk: &Desk, draft: &mut Draft) -> Result<(), Refusal> {
    let epoch = draft.group.epoch;
    let assignor = preferred(desk, &draft.group);
    let spec = spec(&desk.picture.topics, &draft.group);
    let counts = |topic: Uuid| desk.picture.topics.get_by_id(topic).map(|topic| topic.partitions);
    let assignment = assignor.assign(&spec, &counts).map_err(|error| {
        tracing::error!(group = %draft.id, %error, "no target can be computed");
        Refusal::new(
            ErrorCode::UnknownServerError,
            format!("Failed to compute a new target assignment for epoch {epoch}: {error}"),
        )
    })?;
    tracing::info!(group = %draft.id, epoch, assignor = assignor.name(), members = spec.members.len(), "a new target assignment");
    let nothing = Arc::default();
    for member in spec.members.keys() {
        let target = assignment.members.get(member).unwrap_or(&nothing);
        if draft.group.target.get(member) != Some(target) {
            draft.write_target(member, target);
        }
    }
    draft.write_target_metadata(epoch, desk.moment.wall.0);
    Ok(())
}

/// What a member reads: by name, and by regular expression.
type Wish<'a> = (&'a Arc<BTreeSet<Arc<str>>>, &'a Arc<str>);

fn spec(topics: &Topics, group: &ConsumerGroup) -> GroupSpec {
    let mut shared: BTreeMap<Wish<'_>, Arc<SubscribedTopics>> = BTreeMap::new();
    let mut members = BTreeMap::new();
    for (id, member) in group.members() {
        let subscribed = shared
            .entry((&member.topics, &member.regex))
            .or_insert_with(|| Arc::new(subscribed(topics, group, member)));
        let spec = MemberSpec {
            instance_id: member.instance_id.clone(),
            subscribed: Arc::clone(subscribed),
            target: group.target_of(id),
        };
        members.insert(Arc::clone(id), spec);
    }
    GroupSpec {
        subscription_type: group.index().subscription_type(members.len()),
        members,
    }
}

/// The topics that a member reads, of those that exist.
pub(crate) fn subscribed(topics: &Topics, group: &ConsumerGroup, member: &Member) -> SubscribedTopics {
    let names = group.topics_of(member);
    SubscribedTopics::resolve(names.iter().map(|name| &***name), |name| topics.id(name))
}
