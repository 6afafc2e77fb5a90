//! A consumer group, as the log has it.

use super::index::Index;
use super::member::Member;
use crate::assignor::MemberAssignment;
use crate::record::ConsumerRecord;
use imbl::OrdMap;
use protocol::internal::consumer_group_regular_expression_value::ConsumerGroupRegularExpressionValue;
use protocol::internal::consumer_group_target_assignment_member_value::ConsumerGroupTargetAssignmentMemberValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The epoch of a group that has had no member yet.
const FIRST_EPOCH: i32 = 1;
/// No target was computed.
const NO_ASSIGNMENT: i32 = -1;

/// Where a group is. There is no Dead here: a group that is no more is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No members; offsets are kept.
    Empty,
    /// The target is of an earlier epoch than the group.
    Assigning,
    /// Some members do not have what they are to have.
    Reconciling,
    /// Everyone has its part.
    Stable,
}

impl Phase {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The topics that a regular expression matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRegex {
    /// By name.
    pub topics: BTreeSet<Arc<str>>,
    /// The version of the metadata that was searched.
    pub version: i64,
    /// When, on the wall clock.
    pub timestamp: i64,
}

impl ResolvedRegex {
    fn read(value: &ConsumerGroupRegularExpressionValue) -> Self {
        Self {
            topics: value.topics.iter().map(|topic| topic.as_str().into()).collect(),
            version: value.version,
            timestamp: value.timestamp,
        }
    }

    /// What is written of it.
    pub(crate) fn to_value(&self) -> ConsumerGroupRegularExpressionValue {
        ConsumerGroupRegularExpressionValue {
            topics: self.topics.iter().map(ToString::to_string).collect(),
            version: self.version,
            timestamp: self.timestamp,
        }
    }
}

/// A consumer group at one offset. A clone shares everything with the original.
#[derive(Clone, Debug)]
pub struct ConsumerGroup {
    /// Counts changes of what the members want and of the topics they read.
    pub epoch: i32,
    /// Of the topics that it reads.
    pub metadata_hash: i64,
    /// The epoch of the target.
    pub assignment_epoch: i32,
    /// When the target was computed, on the wall clock; 0 if that is not known.
    pub assignment_timestamp: i64,
    /// What each member is to have.
    pub target: OrdMap<Arc<str>, Arc<MemberAssignment>>,
    /// The regular expressions of members that have been resolved.
    pub regexes: OrdMap<Arc<str>, Arc<ResolvedRegex>>,
    /// Whether there is a record of the topics, as brokers before 4.1 wrote.
    pub has_partition_metadata: bool,
    members: OrdMap<Arc<str>, Arc<Member>>,
    index: Index,
}

impl Default for ConsumerGroup {
    fn default() -> Self {
        Self {
            epoch: FIRST_EPOCH,
            metadata_hash: 0,
            assignment_epoch: FIRST_EPOCH,
            assignment_timestamp: 0,
            target: OrdMap::new(),
            regexes: OrdMap::new(),
            has_partition_metadata: false,
            members: OrdMap::new(),
            index: Index::default(),
        }
    }
}

impl ConsumerGroup {
    /// The members by id.
    pub fn members(&self) -> &OrdMap<Arc<str>, Arc<Member>> {
        &self.members
    }

    /// A member.
    pub fn member(&self, id: &str) -> Option<&Arc<Member>> {
        self.members.get(id)
    }

    /// The member behind a static name.
    pub fn static_member(&self, instance_id: &str) -> Option<&Arc<Member>> {
        self.member(self.index.static_members.get(instance_id)?)
    }

    /// What follows from the members.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether some member reads the topic.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.index.topics.contains_key(topic)
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        let lags = |member: &Arc<Member>| !member.is_reconciled_to(self.assignment_epoch);
        if self.members.is_empty() {
            Phase::Empty
        } else if self.epoch > self.assignment_epoch {
            Phase::Assigning
        } else if self.members.values().any(lags) {
            Phase::Reconciling
        } else {
            Phase::Stable
        }
    }

    /// What a member is to have.
    pub fn target_of(&self, member: &str) -> Arc<MemberAssignment> {
        self.target.get(member).cloned().unwrap_or_default()
    }

    /// The topics that a member reads: those it names and those its regular expression matched.
    pub fn topics_of<'a>(&'a self, member: &'a Member) -> BTreeSet<&'a Arc<str>> {
        let matched = member.regex().and_then(|regex| self.regexes.get(regex));
        let matched = matched.into_iter().flat_map(|resolved| resolved.topics.iter());
        member.topics.iter().chain(matched).collect()
    }

    /// Applies a record. The end of the group itself is not its own business.
    pub(crate) fn replay(&mut self, record: &ConsumerRecord) {
        match record {
            ConsumerRecord::Group(value) => {
                if let Some(value) = value {
                    self.epoch = value.epoch;
                    self.metadata_hash = value.metadata_hash;
                }
            }
            ConsumerRecord::PartitionMetadata(value) => self.has_partition_metadata = value.is_some(),
            ConsumerRecord::Member { member, value } => match value {
                Some(value) => self.update(member, |known| known.with_metadata(value)),
                None => self.remove(member),
            },
            ConsumerRecord::TargetMetadata(value) => {
                let (epoch, timestamp) = match value {
                    Some(value) => (value.assignment_epoch, value.assignment_timestamp),
                    None => (NO_ASSIGNMENT, 0),
                };
                self.assignment_epoch = epoch;
                self.assignment_timestamp = timestamp;
            }
            ConsumerRecord::Target { member, value } => match value {
                Some(value) => {
                    self.target.insert(Arc::clone(member), Arc::new(read_target(value)));
                }
                None => {
                    self.target.remove(member);
                }
            },
            ConsumerRecord::Current { member, value } => match value {
                Some(value) => self.update(member, |known| known.with_assignment(value)),
                None if self.members.contains_key(member) => self.update(member, Member::without_assignment),
                None => {}
            },
            ConsumerRecord::Regex { regex, value } => self.resolve(regex, value.as_deref()),
        }
    }

    fn update(&mut self, id: &Arc<str>, change: impl FnOnce(&Member) -> Member) {
        let known = self.members.get(id).cloned();
        let changed = match &known {
            Some(known) => change(known),
            None => change(&Member::new(Arc::clone(id))),
        };
        if let Some(known) = known {
            self.index.remove(&known);
        }
        self.index.add(&changed);
        self.members.insert(Arc::clone(id), Arc::new(changed));
    }

    fn remove(&mut self, id: &Arc<str>) {
        if let Some(known) = self.members.remove(id) {
            self.index.remove(&known);
        }
    }

    fn resolve(&mut self, regex: &Arc<str>, value: Option<&ConsumerGroupRegularExpressionValue>) {
        if let Some(known) = self.regexes.remove(regex) {
            self.index.remove_matches(&known.topics);
        }
        if let Some(value) = value {
            let resolved = ResolvedRegex::read(value);
            self.index.add_matches(&resolved.topics);
            self.regexes.insert(Arc::clone(regex), Arc::new(resolved));
        }
    }
}

fn read_target(value: &ConsumerGroupTargetAssignmentMemberValue) -> MemberAssignment {
    let mut target = BTreeMap::new();
    for topic in &value.topic_partitions {
        target.insert(topic.topic_id, topic.partitions.iter().copied().collect());
    }
    target
}
