//! The partitions of one topic, as a producer sees them.

use super::batch::NewRecord;
use super::partitioner::{Sticky, for_key};
use super::queue::{Added, Queue};
use super::settings::ProducerSettings;
use crate::error::ClientError;
use crate::topic_metadata::TopicMetadata;
use base::{NodeId, Rng, Timestamp};
use protocol::ErrorCode;
use std::sync::Arc;

/// The partitions of one topic.
#[derive(Debug)]
pub(super) struct TopicQueues {
    pub name: Arc<str>,
    pub metadata: Arc<TopicMetadata>,
    /// Whether the metadata proved wrong.
    pub stale: bool,
    pub queues: Vec<Queue>,
    sticky: Sticky,
    /// The partitions with a leader; all if none has one.
    available: Vec<usize>,
}

impl TopicQueues {
    pub fn new(metadata: Arc<TopicMetadata>) -> Self {
        let mut topic = Self {
            name: metadata.name.as_str().into(),
            metadata: Arc::clone(&metadata),
            stale: false,
            queues: Vec::new(),
            sticky: Sticky::default(),
            available: Vec::new(),
        };
        topic.learn(metadata);
        topic
    }

    /// Takes over newer metadata. Partitions never go away while the topic lives.
    pub fn learn(&mut self, metadata: Arc<TopicMetadata>) {
        let count = metadata.partitions.len().max(self.queues.len());
        self.queues.resize_with(count, Queue::default);
        let with_leader = metadata
            .partitions
            .iter()
            .filter(|partition| partition.leader != NodeId::NONE);
        self.available = with_leader
            .filter_map(|partition| usize::try_from(partition.index).ok())
            .collect();
        self.available.retain(|index| *index < count);
        if self.available.is_empty() {
            self.available = (0..count).collect();
        }
        self.metadata = metadata;
        self.stale = false;
    }

    pub fn count(&self) -> usize {
        self.queues.len()
    }

    /// Who leads a partition.
    pub fn leader(&self, index: usize) -> Option<NodeId> {
        let index = i32::try_from(index).ok()?;
        let partition = self
            .metadata
            .partitions
            .iter()
            .find(|partition| partition.index == index)?;
        (partition.leader != NodeId::NONE).then_some(partition.leader)
    }

    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(Queue::is_empty)
    }

    /// Adds a record to the partition that it chooses, or its key, or the turn.
    pub fn add(
        &mut self,
        record: &NewRecord<'_>,
        timestamp: Timestamp,
        settings: &ProducerSettings,
        rng: &mut Rng,
    ) -> Result<Added, ClientError> {
        let count = self.queues.len();
        let index = match (record.partition, record.key) {
            (Some(partition), _) => {
                let index = usize::try_from(partition).ok().filter(|index| *index < count);
                index.ok_or_else(|| self.no_such(partition))?
            }
            (None, Some(key)) if count > 0 => for_key(key, count),
            (None, None) if count > 0 => self
                .sticky
                .next(record.size(), settings.batch_size, &self.available, rng),
            (None, _) => return Err(self.no_such(0)),
        };
        let partition = i32::try_from(index).expect("as many partitions as the metadata lists");
        Ok(self.queues[index].add(record, timestamp, partition, settings))
    }

    fn no_such(&self, partition: i32) -> ClientError {
        ClientError::Refused {
            code: ErrorCode::UnknownTopicOrPartition,
            message: format!("Partition {partition} of topic {} is not in the metadata", self.name),
        }
    }
}
