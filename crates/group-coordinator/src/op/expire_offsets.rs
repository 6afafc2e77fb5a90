//! What the coordinator does every `offsets.retention.check.interval.ms`: forgets offsets that nobody needs any more, and
//! groups that have nothing left (KIP-211).

use super::delete_groups;
use crate::classic::group::{ClassicGroup, Phase};
use crate::completion::{Completion, Outcome};
use crate::coordinator::GroupCoordinator;
use crate::record::GroupRecord;
use crate::state::{CommittedOffset, GroupState, StoredGroup};
use base::Timestamp;

/// Tombstones for what has expired.
pub(crate) fn expire_offsets(coordinator: &mut GroupCoordinator, state: &GroupState) -> Outcome {
    let mut records = Vec::new();
    let now = coordinator.desk.moment.wall;
    let retention = i64::try_from(coordinator.desk.settings.offsets_retention.as_millis()).unwrap_or(i64::MAX);
    for (id, stored) in state.groups() {
        let Some((group, _)) = coordinator.open(state, id) else {
            continue;
        };
        let Some(rule) = Rule::of(group) else { continue };
        let expired = expired(state, group, stored, &|offset| rule.has_expired(offset, now, retention));
        let all_expired = expired.len() == stored.offsets.len();
        let is_idle = group.phase == Phase::Empty && group.pending().is_empty();
        if all_expired && is_idle && !state.has_pending(id) {
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

fn expired(
    state: &GroupState,
    group: &ClassicGroup,
    stored: &StoredGroup,
    has_expired: &dyn Fn(&CommittedOffset) -> bool,
) -> Vec<GroupRecord> {
    let gone = stored.offsets.iter().filter(|(place, offset)| {
        !group.is_subscribed_to(&place.0) && has_expired(offset) && !state.is_pending(&group.id, place)
    });
    gone.map(|((topic, partition), _)| GroupRecord::no_offset(&group.id, topic, *partition))
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
