//! Registered brokers.

use super::listener::{Listener, VersionRange};
pub use base::BrokerEpoch;
use base::{NodeId, Uuid};
use imbl::OrdMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One broker's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// The broker's `node.id`.
    pub id: NodeId,
    /// Which registration this is.
    pub epoch: BrokerEpoch,
    /// A random id of the broker's process.
    pub incarnation_id: Uuid,
    /// Where clients and other brokers reach it, in the order of the names.
    pub listeners: Vec<Listener>,
    /// The feature levels it supports.
    pub features: BTreeMap<String, VersionRange>,
    /// Its rack, if one is configured.
    pub rack: Option<String>,
    /// Whether it is fenced: registered, but to lead nothing and to be shown to no client.
    pub fenced: bool,
    /// Whether it asked to shut down in an orderly way.
    pub in_controlled_shutdown: bool,
    /// A relic of the move away from ZooKeeper; kept so that a record is written as it was read.
    pub is_migrating_zk_broker: bool,
    /// Its online log directories, sorted; empty if it does not tell.
    pub directories: Vec<Uuid>,
    /// Log directories that take no new replicas (KIP-1066); `None` if it does not tell.
    pub cordoned_directories: Option<Vec<Uuid>>,
}

impl BrokerImage {
    /// The listener of that name.
    pub fn listener(&self, name: &str) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.name == name)
    }

    /// Whether the broker may lead partitions.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether replicas in that directory can be used: it is online, or nobody tells which are.
    pub fn has_online_dir(&self, directory: Uuid) -> bool {
        let named = directory == Uuid::UNASSIGNED_DIR || directory == Uuid::ZERO;
        directory != Uuid::LOST_DIR
            && (named || self.directories.is_empty() || self.directories.binary_search(&directory).is_ok())
    }
}

/// All registered brokers, in the order of the ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrokersImage {
    by_id: OrdMap<NodeId, Arc<BrokerImage>>,
}

impl BrokersImage {
    /// The broker with that id.
    pub fn get(&self, id: NodeId) -> Option<&Arc<BrokerImage>> {
        self.by_id.get(&id)
    }

    /// Every broker, fenced or not.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<BrokerImage>> {
        self.by_id.values()
    }

    /// Every broker that is not fenced: those that clients see.
    pub fn unfenced(&self) -> impl Iterator<Item = &Arc<BrokerImage>> {
        self.iter().filter(|broker| !broker.fenced)
    }

    /// Whether the broker is registered, not fenced and not shutting down.
    pub fn is_active(&self, id: NodeId) -> bool {
        self.get(id).is_some_and(|broker| broker.is_active())
    }

    /// How many brokers are registered.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether no broker is registered.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn insert(&mut self, broker: BrokerImage) {
        self.by_id.insert(broker.id, Arc::new(broker));
    }

    pub(crate) fn remove(&mut self, id: NodeId) -> Option<Arc<BrokerImage>> {
        self.by_id.remove(&id)
    }

    pub(crate) fn get_mut(&mut self, id: NodeId) -> Option<&mut BrokerImage> {
        self.by_id.get_mut(&id).map(Arc::make_mut)
    }
}
