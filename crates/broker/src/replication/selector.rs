//! Which replica a consumer had better read from (KIP-392): one in its own rack.

use crate::Broker;
use base::{NodeId, Offset};
use config::broker::ReplicaSelector;
use partition::{Follower, Partition};
use std::cmp::Reverse;
use std::time::Duration;

/// Whether a consumer in `rack` may be sent elsewhere.
pub fn is_asked(broker: &Broker, rack: &str) -> bool {
    broker.config.load().replica_selector == ReplicaSelector::RackAware && !rack.is_empty()
}

/// The replica that a consumer in `rack` is sent to, if this one leads and another is better: in sync, holding `offset`,
/// in the consumer's rack, and of those the one that is the furthest along.
pub fn preferred(broker: &Broker, partition: &Partition, offset: Offset, rack: &str, listener: &str) -> Option<NodeId> {
    if !is_asked(broker, rack) {
        return None;
    }
    let leadership = partition.leadership().ok()?;
    let image = &broker.image.borrow().image;
    let rack_of = |node: NodeId| image.brokers.get(node)?.rack.as_deref();
    if rack_of(leadership.node) == Some(rack) {
        return None;
    }
    let reachable = |follower: &Follower| {
        let registered = image.brokers.get(follower.node).filter(|broker| !broker.fenced);
        registered.is_some_and(|broker| broker.listener(listener).is_some())
    };
    let now = broker.clock.now();
    let near = partition.followers().filter(|follower| follower.can_serve(offset));
    let near = near
        .filter(|follower| rack_of(follower.node) == Some(rack))
        .filter(reachable);
    let lag = |follower: &Follower| follower.last_caught_up.map_or(Duration::MAX, |at| now.since(at));
    let best = near.max_by_key(|follower| (follower.log_end_offset, Reverse(lag(follower)), follower.node));
    best.map(|follower| follower.node)
}
