//! Naming the leader beside an error about leadership, so that a client need not ask for metadata (KIP-951).

use base::{LeaderEpoch, NodeId, Uuid};
use metadata::MetadataImage;
use metadata::image::TopicImage;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A node and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) node: NodeId,
    pub(crate) host: String,
    pub(crate) port: i32,
    pub(crate) rack: Option<String>,
}

/// The leaders named in one response.
#[derive(Debug)]
pub(crate) struct LeaderHints<'a> {
    image: &'a MetadataImage,
    listener: &'a str,
    named: BTreeSet<NodeId>,
}

impl<'a> LeaderHints<'a> {
    /// For a client of this listener.
    pub(crate) fn new(image: &'a MetadataImage, listener: &'a str) -> Self {
        Self {
            image,
            listener,
            named: BTreeSet::new(),
        }
    }

    /// The leader of a partition and its epoch, as the image has them; -1 and -1 if it has none.
    pub(crate) fn name(&mut self, topic: Option<&Arc<TopicImage>>, index: i32) -> (NodeId, LeaderEpoch) {
        let Some(partition) = topic.and_then(|topic| topic.partition(index)) else {
            return (NodeId::NONE, LeaderEpoch::NONE);
        };
        if partition.has_leader() {
            self.named.insert(partition.leader);
        }
        (partition.leader, partition.leader_epoch)
    }

    /// The topic of that name, or without a name that id.
    pub(crate) fn topic(&self, name: &str, id: Uuid) -> Option<&'a Arc<TopicImage>> {
        if name.is_empty() {
            self.image.topics.get_by_id(id)
        } else {
            self.image.topics.get(name)
        }
    }

    /// Where the leaders named are reached.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let reach = |node: &NodeId| {
            let broker = self.image.brokers.get(*node)?;
            let listener = broker.listener(self.listener)?;
            Some(Endpoint {
                node: *node,
                host: listener.host.clone(),
                port: i32::from(listener.port),
                rack: broker.rack.clone(),
            })
        };
        self.named.iter().filter_map(reach).collect()
    }
}
