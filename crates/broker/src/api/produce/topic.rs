//! The topics of a Produce request, by name or id.

use crate::Broker;
use crate::partitions::HostedTopic;
use base::Uuid;
use protocol::views::TopicRef;
use protocol::views::produce::Produced;
use std::sync::Arc;

/// A topic as the request named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TopicName {
    Name(Arc<str>),
    Id(Uuid),
}

/// The topic of a request that was looked for last.
#[derive(Debug, Default)]
pub(super) struct Found {
    last: Option<(usize, TopicName, Option<Arc<HostedTopic>>)>,
}

impl Found {
    /// The topic of a batch, and what is hosted of it.
    pub(super) fn topic(&mut self, broker: &Broker, of: &Produced<'_>) -> (&TopicName, Option<&HostedTopic>) {
        let last = self.last.take().filter(|(number, ..)| *number == of.topic_number);
        let (_, name, hosted) = self.last.insert(last.unwrap_or_else(|| {
            let (name, hosted) = find(broker, of.topic);
            (of.topic_number, name, hosted)
        }));
        (name, hosted.as_deref())
    }
}

/// What is hosted of a topic.
fn find(broker: &Broker, topic: TopicRef<'_>) -> (TopicName, Option<Arc<HostedTopic>>) {
    match topic {
        TopicRef::Name(name) => match broker.partitions.topic(name) {
            Some(hosted) => (TopicName::Name(Arc::clone(&hosted.name)), Some(hosted)),
            None => (TopicName::Name(Arc::from(name)), None),
        },
        TopicRef::Id(id) => (TopicName::Id(id), broker.partitions.topic_by_id(id)),
    }
}
