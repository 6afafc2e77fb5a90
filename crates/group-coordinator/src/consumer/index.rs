//! What follows from the members of a consumer group, kept so that nobody has to look at all of them.

use super::member::{Member, Owned};
use super::tally::Tally;
use crate::assignor::SubscriptionType;
use base::Uuid;
use imbl::OrdMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many subscribe to a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscribers {
    /// Members, by its name.
    pub by_name: usize,
    /// Regular expressions that match it.
    pub by_regex: usize,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Who is behind a static name.
    pub static_members: OrdMap<Arc<str>, Arc<str>>,
    /// The topics that the group reads.
    pub topics: OrdMap<Arc<str>, Subscribers>,
    /// The assignors that members ask for.
    pub assignors: Tally,
    /// The regular expressions of members.
    pub regexes: Tally,
    /// How many members speak the classic protocol.
    pub classic_members: usize,
    /// What those can do.
    pub classic_protocols: Tally,
    /// The epoch of the member that has a partition, or has yet to give it back.
    owners: OrdMap<(Uuid, i32), i32>,
}

impl Index {
    /// The epoch of the member that has a partition.
    pub fn owner_epoch(&self, topic: Uuid, partition: i32) -> Option<i32> {
        self.owners.get(&(topic, partition)).copied()
    }

    /// Whether all members read the same.
    pub fn subscription_type(&self, members: usize) -> SubscriptionType {
        let mut topics = self.topics.values();
        let same = match self.regexes.iter().next() {
            None => topics.all(|topic| topic.by_name == members),
            Some((_, count)) => count == members && topics.all(|topic| topic.by_regex == 1 && topic.by_name == 0),
        };
        if same {
            SubscriptionType::Homogeneous
        } else {
            SubscriptionType::Heterogeneous
        }
    }

    /// A member is there now.
    pub(super) fn add(&mut self, member: &Member) {
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(Arc::clone(instance_id), Arc::clone(&member.id));
        }
        for topic in member.topics.iter() {
            self.topics.entry(Arc::clone(topic)).or_default().by_name += 1;
        }
        if let Some(assignor) = &member.assignor {
            self.assignors.add(assignor);
        }
        if let Some(regex) = member.regex() {
            self.regexes.add(regex);
        }
        if let Some(classic) = &member.classic {
            self.classic_members += 1;
            for protocol in &classic.supported_protocols {
                self.classic_protocols.add(&protocol.name.as_str().into());
            }
        }
        self.own(&member.assigned, member.epoch);
        self.own(&member.revoking, member.epoch);
    }

    /// A member is not there any more.
    pub(super) fn remove(&mut self, member: &Member) {
        if let Some(instance_id) = &member.instance_id
            && self.static_members.get(instance_id) == Some(&member.id)
        {
            self.static_members.remove(instance_id);
        }
        for topic in member.topics.iter() {
            self.change_topic(topic, |count| count.by_name = count.by_name.saturating_sub(1));
        }
        if let Some(assignor) = &member.assignor {
            self.assignors.take(assignor);
        }
        if let Some(regex) = member.regex() {
            self.regexes.take(regex);
        }
        if let Some(classic) = &member.classic {
            self.classic_members -= 1;
            for protocol in &classic.supported_protocols {
                self.classic_protocols.take(&protocol.name.as_str().into());
            }
        }
        self.disown(&member.assigned, member.epoch);
        self.disown(&member.revoking, member.epoch);
    }

    /// A regular expression has been resolved.
    pub(super) fn add_matches(&mut self, topics: &BTreeSet<Arc<str>>) {
        for topic in topics {
            self.topics.entry(Arc::clone(topic)).or_default().by_regex += 1;
        }
    }

    /// A regular expression does not count any more.
    pub(super) fn remove_matches(&mut self, topics: &BTreeSet<Arc<str>>) {
        for topic in topics {
            self.change_topic(topic, |count| count.by_regex = count.by_regex.saturating_sub(1));
        }
    }

    fn change_topic(&mut self, topic: &Arc<str>, change: impl FnOnce(&mut Subscribers)) {
        let Some(count) = self.topics.get_mut(topic) else {
            return;
        };
        change(count);
        if *count == Subscribers::default() {
            self.topics.remove(topic);
        }
    }

    /// Of two that say they have a partition, as after records were lost, the newer counts.
    fn own(&mut self, owned: &Owned, epoch: i32) {
        for place in places(owned) {
            let owner = self.owners.entry(place).or_insert(epoch);
            *owner = epoch.max(*owner);
        }
    }

    fn disown(&mut self, owned: &Owned, epoch: i32) {
        for place in places(owned) {
            if self.owners.get(&place) == Some(&epoch) {
                self.owners.remove(&place);
            }
        }
    }
}

fn places(owned: &Owned) -> impl Iterator<Item = (Uuid, i32)> {
    owned
        .iter()
        .flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)))
}
