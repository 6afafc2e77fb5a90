//! A member of a consumer group, as the log has it.

use base::Uuid;
use protocol::internal::consumer_group_current_member_assignment_value::{
    ConsumerGroupCurrentMemberAssignmentValue, TopicPartitions,
};
use protocol::internal::consumer_group_member_metadata_value::{
    ClassicMemberMetadata, ConsumerGroupMemberMetadataValue,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The epoch of a member that has left for good.
pub const LEFT: i32 = -1;
/// The epoch of a static member that is away for a while.
pub const AWAY: i32 = -2;

/// Partitions that a member has, by topic, each with the epoch in which it was given it (KIP-1251).
pub type Owned = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// Where a member is on its way to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// It has what it is to have in its epoch.
    Stable,
    /// It has yet to give partitions back.
    UnrevokedPartitions,
    /// It waits for partitions that others have yet to give back.
    UnreleasedPartitions,
    /// Written by a newer broker.
    Unknown,
}

impl MemberState {
    fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }

    fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its id.
    pub id: Arc<str>,
    /// Its epoch; [`LEFT`] and [`AWAY`] are none.
    pub epoch: i32,
    /// The epoch before: an answer that brought the epoch may have been lost.
    pub previous_epoch: i32,
    /// See there.
    pub state: MemberState,
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack_id: Option<Arc<str>>,
    /// How long it may take to give partitions back; -1 if it never said.
    pub rebalance_timeout_ms: i32,
    /// As the client calls itself.
    pub client_id: Arc<str>,
    /// Where it is, with Java's leading slash.
    pub client_host: Arc<str>,
    /// The topics it reads, by name.
    pub topics: Arc<BTreeSet<Arc<str>>>,
    /// The regular expression of the topics it reads; empty if it has none.
    pub regex: Arc<str>,
    /// The assignor it asks for.
    pub assignor: Option<Arc<str>>,
    /// What it has.
    pub assigned: Arc<Owned>,
    /// What it has and is to give back.
    pub revoking: Arc<Owned>,
    /// What it said of itself if it speaks the classic protocol.
    pub classic: Option<Arc<ClassicMemberMetadata>>,
}

impl Member {
    /// A member of which nothing is known.
    pub fn new(id: Arc<str>) -> Self {
        Self {
            id,
            epoch: 0,
            previous_epoch: -1,
            state: MemberState::Stable,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            client_id: "".into(),
            client_host: "".into(),
            topics: Arc::default(),
            regex: "".into(),
            assignor: None,
            assigned: Arc::default(),
            revoking: Arc::default(),
            classic: None,
        }
    }

    /// Its regular expression, if it has one.
    pub fn regex(&self) -> Option<&Arc<str>> {
        (!self.regex.is_empty()).then_some(&self.regex)
    }

    /// Whether it has what the target of an epoch gives it.
    pub fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// The same member in another epoch.
    pub(crate) fn in_epoch(&self, epoch: i32) -> Self {
        Self {
            previous_epoch: self.epoch,
            epoch,
            ..self.clone()
        }
    }

    /// In which epoch it was given a partition that it has, or is to give back.
    pub fn assignment_epoch(&self, topic: Uuid, partition: i32) -> Option<i32> {
        let of = |owned: &Owned| owned.get(&topic)?.get(&partition).copied();
        of(&self.assigned).or_else(|| of(&self.revoking))
    }

    /// What is written of what it wants.
    pub(crate) fn to_metadata(&self) -> ConsumerGroupMemberMetadataValue {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        ConsumerGroupMemberMetadataValue {
            instance_id: text(&self.instance_id),
            rack_id: text(&self.rack_id),
            client_id: self.client_id.to_string(),
            client_host: self.client_host.to_string(),
            subscribed_topic_names: self.topics.iter().map(ToString::to_string).collect(),
            subscribed_topic_regex: Some(self.regex.to_string()),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: text(&self.assignor),
            classic_member_metadata: self.classic.as_deref().cloned(),
        }
    }

    /// The same member with what was written of what it wants.
    pub(crate) fn with_metadata(&self, value: &ConsumerGroupMemberMetadataValue) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        let names = value.subscribed_topic_names.iter().map(|name| name.as_str().into());
        Self {
            instance_id: text(&value.instance_id),
            rack_id: text(&value.rack_id),
            client_id: value.client_id.as_str().into(),
            client_host: value.client_host.as_str().into(),
            topics: Arc::new(names.collect()),
            regex: text(&value.subscribed_topic_regex).unwrap_or_default(),
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            assignor: text(&value.server_assignor),
            classic: value.classic_member_metadata.clone().map(Arc::new),
            ..self.clone()
        }
    }

    /// What is written of what it has.
    pub(crate) fn to_assignment(&self) -> ConsumerGroupCurrentMemberAssignmentValue {
        ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            assigned_partitions: write(&self.assigned),
            partitions_pending_revocation: write(&self.revoking),
        }
    }

    /// The same member with what was written of what it has.
    pub(crate) fn with_assignment(&self, value: &ConsumerGroupCurrentMemberAssignmentValue) -> Self {
        Self {
            epoch: value.member_epoch,
            previous_epoch: value.previous_member_epoch,
            state: MemberState::from_code(value.state),
            assigned: Arc::new(read(&value.assigned_partitions, value.member_epoch)),
            revoking: Arc::new(read(&value.partitions_pending_revocation, value.member_epoch)),
            ..self.clone()
        }
    }

    /// The same member without an epoch and without partitions.
    pub(crate) fn without_assignment(&self) -> Self {
        Self {
            epoch: LEFT,
            previous_epoch: LEFT,
            assigned: Arc::default(),
            revoking: Arc::default(),
            ..self.clone()
        }
    }
}

fn write(owned: &Owned) -> Vec<TopicPartitions> {
    let topics = owned.iter().map(|(topic, partitions)| TopicPartitions {
        topic_id: *topic,
        partitions: partitions.keys().copied().collect(),
        assignment_epochs: Some(partitions.values().copied().collect()),
    });
    topics.collect()
}

/// Brokers before 4.3 wrote no epochs: then the member's own counts.
fn read(topics: &[TopicPartitions], member_epoch: i32) -> Owned {
    let mut owned = Owned::new();
    for topic in topics {
        let epochs = topic
            .assignment_epochs
            .as_ref()
            .filter(|epochs| epochs.len() == topic.partitions.len());
        let epoch_at = |at: usize| epochs.map_or(member_epoch.max(0), |epochs| epochs[at]);
        let partitions = topic.partitions.iter().enumerate();
        owned.insert(
            topic.topic_id,
            partitions.map(|(at, partition)| (*partition, epoch_at(at))).collect(),
        );
    }
    owned
}
