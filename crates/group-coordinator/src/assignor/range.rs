//! `range`: of every topic each subscriber gets the range that its place among the subscribers gives it, static members
//! first, so that topics with as many partitions are cut alike. Who had what before does not count.

use super::spec::{GroupAssignment, GroupSpec, MemberAssignment, MemberSpec};
use super::{PartitionAssignorError, PartitionCounts};
use base::Uuid;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is left of a topic.
struct TopicRanges {
    partitions: i32,
    /// How many members subscribe to it.
    subscribers: i32,
    /// How many of them have had their range.
    served: i32,
    /// Where the next range begins.
    next: i32,
}

impl TopicRanges {
    /// The next subscriber's range; the first ones get one more if the division leaves a rest.
    fn take(&mut self) -> std::ops::Range<i32> {
        let extra = i32::from(self.served < self.partitions % self.subscribers);
        let start = self.next;
        self.next = start + self.partitions / self.subscribers + extra;
        self.served += 1;
        start..self.next
    }
}

pub(super) fn assign(
    group: &GroupSpec,
    partitions: PartitionCounts<'_>,
) -> Result<GroupAssignment, PartitionAssignorError> {
    let mut topics: BTreeMap<Uuid, TopicRanges> = BTreeMap::new();
    for topic in group.members.values().flat_map(|member| member.subscribed.ids()) {
        if let Some(known) = topics.get_mut(topic) {
            known.subscribers += 1;
            continue;
        }
        let ranges = TopicRanges {
            partitions: partitions(*topic).ok_or(PartitionAssignorError::NoSuchTopicInRange(*topic))?,
            subscribers: 1,
            served: 0,
            next: 0,
        };
        topics.insert(*topic, ranges);
    }
    let mut assignment = GroupAssignment::default();
    for (id, member) in in_order(group) {
        let target = ranges_of(member, &mut topics);
        // One that did not change is not copied: most do not.
        let target = if target == *member.target {
            Arc::clone(&member.target)
        } else {
            Arc::new(target)
        };
        assignment.members.insert(Arc::clone(id), target);
    }
    Ok(assignment)
}

fn ranges_of(member: &MemberSpec, topics: &mut BTreeMap<Uuid, TopicRanges>) -> MemberAssignment {
    let mut target = MemberAssignment::new();
    for topic in member.subscribed.ids() {
        let range = topics
            .get_mut(topic)
            .expect("every subscribed topic was counted")
            .take();
        if !range.is_empty() {
            target.insert(*topic, range.collect());
        }
    }
    target
}

/// Static members by their names, then the others by their ids, both in Java's order of strings.
fn in_order(group: &GroupSpec) -> Vec<(&Arc<str>, &MemberSpec)> {
    let mut members: Vec<_> = group.members.iter().collect();
    members.sort_by(
        |(left_id, left), (right_id, right)| match (&left.instance_id, &right.instance_id) {
            (Some(left), Some(right)) => in_utf16(left, right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => in_utf16(left_id, right_id),
        },
    );
    members
}

fn in_utf16(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}
