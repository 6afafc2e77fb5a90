//! What the coordinator does every `offsets.retention.check.interval.ms`: forgets offsets that nobody needs any more, and
//! groups that have nothing left (KIP-211).

use super::delete_groups;
use crate::classic::group::{ClassicGroup, Phase};
use crate::completion::{Completion, Outcome};
use crate::coordinator::GroupCoordinator;
use crate::record::GroupRecord;
use crate::state::{CommittedOffset, GroupState, StoredGroup};
use base::Timestamp;
use std::sync::Arc;

/// Tombstones for what has expired.
pub(crate) fn expire_offsets(coordinator: &mut GroupCoordinator, state: &GroupState) -> Outcome {
    let mut records = Vec::new();
    let now = coordinator.desk.moment.wall;
    let retention = i64::try_from(coordinator.desk.settings.offsets_retention.as_millis()).unwrap_or(i64::MAX);
    for (id, stored) in state.groups() {
        let Some(group) = look(coordinator, state, id, stored) else {
            continue;
        };
        let expired = expired(state, id, stored, &group, &|offset| {
            group.rule.has_expired(offset, now, retention)
        });
        let is_over = expired.len() == stored.offsets.len() && group.is_idle;
        drop(group);
        if is_over && !state.has_pending(id) {
            delete_groups::erase(coordinator, state, id, &mut records);
        } else {
            records.extend(expired);
        }
    }
    if !records.is_empty() {
        tracing::info!(tombstones = records.len(), "offsets and groups expired");
    }
    Outcome::splittable(records, Completion::Nothing)
}

/// What decides about a group's offsets.
struct Group<'a> {
    rule: Rule,
    /// Nobody is in it, or about to be.
    is_idle: bool,
    /// Whether somebody reads the topic, or may.
    is_subscribed_to: Box<dyn Fn(&str) -> bool + 'a>,
}

/// None: nothing of this group expires now.
fn look<'a>(
    coordinator: &'a mut GroupCoordinator,
    state: &GroupState,
    id: &str,
    stored: &'a StoredGroup,
) -> Option<Group<'a>> {
    if let Some(group) = stored.consumer() {
        return Some(Group {
            rule: Rule::SinceCommit,
            is_idle: group.is_empty(),
            is_subscribed_to: Box::new(|topic| group.is_subscribed_to(topic)),
        });
    }
    let (group, _) = coordinator.open(state, id)?;
    let group: &ClassicGroup = group;
    Some(Group {
        rule: Rule::of(group)?,
        is_idle: group.phase == Phase::Empty && group.pending().is_empty(),
        is_subscribed_to: Box::new(|topic| group.is_subscribed_to(topic)),
    })
}

fn expired(
    state: &GroupState,
    id: &Arc<str>,
    stored: &StoredGroup,
    group: &Group<'_>,
    has_expired: &dyn Fn(&CommittedOffset) -> bool,
) -> Vec<GroupRecord> {
    let gone = stored.offsets.iter().filter(|(place, offset)| {
        !(group.is_subscribed_to)(&place.0) && has_expired(offset) && !state.is_pending(id, place)
    });
    gone.map(|((topic, partition), _)| GroupRecord::no_offset(id, topic, *partition))
        .collect()
}

/// Since when an offset's retention counts.
enum Rule {
    /// Since the group lost its last member.
    SinceEmpty(Timestamp),
    /// Since it was committed.
    SinceCommit,
}

impl Rule {
    /// None: nothing of this group expires now.
    fn of(group: &ClassicGroup) -> Option<Self> {
        if group.protocol_type.is_none() {
            return Some(Self::SinceCommit);
        }
        match (group.phase, group.since) {
            (Phase::Empty, Some(since)) => Some(Self::SinceEmpty(since)),
            (Phase::Empty, None) => Some(Self::SinceCommit),
            (Phase::Stable, _) if group.subscribed().is_some() => Some(Self::SinceCommit),
            (Phase::PreparingRebalance | Phase::CompletingRebalance | Phase::Stable, _) => None,
        }
    }

    fn has_expired(&self, offset: &CommittedOffset, now: Timestamp, retention: i64) -> bool {
        if let Some(at) = offset.expires_at {
            return now >= at;
        }
        let since = match self {
            Self::SinceEmpty(since) => *since,
            Self::SinceCommit => offset.committed_at,
        };
        now.0.saturating_sub(since.0) >= retention
    }
}
