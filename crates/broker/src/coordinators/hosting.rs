//! Hosting the shards of one tenant: a coordinator for each partition that this broker leads of the tenant's topic.

pub(crate) mod ask;
pub(crate) mod author;
pub(crate) mod compression;
mod end_transaction;
pub(crate) mod internal_topic;
pub(crate) mod leadership;
pub(crate) mod linger;
mod load;
mod open_batch;
pub(crate) mod shard;
mod shared_batch;
pub(crate) mod tenant;
mod tend;
pub(crate) mod write;

use arc_swap::ArcSwap;
use shard::Shard;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tenant::Tenant;

/// A tenant's coordinators, by partition. Readers see one consistent version; the metadata publisher alone replaces it.
#[derive(Debug)]
#[expect(private_bounds, reason = "what a tenant is concerns only this module")]
pub struct Shards<T: Tenant> {
    shards: ArcSwap<BTreeMap<i32, Arc<Shard<T>>>>,
    /// Whether somebody is asking the controller to create the topic.
    creating: AtomicBool,
}

impl<T: Tenant> Default for Shards<T> {
    fn default() -> Self {
        Self {
            shards: ArcSwap::default(),
            creating: AtomicBool::new(false),
        }
    }
}

#[expect(private_bounds, reason = "what a tenant is concerns only this module")]
impl<T: Tenant> Shards<T> {
    pub(crate) fn get(&self, partition: i32) -> Option<Arc<Shard<T>>> {
        self.shards.load().get(&partition).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Shard<T>>> {
        self.shards.load().values().cloned().collect()
    }
}
