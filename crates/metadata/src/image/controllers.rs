//! Registered controllers (KIP-919).

use super::listener::{Listener, VersionRange};
use base::{NodeId, Uuid};
use imbl::OrdMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One controller's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerImage {
    /// The controller's `node.id`.
    pub id: NodeId,
    /// A random id of the controller's process.
    pub incarnation_id: Uuid,
    /// A relic of the move away from ZooKeeper; kept so that a record is written as it was read.
    pub zk_migration_ready: bool,
    /// Where it can be reached, in the order of the names.
    pub listeners: Vec<Listener>,
    /// The feature levels it supports.
    pub features: BTreeMap<String, VersionRange>,
}

/// All registered controllers, in the order of the ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControllersImage {
    by_id: OrdMap<NodeId, Arc<ControllerImage>>,
}

impl ControllersImage {
    /// The controller with that id.
    pub fn get(&self, id: NodeId) -> Option<&Arc<ControllerImage>> {
        self.by_id.get(&id)
    }

    /// Every controller.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ControllerImage>> {
        self.by_id.values()
    }

    pub(crate) fn insert(&mut self, controller: ControllerImage) {
        self.by_id.insert(controller.id, Arc::new(controller));
    }

    pub(crate) fn remove(&mut self, id: NodeId) -> Option<Arc<ControllerImage>> {
        self.by_id.remove(&id)
    }
}
