//! `metadata.version`: the feature level that says which metadata records and inter-broker requests may be used.

use std::fmt;
use std::str::FromStr;

/// The level of the feature `metadata.version`; 7 (3.3-IV3) is the oldest that Kafka 4.x can start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(pub i16);

/// One level: its number, the release it belongs to, its place in that release, and whether it changed what snapshots
/// and records hold (a downgrade across it loses metadata).
struct Level {
    version: MetadataVersion,
    release: &'static str,
    iv: u8,
    changed_records: bool,
}

const fn level(number: i16, release: &'static str, iv: u8) -> Level {
    Level {
        version: MetadataVersion(number),
        release,
        iv,
        changed_records: false,
    }
}

const fn changed(number: i16, release: &'static str, iv: u8) -> Level {
    Level {
        version: MetadataVersion(number),
        release,
        iv,
        changed_records: true,
    }
}

/// Every level from the oldest to the latest production level, without gaps.
const LEVELS: [Level; 24] = [
    level(7, "3.3", 3),
    changed(8, "3.4", 0),
    level(9, "3.5", 0),
    level(10, "3.5", 1),
    changed(11, "3.5", 2),
    level(12, "3.6", 0),
    changed(13, "3.6", 1),
    changed(14, "3.6", 2),
    changed(15, "3.7", 0),
    level(16, "3.7", 1),
    changed(17, "3.7", 2),
    level(18, "3.7", 3),
    level(19, "3.7", 4),
    level(20, "3.8", 0),
    level(21, "3.9", 0),
    level(22, "4.0", 0),
    changed(23, "4.0", 1),
    level(24, "4.0", 2),
    level(25, "4.0", 3),
    level(26, "4.1", 0),
    level(27, "4.1", 1),
    level(28, "4.2", 0),
    level(29, "4.2", 1),
    changed(30, "4.3", 0),
];

impl MetadataVersion {
    /// The name of the feature.
    pub const FEATURE_NAME: &'static str = "metadata.version";
    /// The oldest level supported (3.3-IV3).
    pub const MINIMUM: Self = Self(7);
    /// The newest level of Kafka 4.3 (4.3-IV0).
    pub const LATEST_PRODUCTION: Self = Self(30);

    /// Controlled shutdown is kept in the broker's registration (3.4-IV0 on; 3.3-IV3 too, for the change record).
    pub const IBP_3_4_IV0: Self = Self(8);
    /// SCRAM credentials are metadata (3.5-IV2).
    pub const IBP_3_5_IV2: Self = Self(11);
    /// Metadata transactions (3.6-IV1).
    pub const IBP_3_6_IV1: Self = Self(13);
    /// Delegation tokens are metadata (3.6-IV2).
    pub const IBP_3_6_IV2: Self = Self(14);
    /// Controllers register (3.7-IV0).
    pub const IBP_3_7_IV0: Self = Self(15);
    /// Several log directories: directory ids in registrations and partitions (3.7-IV2).
    pub const IBP_3_7_IV2: Self = Self(17);
    /// kraft.version 1 is the default (3.9-IV0).
    pub const IBP_3_9_IV0: Self = Self(21);
    /// Eligible leader replicas may be recorded (4.0-IV1).
    pub const IBP_4_0_IV1: Self = Self(23);
    /// Log directories can be cordoned (4.3-IV0).
    pub const IBP_4_3_IV0: Self = Self(30);

    /// The level with this number, if this program knows it.
    pub fn from_feature_level(number: i16) -> Option<Self> {
        LEVELS
            .iter()
            .map(|level| level.version)
            .find(|version| version.0 == number)
    }

    /// Whether begin/end/abort transaction records may be written.
    pub fn supports_metadata_transactions(self) -> bool {
        self >= Self::IBP_3_6_IV1
    }

    /// Whether controllers register themselves in the metadata.
    pub fn supports_controller_registration(self) -> bool {
        self >= Self::IBP_3_7_IV0
    }

    /// Whether partitions and registrations name log directories.
    pub fn supports_directory_assignment(self) -> bool {
        self >= Self::IBP_3_7_IV2
    }

    /// Whether partitions may hold eligible leader replicas.
    pub fn supports_elr(self) -> bool {
        self >= Self::IBP_4_0_IV1
    }

    /// Whether registrations may name cordoned log directories.
    pub fn supports_cordoned_log_dirs(self) -> bool {
        self >= Self::IBP_4_3_IV0
    }

    /// Whether SCRAM credential records may be written.
    pub fn supports_scram(self) -> bool {
        self >= Self::IBP_3_5_IV2
    }

    /// Whether delegation token records may be written.
    pub fn supports_delegation_tokens(self) -> bool {
        self >= Self::IBP_3_6_IV2
    }

    /// The version of RegisterBrokerRecord to write.
    pub fn register_broker_record_version(self) -> i16 {
        match self {
            v if v >= Self::IBP_4_3_IV0 => 4,
            v if v >= Self::IBP_3_7_IV2 => 3,
            v if v >= Self::IBP_3_4_IV0 => 2,
            _ => 1,
        }
    }

    /// The version of BrokerRegistrationChangeRecord to write.
    pub fn broker_registration_change_record_version(self) -> i16 {
        match self {
            v if v >= Self::IBP_4_3_IV0 => 3,
            v if v >= Self::IBP_3_7_IV2 => 2,
            _ => 1,
        }
    }

    /// The version of PartitionRecord to write.
    pub fn partition_record_version(self) -> i16 {
        match self {
            v if v >= Self::IBP_4_0_IV1 => 2,
            v if v >= Self::IBP_3_7_IV2 => 1,
            _ => 0,
        }
    }

    /// The version of PartitionChangeRecord to write.
    pub fn partition_change_record_version(self) -> i16 {
        self.partition_record_version()
    }

    /// The level of `kraft.version` that a cluster formatted at this level gets.
    pub fn default_kraft_version(self) -> i16 {
        i16::from(self >= Self::IBP_3_9_IV0)
    }

    /// Whether any level in between the two changed what the records hold, so that going down loses metadata.
    pub fn metadata_changed_between(first: Self, second: Self) -> bool {
        let (low, high) = if first < second {
            (first, second)
        } else {
            (second, first)
        };
        LEVELS
            .iter()
            .any(|level| level.changed_records && level.version > low && level.version <= high)
    }

    /// The newest production level of a release such as `4.2`, or the level of a full name such as `3.7-IV2`.
    pub fn from_release(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// The release and the full name's last part.
    fn describe(self) -> Option<(&'static str, u8)> {
        LEVELS
            .iter()
            .find(|level| level.version == self)
            .map(|level| (level.release, level.iv))
    }

    /// The name without the last part, such as `4.3`.
    pub fn short_version(self) -> Option<&'static str> {
        self.describe().map(|(release, _)| release)
    }
}

/// Kafka's full name, such as `4.3-IV0`; a bare number for a level this program does not know.
impl fmt::Display for MetadataVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.describe() {
            Some((release, iv)) => write!(out, "{release}-IV{iv}"),
            None => self.0.fmt(out),
        }
    }
}

/// The text names no release or level this program knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a metadata.version")]
pub struct UnknownMetadataVersion(pub String);

/// Accepts a full name (`4.3-IV0`), and a release (`4.3`, `4.3.1`) for that release's newest level.
impl FromStr for MetadataVersion {
    type Err = UnknownMetadataVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let exact = LEVELS.iter().find(|level| level.version.to_string() == text);
        let release = text.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        let of_release = || LEVELS.iter().rev().find(|level| level.release == release);
        exact
            .or_else(of_release)
            .map(|level| level.version)
            .ok_or_else(|| UnknownMetadataVersion(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_numbered_without_gaps() {
        let numbers: Vec<i16> = LEVELS.iter().map(|level| level.version.0).collect();
        assert_eq!(numbers, (7..=30).collect::<Vec<i16>>());
        assert_eq!(LEVELS[0].version, MetadataVersion::MINIMUM);
        assert_eq!(LEVELS[LEVELS.len() - 1].version, MetadataVersion::LATEST_PRODUCTION);
    }

    #[test]
    fn names_are_kafkas() {
        assert_eq!(MetadataVersion(30).to_string(), "4.3-IV0");
        assert_eq!(MetadataVersion(19).to_string(), "3.7-IV4");
        assert_eq!("4.3-IV0".parse(), Ok(MetadataVersion(30)));
        assert_eq!("4.3".parse(), Ok(MetadataVersion(30)));
        assert_eq!("4.2.1".parse(), Ok(MetadataVersion(29)));
        assert_eq!("3.7-IV2".parse(), Ok(MetadataVersion(17)));
        for unknown in ["", "4.4", "4.3-IV9", "banana", "2.8", "4"] {
            assert_eq!(
                unknown.parse::<MetadataVersion>(),
                Err(UnknownMetadataVersion(unknown.to_owned()))
            );
        }
    }

    #[test]
    fn lossy_ranges() {
        assert!(MetadataVersion::metadata_changed_between(
            MetadataVersion(30),
            MetadataVersion(29)
        ));
        assert!(!MetadataVersion::metadata_changed_between(
            MetadataVersion(29),
            MetadataVersion(23)
        ));
        assert!(MetadataVersion::metadata_changed_between(
            MetadataVersion(22),
            MetadataVersion(23)
        ));
    }
}
