//! The coordinators of groups: each a partition of `__consumer_offsets`.

pub(crate) mod ask;
pub(crate) mod picture;
pub(crate) mod search;
mod tenant;
#[cfg(test)]
pub(crate) use tenant::Surroundings;
pub(crate) mod topics_deleted;

use crate::Broker;
pub(crate) use tenant::assignors;

/// The feature of consumer groups (KIP-848), and the level from which they are served.
const GROUP_VERSION: (&str, i16) = ("group.version", 1);
/// What somebody whom nobody restricts may do with a group: the bits of READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and
/// ALTER_CONFIGS.
pub(crate) const ALL_OPERATIONS: i32 = 0b1101_0100_1000;
/// Not asked for, or nothing to ask about.
pub(crate) const NO_OPERATIONS: i32 = i32::MIN;

/// Whether the cluster and this broker serve consumer groups.
pub(crate) fn serves_consumer_groups(broker: &Broker) -> bool {
    let (feature, level) = GROUP_VERSION;
    let protocols = &broker
        .config
        .load()
        .consumer_groups
        .group_coordinator_rebalance_protocols;
    protocols.iter().any(|protocol| protocol == "consumer")
        && broker.image.borrow().image.features.level(feature) >= level
}
