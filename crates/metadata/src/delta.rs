//! What differs between two images, found without looking into what they share.

use crate::image::{MetadataImage, PartitionImage, TopicImage};
use base::Uuid;
use imbl::ordmap::DiffItem;
use std::sync::Arc;

/// What happened to a topic from one image to the next.
#[derive(Clone, Debug, PartialEq)]
pub enum TopicChange<'a> {
    /// It is new (also if another topic of that name was deleted).
    Created(&'a Arc<TopicImage>),
    /// It is gone.
    Deleted(&'a Arc<TopicImage>),
    /// Some of its partitions changed or were added.
    Changed {
        /// How it was.
        old: &'a Arc<TopicImage>,
        /// How it is.
        new: &'a Arc<TopicImage>,
    },
}

/// Every topic that is not the same in both images. Costs about as much as there are changes: what the two images
/// share is not visited.
pub fn changed_topics<'a>(old: &'a MetadataImage, new: &'a MetadataImage) -> Vec<TopicChange<'a>> {
    let differences = old.topics.map_by_id().diff(new.topics.map_by_id());
    let change = |item| match item {
        DiffItem::Add(_, new) => Some(TopicChange::Created(new)),
        DiffItem::Remove(_, old) => Some(TopicChange::Deleted(old)),
        DiffItem::Update {
            old: (_, old),
            new: (_, new),
        } => (!Arc::ptr_eq(old, new)).then_some(TopicChange::Changed { old, new }),
    };
    differences.filter_map(change).collect()
}

/// A partition that differs between two images of its topic.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionChange<'a> {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partition's index.
    pub partition: i32,
    /// How it was; `None` if it is new.
    pub old: Option<&'a PartitionImage>,
    /// How it is.
    pub new: &'a PartitionImage,
}

/// The partitions of `new` that `old` has not or has otherwise, in order. Partitions never go away while their topic
/// stays.
pub fn changed_partitions<'a>(old: &'a TopicImage, new: &'a TopicImage) -> impl Iterator<Item = PartitionChange<'a>> {
    new.partitions.iter().zip(0..).filter_map(move |(partition, index)| {
        let before = usize::try_from(index).ok().and_then(|at| old.partitions.get(at));
        if before.is_some_and(|before| Arc::ptr_eq(before, partition)) {
            return None;
        }
        let change = PartitionChange {
            topic_id: new.id,
            partition: index,
            old: before.map(Arc::as_ref),
            new: partition,
        };
        (change.old != Some(change.new)).then_some(change)
    })
}
