//! Offsets of deleted topics go with them.

use crate::Broker;
use group_coordinator::op;
use std::collections::BTreeSet;
use std::sync::Arc;
use tracing::info;

/// Topics were deleted: the offsets committed for them go too.
pub(crate) fn topics_deleted(broker: &Broker, topics: &BTreeSet<Arc<str>>) {
    if topics.is_empty() {
        return;
    }
    for shard in broker.groups.all() {
        let forgotten = shard.change(|shard, serving, due| {
            let outcome = op::topics_deleted::topics_deleted(serving.runtime.latest(), topics);
            shard.write(serving, outcome, due);
        });
        if let Err(error) = forgotten {
            // What it holds of them expires.
            info!(partition = shard.index, %error, "offsets of deleted topics stay for now");
        }
    }
}
