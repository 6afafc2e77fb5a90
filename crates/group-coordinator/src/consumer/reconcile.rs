//! How a member gets from what it has to what it is to have: what it loses it gives back first, what it gains it gets
//! once nobody else has it.

use super::index::Index;
use super::member::{Member, MemberState, Owned};
use super::refusal::Refusal;
use crate::assignor::MemberAssignment;
use base::Uuid;
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whether what the member reads has just changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// It has: what it does not read any more is taken from it at once.
    Changed,
    /// It has not.
    Same,
}

/// What a member's next step depends on.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The epoch of the target.
    pub target_epoch: i32,
    /// What the member is to have.
    pub target: &'a MemberAssignment,
    /// The topics that the member reads, of those that exist.
    pub subscribed: &'a BTreeSet<Uuid>,
    /// See there.
    pub subscription: Subscription,
    /// What the member says that it has, if it says so.
    pub owned: Option<&'a [TopicPartitions]>,
    /// Who has what.
    pub index: &'a Index,
}

/// The member after its next step.
///
/// # Errors
/// FENCED_MEMBER_EPOCH if the member is in a state of a newer broker and does not begin anew.
pub fn reconcile(member: &Member, around: &Surroundings<'_>) -> Result<Member, Refusal> {
    let changed = around.subscription == Subscription::Changed;
    Ok(match member.state {
        MemberState::Stable if member.epoch != around.target_epoch => next(member, member.epoch, around),
        MemberState::Stable if changed => drop_unsubscribed(member, around),
        MemberState::Stable => member.clone(),
        MemberState::UnrevokedPartitions if has_any_of(&member.revoking, around.owned) => {
            if changed {
                drop_unsubscribed(member, around)
            } else {
                member.clone()
            }
        }
        MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => next(member, member.epoch, around),
        MemberState::Unknown if around.owned.is_none_or(|owned| !owned.is_empty()) => {
            return Err(Refusal::new(
                ErrorCode::FencedMemberEpoch,
                "The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.",
            ));
        }
        MemberState::Unknown => next(member, around.target_epoch, around),
    })
}

/// Whether the member may still have some of these; it does, if it does not say what it has.
fn has_any_of(partitions: &Owned, owned: Option<&[TopicPartitions]>) -> bool {
    let Some(owned) = owned else { return true };
    owned.iter().any(|topic| {
        let those = partitions.get(&topic.topic_id);
        those.is_some_and(|those| topic.partitions.iter().any(|partition| those.contains_key(partition)))
    })
}

/// Takes what the member does not read any more from it.
fn drop_unsubscribed(member: &Member, around: &Surroundings<'_>) -> Member {
    let mut assigned = Owned::clone(&member.assigned);
    let mut revoking = Owned::clone(&member.revoking);
    for (topic, partitions) in member.assigned.iter() {
        if !around.subscribed.contains(topic) {
            assigned.remove(topic);
            revoking.entry(*topic).or_default().extend(partitions);
        }
    }
    if assigned == *member.assigned {
        return member.clone();
    }
    let assigned = Arc::new(assigned);
    if has_any_of(&revoking, around.owned) {
        return Member {
            state: MemberState::UnrevokedPartitions,
            assigned,
            revoking: Arc::new(revoking),
            ..member.in_epoch(member.epoch)
        };
    }
    Member {
        assigned,
        ..member.in_epoch(member.epoch)
    }
}

/// What a step towards the target is made of.
#[derive(Default)]
struct Step {
    kept: Owned,
    revoked: Owned,
    gained: Owned,
    /// Somebody else still has a partition.
    waits: bool,
}

fn next(member: &Member, epoch: i32, around: &Surroundings<'_>) -> Member {
    let step = step(member, around);
    if !step.revoked.is_empty() && has_any_of(&step.revoked, around.owned) {
        return Member {
            state: MemberState::UnrevokedPartitions,
            assigned: Arc::new(step.kept),
            revoking: Arc::new(step.revoked),
            ..member.in_epoch(epoch)
        };
    }
    let mut assigned = step.kept;
    for (topic, partitions) in step.gained {
        assigned.entry(topic).or_default().extend(partitions);
    }
    let state = if step.waits {
        MemberState::UnreleasedPartitions
    } else {
        MemberState::Stable
    };
    Member {
        state,
        assigned: Arc::new(assigned),
        revoking: Arc::default(),
        ..member.in_epoch(around.target_epoch)
    }
}

fn step(member: &Member, around: &Surroundings<'_>) -> Step {
    let mut step = Step::default();
    let topics: BTreeSet<&Uuid> = around.target.keys().chain(member.assigned.keys()).collect();
    for topic in topics {
        let target = around.target.get(topic).filter(|_| around.subscribed.contains(topic));
        let is_target = |partition: &i32| target.is_some_and(|target| target.contains(partition));
        for (partition, epoch) in member.assigned.get(topic).into_iter().flatten() {
            let side = if is_target(partition) {
                &mut step.kept
            } else {
                &mut step.revoked
            };
            side.entry(*topic).or_default().insert(*partition, *epoch);
        }
        for partition in target.into_iter().flatten() {
            let has = |owned: &Owned| owned.get(topic).is_some_and(|those| those.contains_key(partition));
            if has(&member.assigned) {
                continue;
            }
            if around.index.owner_epoch(*topic, *partition).is_some() && !has(&member.revoking) {
                step.waits = true;
            } else {
                let gained = step.gained.entry(*topic).or_default();
                gained.insert(*partition, around.target_epoch);
            }
        }
    }
    step
}
