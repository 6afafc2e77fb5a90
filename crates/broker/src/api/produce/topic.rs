//! The topics of a Produce request, by name or id.

use crate::Broker;
use crate::partitions::HostedTopic;
use base::Uuid;
use protocol::views::TopicRef;
use std::sync::Arc;

/// A topic as the request named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TopicName {
    Name(Arc<str>),
    Id(Uuid),
}

/// What is hosted of a topic.
pub(super) fn find(broker: &Broker, topic: TopicRef<'_>) -> (TopicName, Option<Arc<HostedTopic>>) {
    match topic {
        TopicRef::Name(name) => match broker.partitions.topic(name) {
            Some(hosted) => (TopicName::Name(Arc::clone(&hosted.name)), Some(hosted)),
            None => (TopicName::Name(Arc::from(name)), None),
        },
        TopicRef::Id(id) => (TopicName::Id(id), broker.partitions.topic_by_id(id)),
    }
}
