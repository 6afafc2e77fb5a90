//! The features a node supports, and the levels a new cluster of a given release starts with (KIP-584, KIP-1022).

use crate::metadata_version::MetadataVersion;

/// One feature: its name and the levels, in Kafka 4.3 and here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Kafka's name, such as `group.version`.
    pub name: &'static str,
    /// The lowest level.
    pub min: i16,
    /// The highest production level of Kafka 4.3, what a mixed cluster may finalize.
    pub kafka_max: i16,
    /// The highest level this program implements; it announces `min..=max` and never more.
    pub max: i16,
}

/// Every feature of Kafka 4.3, in the order of its enumeration, `metadata.version` first.
///
/// `max` equals `kafka_max` throughout. A level allows the nodes to use certain records and requests among themselves; a
/// node that refused one could neither start on a directory that Kafka wrote nor join a cluster of Kafka's nodes. Whether
/// this program serves what a level is about, clients learn from the list of APIs in ApiVersions, which never names more
/// than is served. Lower `max` for a level whose records this program would write or read wrongly.
pub const FEATURES: [Feature; 7] = [
    Feature {
        name: MetadataVersion::FEATURE_NAME,
        min: 7,
        kafka_max: 30,
        max: 30,
    },
    Feature {
        name: KRAFT_VERSION,
        min: 0,
        kafka_max: 1,
        max: 1,
    },
    Feature {
        name: TRANSACTION_VERSION,
        min: 0,
        kafka_max: 2,
        max: 2,
    },
    Feature {
        name: GROUP_VERSION,
        min: 0,
        kafka_max: 1,
        max: 1,
    },
    Feature {
        name: ELIGIBLE_LEADER_REPLICAS_VERSION,
        min: 0,
        kafka_max: 1,
        max: 1,
    },
    Feature {
        name: SHARE_VERSION,
        min: 0,
        kafka_max: 1,
        max: 1,
    },
    Feature {
        name: STREAMS_VERSION,
        min: 0,
        kafka_max: 1,
        max: 1,
    },
];

/// The version of the raft protocol's voter records; it lives in control records, never in a FeatureLevelRecord.
pub const KRAFT_VERSION: &str = "kraft.version";
/// Which transaction protocol brokers and clients use (KIP-890).
pub const TRANSACTION_VERSION: &str = "transaction.version";
/// Whether the consumer group protocol is on (KIP-848).
pub const GROUP_VERSION: &str = "group.version";
/// Whether eligible leader replicas are kept (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";
/// Whether share groups are on (KIP-932).
pub const SHARE_VERSION: &str = "share.version";
/// Whether streams groups are on (KIP-1071).
pub const STREAMS_VERSION: &str = "streams.version";

/// The feature of that name.
pub fn find(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.name == name)
}

/// A requirement of one feature's level on another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The feature that has the requirement.
    pub feature: &'static str,
    /// From this level on.
    pub level: i16,
    /// The feature required.
    pub requires: &'static str,
    /// At this level or above.
    pub at_least: i16,
}

/// Every dependency between features of Kafka 4.3.
pub const DEPENDENCIES: [Dependency; 1] = [Dependency {
    feature: ELIGIBLE_LEADER_REPLICAS_VERSION,
    level: 1,
    requires: MetadataVersion::FEATURE_NAME,
    at_least: MetadataVersion::IBP_4_0_IV1.0,
}];

/// The level that a cluster newly formatted at `version` gives the feature: the highest level whose bootstrap
/// metadata.version is not above it; 0 if there is none.
pub fn default_level(name: &str, version: MetadataVersion) -> i16 {
    // (feature, level, first metadata.version with that default)
    const DEFAULTS: [(&str, i16, i16); 6] = [
        (KRAFT_VERSION, 1, 21),
        (TRANSACTION_VERSION, 2, 24),
        (GROUP_VERSION, 1, 22),
        (ELIGIBLE_LEADER_REPLICAS_VERSION, 1, 26),
        (SHARE_VERSION, 1, 28),
        (STREAMS_VERSION, 1, 29),
    ];
    if name == MetadataVersion::FEATURE_NAME {
        return version.0;
    }
    let due = |(feature, _, from): &&(&str, i16, i16)| *feature == name && *from <= version.0;
    let level = DEFAULTS.iter().find(due).map_or(0, |(_, level, _)| *level);
    find(name).map_or(0, |feature| level.min(feature.max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_follow_the_release() {
        let level = |name, release: &str| default_level(name, release.parse().unwrap());
        assert_eq!(level(MetadataVersion::FEATURE_NAME, "4.3"), 30);
        assert_eq!(level(GROUP_VERSION, "4.0-IV0"), 1);
        assert_eq!(level(GROUP_VERSION, "3.9"), 0);
        assert_eq!(level(TRANSACTION_VERSION, "4.0-IV1"), 0);
        assert_eq!(level(TRANSACTION_VERSION, "4.0-IV2"), 2);
        assert_eq!(level(ELIGIBLE_LEADER_REPLICAS_VERSION, "4.0"), 0);
        assert_eq!(level(ELIGIBLE_LEADER_REPLICAS_VERSION, "4.1"), 1);
        assert_eq!(level(KRAFT_VERSION, "3.9"), 1);
        assert_eq!(level("no.such.version", "4.3"), 0);
    }

    #[test]
    fn we_never_announce_more_than_kafka() {
        for feature in FEATURES {
            assert!(
                feature.min <= feature.max && feature.max <= feature.kafka_max,
                "{}",
                feature.name
            );
        }
    }
}
