//! Records about topics and partitions.

use super::ApplyError;
use crate::image::{ConfigResource, LeaderRecoveryState, MetadataImage, PartitionEpoch, PartitionImage, TopicImage};
use base::{LeaderEpoch, NodeId, Uuid};
use protocol::metadata_records::clear_elr_record::ClearElrRecord;
use protocol::metadata_records::partition_change_record::PartitionChangeRecord;
use protocol::metadata_records::partition_record::PartitionRecord;
use protocol::metadata_records::remove_topic_record::RemoveTopicRecord;
use protocol::metadata_records::topic_record::TopicRecord;
use std::sync::Arc;

/// In a PartitionChangeRecord: the leader stays, and so does the leader epoch.
pub const NO_LEADER_CHANGE: i32 = -2;

/// In a PartitionChangeRecord: the leader recovery state stays.
pub const NO_RECOVERY_STATE_CHANGE: i8 = -1;

impl MetadataImage {
    pub(super) fn create_topic(&mut self, record: &TopicRecord) -> Result<(), ApplyError> {
        if self.topics.id(&record.name).is_some() {
            return Err(ApplyError::DuplicateTopic(record.name.clone()));
        }
        self.topics.insert(TopicImage {
            name: record.name.as_str().into(),
            id: record.topic_id,
            partitions: Vec::new(),
        });
        Ok(())
    }

    pub(super) fn remove_topic(&mut self, record: &RemoveTopicRecord) -> Result<(), ApplyError> {
        let topic = self
            .topics
            .remove(record.topic_id)
            .ok_or(ApplyError::UnknownTopicId(record.topic_id))?;
        self.configs.remove(&ConfigResource::topic(&*topic.name));
        Ok(())
    }

    pub(super) fn set_partition(&mut self, record: &PartitionRecord) -> Result<(), ApplyError> {
        let partition = PartitionImage::try_from(record)?;
        let topic = self
            .topics
            .get_mut(record.topic_id)
            .ok_or(ApplyError::UnknownTopicId(record.topic_id))?;
        let known = topic.partitions.len();
        match usize::try_from(record.partition_id) {
            Ok(index) if index < known => topic.partitions[index] = Arc::new(partition),
            Ok(index) if index == known => topic.partitions.push(Arc::new(partition)),
            _ => {
                let (topic, partition) = (record.topic_id, record.partition_id);
                return Err(ApplyError::UnknownPartition {
                    topic,
                    partition,
                    known,
                });
            }
        }
        Ok(())
    }

    pub(super) fn change_partition(&mut self, record: &PartitionChangeRecord) -> Result<(), ApplyError> {
        let topic = self
            .topics
            .get_mut(record.topic_id)
            .ok_or(ApplyError::UnknownTopicId(record.topic_id))?;
        let known = topic.partitions.len();
        let partition = usize::try_from(record.partition_id)
            .ok()
            .and_then(|index| topic.partitions.get_mut(index));
        let (topic, index) = (record.topic_id, record.partition_id);
        let partition = partition.ok_or(ApplyError::UnknownPartition {
            topic,
            partition: index,
            known,
        })?;
        *partition = Arc::new(partition.changed_by(record)?);
        Ok(())
    }

    /// Forgets eligible leader replicas: of one topic, or of all if the name is empty.
    pub(super) fn clear_elr(&mut self, record: &ClearElrRecord) -> Result<(), ApplyError> {
        let ids: Vec<Uuid> = if record.topic_name.is_empty() {
            self.topics.iter().map(|topic| topic.id).collect()
        } else {
            let id = self.topics.id(&record.topic_name);
            vec![id.ok_or_else(|| ApplyError::UnknownTopicName(record.topic_name.clone()))?]
        };
        for id in ids {
            let holds_elr = |topic: &Arc<TopicImage>| topic.partitions.iter().any(|partition| partition.remembers());
            if !self.topics.get_by_id(id).is_some_and(holds_elr) {
                continue;
            }
            let topic = self.topics.get_mut(id).ok_or(ApplyError::UnknownTopicId(id))?;
            for partition in topic.partitions.iter_mut().filter(|partition| partition.remembers()) {
                let partition = Arc::make_mut(partition);
                partition.elr.clear();
                partition.last_known_elr.clear();
                partition.partition_epoch.0 += 1;
            }
        }
        Ok(())
    }
}

fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn recovery_state(code: i8) -> Result<LeaderRecoveryState, ApplyError> {
    let unknown = ApplyError::UnknownCode {
        what: "leader recovery state",
        code: code.into(),
    };
    LeaderRecoveryState::from_code(code).ok_or(unknown)
}

impl TryFrom<&PartitionRecord> for PartitionImage {
    type Error = ApplyError;

    fn try_from(record: &PartitionRecord) -> Result<Self, ApplyError> {
        let replicas = nodes(&record.replicas);
        let directories = directories(
            record.topic_id,
            record.partition_id,
            &record.directories,
            replicas.len(),
        )?;
        Ok(Self {
            replicas,
            directories,
            isr: nodes(&record.isr),
            removing_replicas: nodes(&record.removing_replicas),
            adding_replicas: nodes(&record.adding_replicas),
            elr: record
                .eligible_leader_replicas
                .as_deref()
                .map(nodes)
                .unwrap_or_default(),
            last_known_elr: record.last_known_elr.as_deref().map(nodes).unwrap_or_default(),
            leader: NodeId(record.leader),
            leader_recovery_state: recovery_state(record.leader_recovery_state)?,
            leader_epoch: LeaderEpoch(record.leader_epoch),
            partition_epoch: PartitionEpoch(record.partition_epoch),
        })
    }
}

/// The directories to keep: those of the record, or "migrating" for every replica if it names none.
fn directories(topic: Uuid, partition: i32, given: &[Uuid], replicas: usize) -> Result<Vec<Uuid>, ApplyError> {
    if given.is_empty() {
        return Ok(vec![Uuid::ZERO; replicas]);
    }
    if given.len() != replicas {
        let directories = given.len();
        return Err(ApplyError::MismatchedDirectories {
            topic,
            partition,
            replicas,
            directories,
        });
    }
    Ok(given.to_vec())
}

impl PartitionImage {
    /// Whether eligible or last known leaders are recorded.
    fn remembers(&self) -> bool {
        !self.elr.is_empty() || !self.last_known_elr.is_empty()
    }

    /// The partition after the change: the partition epoch grows always, the leader epoch whenever the record names a
    /// leader, be it the same one.
    ///
    /// # Errors
    /// If the change does not fit the partition.
    pub fn changed_by(&self, record: &PartitionChangeRecord) -> Result<Self, ApplyError> {
        let changed = |field: &Option<Vec<i32>>, current: &[NodeId]| match field {
            Some(ids) => nodes(ids),
            None => current.to_vec(),
        };
        let replicas = changed(&record.replicas, &self.replicas);
        let keeps_leader = record.leader == NO_LEADER_CHANGE;
        Ok(Self {
            directories: self.changed_directories(record, replicas.len())?,
            replicas,
            isr: changed(&record.isr, &self.isr),
            removing_replicas: changed(&record.removing_replicas, &self.removing_replicas),
            adding_replicas: changed(&record.adding_replicas, &self.adding_replicas),
            elr: changed(&record.eligible_leader_replicas, &self.elr),
            last_known_elr: changed(&record.last_known_elr, &self.last_known_elr),
            leader: if keeps_leader {
                self.leader
            } else {
                NodeId(record.leader)
            },
            leader_recovery_state: match record.leader_recovery_state {
                NO_RECOVERY_STATE_CHANGE => self.leader_recovery_state,
                code => recovery_state(code)?,
            },
            leader_epoch: LeaderEpoch(self.leader_epoch.0.saturating_add(i32::from(!keeps_leader))),
            partition_epoch: PartitionEpoch(self.partition_epoch.0.saturating_add(1)),
        })
    }

    fn changed_directories(&self, record: &PartitionChangeRecord, replicas: usize) -> Result<Vec<Uuid>, ApplyError> {
        match &record.directories {
            Some(given) => directories(record.topic_id, record.partition_id, given, replicas),
            None if self.directories.iter().all(|directory| *directory == Uuid::ZERO) => Ok(vec![Uuid::ZERO; replicas]),
            None => directories(record.topic_id, record.partition_id, &self.directories, replicas),
        }
    }
}
