//! The group coordinators that this broker hosts: one for each partition of `__consumer_offsets` that it leads.
//!
//! A request finds the coordinator of its group by hash ([`ask`]), runs its operation there under the coordinator's own
//! lock, and waits without it. Order of locks: coordinator, then partition. Nothing on the produce or fetch path takes a
//! coordinator's lock.

pub(crate) mod ask;
mod compression;
pub(crate) mod leadership;
mod load;
pub(crate) mod offsets_topic;
mod shard;
mod tend;
mod write;

use arc_swap::ArcSwap;
use shard::Shard;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The topic that holds groups and offsets.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The coordinators, by partition. Readers see one consistent version; the metadata publisher alone replaces it.
#[derive(Debug, Default)]
pub struct GroupShards {
    shards: ArcSwap<BTreeMap<i32, Arc<Shard>>>,
    /// Whether somebody is asking the controller to create the topic.
    creating: AtomicBool,
}

impl GroupShards {
    fn get(&self, partition: i32) -> Option<Arc<Shard>> {
        self.shards.load().get(&partition).cloned()
    }

    fn all(&self) -> Vec<Arc<Shard>> {
        self.shards.load().values().cloned().collect()
    }
}
