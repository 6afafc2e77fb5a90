//! What an operation makes of a consumer group.

use super::group::ConsumerGroup;
use super::member::Member;
use crate::assignor::MemberAssignment;
use crate::record::{ConsumerRecord, GroupRecord};
use protocol::internal::consumer_group_metadata_value::ConsumerGroupMetadataValue;
use protocol::internal::consumer_group_target_assignment_member_value::{
    ConsumerGroupTargetAssignmentMemberValue, TopicPartition,
};
use protocol::internal::consumer_group_target_assignment_metadata_value::ConsumerGroupTargetAssignmentMetadataValue;
use protocol::internal::group_metadata_value::GroupMetadataValue;
use std::sync::Arc;

/// A group with the records that lead to it: what is written is seen at once.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its name.
    pub id: Arc<str>,
    /// As it will be.
    pub group: ConsumerGroup,
    /// What leads there.
    pub records: Vec<GroupRecord>,
    /// The classic group that it becomes.
    pub(crate) downgraded: Option<Downgraded>,
}

/// What becomes of a group.
#[derive(Clone, Debug)]
pub(crate) struct Downgraded {
    /// As it is written.
    pub(crate) value: Arc<GroupMetadataValue>,
    /// See there.
    pub(crate) next: Next,
}

/// How a group that has become a classic one goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Everyone joins again.
    Rebalance,
    /// Everyone has its part.
    GoOn,
}

impl Draft {
    /// A draft that begins with a group as it is.
    pub fn of(id: Arc<str>, group: &ConsumerGroup) -> Self {
        Self {
            id,
            group: group.clone(),
            records: Vec::new(),
            downgraded: None,
        }
    }

    /// A draft that begins with a new group, after records that end what was there before.
    pub fn new(id: Arc<str>, records: Vec<GroupRecord>) -> Self {
        Self {
            id,
            group: ConsumerGroup::default(),
            records,
            downgraded: None,
        }
    }

    pub(crate) fn write(&mut self, record: ConsumerRecord) {
        self.group.replay(&record);
        let group = Arc::clone(&self.id);
        self.records.push(GroupRecord::Consumer { group, record });
    }

    /// What a member wants.
    pub(crate) fn write_member(&mut self, member: &Member) {
        self.write(ConsumerRecord::Member {
            member: Arc::clone(&member.id),
            value: Some(Arc::new(member.to_metadata())),
        });
    }

    /// What a member has.
    pub(crate) fn write_current(&mut self, member: &Member) {
        self.write(ConsumerRecord::Current {
            member: Arc::clone(&member.id),
            value: Some(Arc::new(member.to_assignment())),
        });
    }

    /// What a member is to have.
    pub(crate) fn write_target(&mut self, member: &Arc<str>, target: &MemberAssignment) {
        let topics = target.iter().map(|(topic_id, partitions)| TopicPartition {
            topic_id: *topic_id,
            partitions: partitions.iter().copied().collect(),
        });
        let value = ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: topics.collect(),
        };
        self.write(ConsumerRecord::Target {
            member: Arc::clone(member),
            value: Some(Arc::new(value)),
        });
    }

    /// From when the targets are; `timestamp` is of the wall clock, 0 if it is not known.
    pub(crate) fn write_target_metadata(&mut self, assignment_epoch: i32, assignment_timestamp: i64) {
        self.write(ConsumerRecord::TargetMetadata(Some(
            ConsumerGroupTargetAssignmentMetadataValue {
                assignment_epoch,
                assignment_timestamp,
            },
        )));
    }

    /// The group's epoch.
    pub(crate) fn write_epoch(&mut self, epoch: i32, metadata_hash: i64) {
        self.write(ConsumerRecord::Group(Some(ConsumerGroupMetadataValue {
            epoch,
            metadata_hash,
        })));
    }

    /// The end of a member.
    pub(crate) fn remove_member(&mut self, member: &Arc<str>) {
        let member = || Arc::clone(member);
        self.write(ConsumerRecord::Current {
            member: member(),
            value: None,
        });
        self.write(ConsumerRecord::Target {
            member: member(),
            value: None,
        });
        self.write(ConsumerRecord::Member {
            member: member(),
            value: None,
        });
    }

    /// The end of what a regular expression matched.
    pub(crate) fn forget_regex(&mut self, regex: &Arc<str>) {
        self.write(ConsumerRecord::Regex {
            regex: Arc::clone(regex),
            value: None,
        });
    }
}

/// The end of a consumer group, each record before what it rests on.
pub fn tombstones(id: &Arc<str>, group: &ConsumerGroup, records: &mut Vec<GroupRecord>) {
    let members = || group.members().keys().cloned();
    let value = None;
    let mut all: Vec<ConsumerRecord> = Vec::new();
    all.extend(members().map(|member| ConsumerRecord::Current { member, value: None }));
    all.extend(members().map(|member| ConsumerRecord::Target { member, value: None }));
    all.push(ConsumerRecord::TargetMetadata(None));
    all.extend(members().map(|member| ConsumerRecord::Member { member, value: None }));
    let regexes = group.regexes.keys().cloned();
    all.extend(regexes.map(|regex| ConsumerRecord::Regex { regex, value: None }));
    all.push(ConsumerRecord::PartitionMetadata(value));
    all.push(ConsumerRecord::Group(None));
    let of = |record| GroupRecord::Consumer {
        group: Arc::clone(id),
        record,
    };
    records.extend(all.into_iter().map(of));
}
