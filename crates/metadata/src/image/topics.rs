//! Topics, by name and by id.

use super::partition::PartitionImage;
use base::{NodeId, Uuid};
use imbl::OrdMap;
use std::sync::Arc;

/// One topic and its partitions, in the order of their indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// The topic's name.
    pub name: Arc<str>,
    /// The topic's id, never used again for another topic.
    pub id: Uuid,
    /// The partitions; the index in the list is the partition's index.
    pub partitions: Vec<Arc<PartitionImage>>,
}

impl TopicImage {
    /// The partition with this index.
    pub fn partition(&self, index: i32) -> Option<&PartitionImage> {
        self.partitions.get(usize::try_from(index).ok()?).map(Arc::as_ref)
    }

    /// Every partition with its index, in order.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = (i32, &PartitionImage)> {
        self.partitions.iter().enumerate().map(|(index, partition)| {
            (
                i32::try_from(index).expect("replay bounds partition indexes by i32"),
                partition.as_ref(),
            )
        })
    }
}

/// All topics. Ordered by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicsImage {
    by_id: OrdMap<Uuid, Arc<TopicImage>>,
    by_name: OrdMap<Arc<str>, Uuid>,
}

impl TopicsImage {
    /// The topic of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.by_id.get(self.by_name.get(name)?)
    }

    /// The topic with that id.
    pub fn get_by_id(&self, id: Uuid) -> Option<&Arc<TopicImage>> {
        self.by_id.get(&id)
    }

    /// The id of the topic of that name.
    pub fn id(&self, name: &str) -> Option<Uuid> {
        self.by_name.get(name).copied()
    }

    /// The partition with that index of the topic of that name.
    pub fn partition(&self, name: &str, index: i32) -> Option<&PartitionImage> {
        self.get(name)?.partition(index)
    }

    /// Every topic, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    /// Every topic whose name is not below `name`, in order: the page that begins there.
    pub fn iter_from<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<TopicImage>> {
        self.by_name
            .range(Arc::<str>::from(name)..)
            .filter_map(|(_, id)| self.by_id.get(id))
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no topic.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> usize {
        self.by_id.values().map(|topic| topic.partitions.len()).sum()
    }

    /// Every partition for which `node` holds a replica.
    pub fn hosted_by(&self, node: NodeId) -> impl Iterator<Item = (&Arc<TopicImage>, i32, &PartitionImage)> {
        self.iter().flat_map(move |topic| {
            topic
                .partitions()
                .filter(move |(_, partition)| partition.replicas.contains(&node))
                .map(move |(index, partition)| (topic, index, partition))
        })
    }

    pub(crate) fn map_by_id(&self) -> &OrdMap<Uuid, Arc<TopicImage>> {
        &self.by_id
    }

    pub(crate) fn insert(&mut self, topic: TopicImage) {
        self.by_name.insert(topic.name.clone(), topic.id);
        self.by_id.insert(topic.id, Arc::new(topic));
    }

    pub(crate) fn remove(&mut self, id: Uuid) -> Option<Arc<TopicImage>> {
        let topic = self.by_id.remove(&id)?;
        self.by_name.remove(&topic.name);
        Some(topic)
    }

    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut TopicImage> {
        self.by_id.get_mut(&id).map(Arc::make_mut)
    }
}
