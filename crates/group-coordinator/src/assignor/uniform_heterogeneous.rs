//! `uniform` where members subscribe to different topics: everyone keeps what it subscribes to, what is left goes to the
//! least loaded, and then partitions move from the most to the least loaded subscribers of each topic until it is level.

use super::member_balancer::MemberBalancer;
use super::spec::{GroupAssignment, GroupSpec, MemberAssignment, MemberSpec};
use super::uniform_homogeneous::{in_java_order, release};
use super::{PartitionAssignorError, PartitionCounts};
use base::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// After so many rounds over all topics the balance is good enough: where subscriptions overlap, perfection can take long.
const MAX_ROUNDS: usize = 16;

/// A topic that someone subscribes to.
struct Topic {
    id: Uuid,
    /// The members that do, by index.
    subscribers: Vec<usize>,
    /// Each partition's owner, by index.
    owners: Vec<Option<usize>>,
}

struct Builder<'a> {
    members: Vec<(&'a Arc<str>, &'a MemberSpec)>,
    /// In the order in which they are dealt with.
    topics: Vec<Topic>,
    /// By member index, as `loads`: how many partitions are in it.
    targets: Vec<Arc<MemberAssignment>>,
    loads: Vec<usize>,
}

pub(super) fn assign(
    group: &GroupSpec,
    partitions: PartitionCounts<'_>,
) -> Result<GroupAssignment, PartitionAssignorError> {
    let members = in_java_order(group);
    let topics = topics(&members, partitions)?;
    if topics.is_empty() {
        return Ok(GroupAssignment::default());
    }
    let mut builder = Builder {
        targets: members.iter().map(|(_, member)| Arc::clone(&member.target)).collect(),
        loads: vec![0; members.len()],
        members,
        topics,
    };
    builder.keep();
    for topic in 0..builder.topics.len() {
        builder.hand_out(topic);
    }
    builder.balance();
    let ids = builder.members.iter().map(|(id, _)| Arc::clone(id));
    Ok(GroupAssignment {
        members: ids.zip(builder.targets).collect(),
    })
}

/// The topics by partitions per subscriber, most first; then by subscribers, fewest first; then by id as Java compares it.
fn topics(
    members: &[(&Arc<str>, &MemberSpec)],
    partitions: PartitionCounts<'_>,
) -> Result<Vec<Topic>, PartitionAssignorError> {
    let mut topics: BTreeMap<Uuid, Topic> = BTreeMap::new();
    for (index, (_, member)) in members.iter().enumerate() {
        for id in member.subscribed.ids() {
            if let Some(topic) = topics.get_mut(id) {
                topic.subscribers.push(index);
                continue;
            }
            let count = partitions(*id).ok_or(PartitionAssignorError::NoSuchTopic(*id))?;
            let topic = Topic {
                id: *id,
                subscribers: vec![index],
                owners: vec![None; usize::try_from(count).unwrap_or(0)],
            };
            topics.insert(*id, topic);
        }
    }
    let mut topics: Vec<Topic> = topics.into_values().collect();
    topics.sort_by(|left, right| {
        // Partitions per subscriber, compared without dividing.
        let left_weight = left.owners.len() * right.subscribers.len();
        let right_weight = right.owners.len() * left.subscribers.len();
        right_weight
            .cmp(&left_weight)
            .then(left.subscribers.len().cmp(&right.subscribers.len()))
            .then(in_java(left.id).cmp(&in_java(right.id)))
    });
    Ok(topics)
}

/// An id as Java compares it: two signed halves.
fn in_java(id: Uuid) -> (i64, i64) {
    let (high, low) = id.0.split_at(8);
    let half = |bytes: &[u8]| i64::from_be_bytes(bytes.try_into().expect("eight bytes"));
    (half(high), half(low))
}

impl Builder<'_> {
    /// Every member keeps what it still subscribes to.
    fn keep(&mut self) {
        let at: BTreeMap<Uuid, usize> = self
            .topics
            .iter()
            .enumerate()
            .map(|(at, topic)| (topic.id, at))
            .collect();
        for (index, (_, member)) in self.members.iter().enumerate() {
            for (id, partitions) in member.target.iter() {
                if !member.subscribed.ids().contains(id) {
                    Arc::make_mut(&mut self.targets[index]).remove(id);
                    continue;
                }
                let owners = &mut self.topics[at[id]].owners;
                for partition in partitions {
                    let owner = usize::try_from(*partition)
                        .ok()
                        .and_then(|partition| owners.get_mut(partition));
                    // Only a broken log has a partition twice, or one that is not there.
                    match owner {
                        Some(owner @ None) => {
                            *owner = Some(index);
                            self.loads[index] += 1;
                        }
                        _ => release(Arc::make_mut(&mut self.targets[index]), *id, *partition),
                    }
                }
            }
        }
    }

    /// Gives the partitions of a topic that have no owner to its least loaded subscribers.
    fn hand_out(&mut self, topic: usize) {
        let mut balancer = MemberBalancer::new(&self.loads, &self.topics[topic].subscribers);
        for partition in 0..self.topics[topic].owners.len() {
            if self.topics[topic].owners[partition].is_none() {
                let member = balancer.next_least_loaded(&self.loads);
                self.give(topic, partition, member);
            }
        }
    }

    /// Levels topic after topic, until a whole round has changed nothing.
    fn balance(&mut self) {
        let topics: Vec<usize> = (0..self.topics.len())
            .filter(|topic| self.topics[*topic].subscribers.len() >= 2)
            .collect();
        let mut last_changed = None;
        for _ in 0..MAX_ROUNDS {
            for topic in &topics {
                if last_changed == Some(*topic) {
                    return;
                }
                if self.balance_topic(*topic) || last_changed.is_none() {
                    last_changed = Some(*topic);
                }
            }
        }
    }

    /// Moves partitions of a topic from its most to its least loaded subscribers; says whether any moved.
    fn balance_topic(&mut self, topic: usize) -> bool {
        let mut balancer = MemberBalancer::new(&self.loads, &self.topics[topic].subscribers);
        if balancer.imbalance(&self.loads) <= 1 {
            return false;
        }
        let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in self.topics[topic].owners.iter().enumerate() {
            if let Some(owner) = owner {
                owned.entry(*owner).or_default().push(partition);
            }
        }
        let mut moved = false;
        while !balancer.is_balanced() {
            let Some(partition) = give_up(&mut balancer, &self.loads, &mut owned) else {
                break;
            };
            let member = balancer.next_least_loaded(&self.loads);
            if balancer.is_balanced() {
                break;
            }
            self.give(topic, partition, member);
            moved = true;
        }
        moved
    }

    /// Makes a member the owner of a partition.
    fn give(&mut self, topic: usize, partition: usize, member: usize) {
        let Topic { id, owners, .. } = &mut self.topics[topic];
        let number = i32::try_from(partition).expect("a topic's partitions are counted by an i32");
        if let Some(before) = owners[partition].replace(member) {
            release(Arc::make_mut(&mut self.targets[before]), *id, number);
            self.loads[before] -= 1;
        }
        Arc::make_mut(&mut self.targets[member])
            .entry(*id)
            .or_default()
            .insert(number);
        self.loads[member] += 1;
    }
}

/// The next partition that the most loaded subscribers give up: the last of the one whose turn it is.
fn give_up(balancer: &mut MemberBalancer, loads: &[usize], owned: &mut BTreeMap<usize, Vec<usize>>) -> Option<usize> {
    loop {
        let member = balancer.next_most_loaded(loads)?;
        match owned.get_mut(&member).and_then(Vec::pop) {
            Some(partition) => return Some(partition),
            None => balancer.exclude_most_loaded(),
        }
    }
}
