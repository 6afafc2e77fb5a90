//! What the log says: committed offsets, offsets of open transactions, and what was last written of each group.

use crate::consumer::group::ConsumerGroup;
use crate::record::{ConsumerRecord, GroupRecord, TransactionEnd};
use base::{Offset, ProducerId, Timestamp, Uuid};
use coordinator_runtime::Shard;
use imbl::OrdMap;
use protocol::internal::group_metadata_value::GroupMetadataValue;
use protocol::internal::offset_commit_value::OffsetCommitValue;
use std::convert::Infallible;
use std::sync::Arc;

/// A topic's partition, ordered by topic.
pub type Place = (Arc<str>, i32);

/// An offset that a group committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Where the group reads on.
    pub offset: i64,
    /// The leader epoch of the record before it; -1 if the client gave none.
    pub leader_epoch: i32,
    /// The client's own note.
    pub metadata: Arc<str>,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// When it expires, if the client said so (OffsetCommit 2 to 4).
    pub expires_at: Option<Timestamp>,
    /// The topic's id; zero if it was not known then.
    pub topic_id: Uuid,
    /// Where the record lies.
    pub record: Offset,
}

impl CommittedOffset {
    fn read(value: &OffsetCommitValue, record: Offset) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.as_str().into(),
            committed_at: Timestamp(value.commit_timestamp),
            expires_at: (value.expire_timestamp != -1).then_some(Timestamp(value.expire_timestamp)),
            topic_id: value.topic_id,
            record,
        }
    }
}

/// What a group is besides its offsets.
#[derive(Clone, Debug, Default)]
pub enum Membership {
    /// No member ever joined: a group that only commits offsets.
    #[default]
    None,
    /// The last generation of a classic group.
    Classic(Arc<GroupMetadataValue>),
    /// A consumer group (KIP-848).
    Consumer(Arc<ConsumerGroup>),
}

/// What the log says of one group.
#[derive(Clone, Debug, Default)]
pub struct StoredGroup {
    /// Its members.
    pub membership: Membership,
    /// Its offsets.
    pub offsets: OrdMap<Place, CommittedOffset>,
}

impl StoredGroup {
    /// The last generation, of a classic group.
    pub fn classic(&self) -> Option<&GroupMetadataValue> {
        match &self.membership {
            Membership::Classic(metadata) => Some(metadata),
            Membership::None | Membership::Consumer(_) => None,
        }
    }

    /// The consumer group, if it is one.
    pub fn consumer(&self) -> Option<&Arc<ConsumerGroup>> {
        match &self.membership {
            Membership::Consumer(group) => Some(group),
            Membership::None | Membership::Classic(_) => None,
        }
    }
}

/// The offsets of one open transaction, by group and place.
type Pending = OrdMap<(Arc<str>, Arc<str>, i32), CommittedOffset>;

/// The state at one offset. A clone is a version: it shares everything with the original.
#[derive(Clone, Debug, Default)]
pub struct GroupState {
    groups: OrdMap<Arc<str>, Arc<StoredGroup>>,
    pending: OrdMap<ProducerId, Pending>,
}

impl GroupState {
    /// A group.
    pub fn group(&self, id: &str) -> Option<&Arc<StoredGroup>> {
        self.groups.get(id)
    }

    /// A group, if it is a consumer group.
    pub fn consumer(&self, id: &str) -> Option<&Arc<ConsumerGroup>> {
        self.group(id)?.consumer()
    }

    /// All groups, in the order of their names.
    pub fn groups(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<StoredGroup>)> {
        self.groups.iter()
    }

    /// Whether an open transaction holds an offset of this group for this place.
    pub fn is_pending(&self, group: &Arc<str>, place: &Place) -> bool {
        let key = (Arc::clone(group), Arc::clone(&place.0), place.1);
        self.pending.values().any(|pending| pending.contains_key(&key))
    }

    /// Whether an open transaction holds any offset of this group.
    pub fn has_pending(&self, group: &str) -> bool {
        let mut all = self.pending.values().flat_map(|pending| pending.keys());
        all.any(|(holder, ..)| holder.as_ref() == group)
    }

    /// What open transactions hold for this group.
    pub fn pending_places(&self, group: &str) -> Vec<Place> {
        let all = self.pending.values().flat_map(|pending| pending.keys());
        let mine = all.filter(|(holder, ..)| holder.as_ref() == group);
        mine.map(|(_, topic, partition)| (Arc::clone(topic), *partition))
            .collect()
    }

    fn change(&mut self, id: &Arc<str>, change: impl FnOnce(&mut StoredGroup)) {
        let entry = self.groups.entry(Arc::clone(id)).or_default();
        change(Arc::make_mut(entry));
    }

    fn remove_offset(&mut self, id: &Arc<str>, place: &Place) {
        if self.groups.contains_key(id) {
            self.change(id, |group| {
                group.offsets.remove(place);
            });
        }
        let key = (Arc::clone(id), Arc::clone(&place.0), place.1);
        let holders: Vec<ProducerId> = self.pending.keys().copied().collect();
        for producer in holders {
            if let Some(pending) = self.pending.get_mut(&producer) {
                pending.remove(&key);
            }
        }
    }

    /// A group that keeps offsets goes on as one that only commits: so it is when Kafka makes a consumer group of it.
    fn remove_group(&mut self, id: &Arc<str>) {
        match self.groups.get(id) {
            Some(group) if !group.offsets.is_empty() => self.change(id, |group| group.membership = Membership::None),
            _ => {
                self.groups.remove(id);
            }
        }
    }

    /// Tombstones of a group that is none, or none any more, say nothing.
    fn change_consumer(&mut self, id: &Arc<str>, record: &ConsumerRecord) {
        let known = self.consumer(id).cloned();
        if record.is_tombstone() && known.is_none() {
            return;
        }
        if *record == ConsumerRecord::Group(None) {
            return self.remove_group(id);
        }
        let mut group = known.unwrap_or_default();
        self.change(id, |stored| {
            stored.membership = Membership::None;
            Arc::make_mut(&mut group).replay(record);
            stored.membership = Membership::Consumer(group);
        });
    }

    fn end_transaction(&mut self, producer: ProducerId, end: TransactionEnd) {
        let Some(pending) = self.pending.remove(&producer) else {
            return;
        };
        if end == TransactionEnd::Aborted {
            return;
        }
        for ((group, topic, partition), offset) in &pending {
            let place = (Arc::clone(topic), *partition);
            self.change(group, |group| {
                // A plain commit written after it is newer, whenever the marker comes.
                if group
                    .offsets
                    .get(&place)
                    .is_none_or(|known| offset.record > known.record)
                {
                    group.offsets.insert(place, offset.clone());
                }
            });
        }
    }
}

impl Shard for GroupState {
    type Record = GroupRecord;
    type Error = Infallible;

    fn replay(&mut self, offset: Offset, record: &GroupRecord) -> Result<(), Infallible> {
        match record {
            GroupRecord::Offset {
                group,
                topic,
                partition,
                value,
                producer,
            } => {
                let place = (Arc::clone(topic), *partition);
                let Some(value) = value else {
                    self.remove_offset(group, &place);
                    return Ok(());
                };
                let committed = CommittedOffset::read(value, offset);
                if *producer == ProducerId::NONE {
                    self.change(group, |group| {
                        group.offsets.insert(place, committed);
                    });
                } else {
                    // The group is there from now on, whatever becomes of the transaction.
                    self.change(group, |_| {});
                    let key = (Arc::clone(group), place.0, place.1);
                    self.pending.entry(*producer).or_default().insert(key, committed);
                }
            }
            GroupRecord::Group {
                group,
                value: Some(value),
            } => {
                self.change(group, |group| group.membership = Membership::Classic(Arc::clone(value)));
            }
            GroupRecord::Group { group, value: None } => self.remove_group(group),
            GroupRecord::Consumer { group, record } => self.change_consumer(group, record),
            GroupRecord::TransactionEnd { producer, end } => self.end_transaction(*producer, *end),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
