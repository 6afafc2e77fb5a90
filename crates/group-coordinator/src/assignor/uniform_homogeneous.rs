//! `uniform` where all members subscribe to the same topics: everyone keeps what fits its share, and those below theirs
//! get what is left.

use super::spec::{GroupAssignment, GroupSpec, MemberAssignment, MemberSpec};
use super::{PartitionAssignorError, PartitionCounts, java_order};
use base::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

struct Builder<'a> {
    subscribed: &'a BTreeSet<Uuid>,
    /// What no member keeps, in the order in which it is handed out.
    unassigned: Vec<(Uuid, i32)>,
    /// Members below their share, and by how much.
    unfilled: Vec<(Arc<str>, usize)>,
    targets: BTreeMap<Arc<str>, Arc<MemberAssignment>>,
    /// Everyone's share, rounded down.
    share: usize,
    /// How many members get one more.
    extras: usize,
}

pub(super) fn assign(
    group: &GroupSpec,
    partitions: PartitionCounts<'_>,
) -> Result<GroupAssignment, PartitionAssignorError> {
    let members = in_java_order(group);
    let Some((_, first)) = members.first() else {
        return Ok(GroupAssignment::default());
    };
    let subscribed = &first.subscribed;
    if subscribed.ids().is_empty() {
        return Ok(GroupAssignment::default());
    }
    let (total, unassigned) = not_assigned(group, &subscribed.in_java_order(), partitions)?;
    let mut builder = Builder {
        subscribed: subscribed.ids(),
        unassigned,
        unfilled: Vec::new(),
        targets: BTreeMap::new(),
        share: total / members.len(),
        extras: total % members.len(),
    };
    for (at, (id, member)) in members.iter().enumerate() {
        builder.keep(id, member, members.len() - at);
    }
    Ok(GroupAssignment {
        members: builder.hand_out(),
    })
}

/// The members as Kafka walks them: put, in the order of its own table, into a `HashMap` one by one.
pub(super) fn in_java_order(group: &GroupSpec) -> Vec<(&Arc<str>, &MemberSpec)> {
    let members = java_order::of_timeline_map(group.members.iter().collect(), |(id, _)| java_order::of_string(id));
    let size = members.len();
    java_order::of_grown_map(members, size, |(id, _)| java_order::of_string(id))
}

/// How many partitions there are, and those that are nobody's target.
fn not_assigned(
    group: &GroupSpec,
    topics: &[Uuid],
    partitions: PartitionCounts<'_>,
) -> Result<(usize, Vec<(Uuid, i32)>), PartitionAssignorError> {
    let mut assigned: BTreeMap<Uuid, BTreeSet<i32>> = BTreeMap::new();
    for member in group.members.values() {
        for (topic, partitions) in member.target.iter() {
            assigned.entry(*topic).or_default().extend(partitions);
        }
    }
    let (mut total, mut unassigned) = (0, Vec::new());
    for topic in topics {
        let count = partitions(*topic).ok_or(PartitionAssignorError::NoSuchTopic(*topic))?;
        let taken = assigned.get(topic);
        let free = (0..count).filter(|partition| !taken.is_some_and(|taken| taken.contains(partition)));
        unassigned.extend(free.map(|partition| (*topic, partition)));
        total += usize::try_from(count).unwrap_or(0);
    }
    Ok((total, unassigned))
}

impl Builder<'_> {
    /// Lets a member keep what fits its share. The extra one goes rather to a member that has it already: one that has
    /// not gets it only if no more than enough members are left to take those that remain.
    fn keep(&mut self, id: &Arc<str>, member: &MemberSpec, members_left: usize) {
        let mut takes_extra = self.extras > 0;
        let mut room = self.share + usize::from(takes_extra);
        let mut changed: Option<MemberAssignment> = None;
        let old = &member.target;
        for topic in java_order::of_grown_map(old.keys(), old.len(), |id| java_order::of_uuid(id)) {
            let partitions = &old[topic];
            if !self.subscribed.contains(topic) {
                changed.get_or_insert_with(|| (**old).clone()).remove(topic);
            } else if partitions.len() <= room {
                room -= partitions.len();
            } else {
                let target = changed.get_or_insert_with(|| (**old).clone());
                let ordered =
                    java_order::of_copied_set(partitions, partitions.len(), |number| java_order::of_int(number));
                for partition in ordered.into_iter().skip(room) {
                    release(target, *topic, *partition);
                    self.unassigned.push((*topic, *partition));
                }
                room = 0;
            }
        }
        if room > 0 && takes_extra && members_left > self.extras {
            room -= 1;
            takes_extra = false;
        }
        if room > 0 {
            self.unfilled.push((Arc::clone(id), room));
        }
        self.extras -= usize::from(takes_extra);
        let target = changed.map_or_else(|| Arc::clone(old), Arc::new);
        self.targets.insert(Arc::clone(id), target);
    }

    /// Hands out what is left.
    fn hand_out(mut self) -> BTreeMap<Arc<str>, Arc<MemberAssignment>> {
        let mut left = self.unassigned.into_iter();
        for (id, room) in self.unfilled {
            let target = self.targets.get_mut(&id).expect("every member has a target");
            for (topic, partition) in left.by_ref().take(room) {
                Arc::make_mut(target).entry(topic).or_default().insert(partition);
            }
        }
        debug_assert!(left.next().is_none(), "the shares add up to all partitions");
        self.targets
    }
}

pub(super) fn release(target: &mut MemberAssignment, topic: Uuid, partition: i32) {
    if let Some(partitions) = target.get_mut(&topic) {
        partitions.remove(&partition);
        if partitions.is_empty() {
            target.remove(&topic);
        }
    }
}
