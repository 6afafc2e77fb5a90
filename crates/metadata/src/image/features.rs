//! Finalized feature levels.

use crate::feature;
use crate::metadata_version::MetadataVersion;
use std::collections::BTreeMap;

/// The levels the cluster has agreed on. A feature that is not listed is at level 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeaturesImage {
    /// `None` until the first FeatureLevelRecord for it: the log has no content yet.
    pub metadata_version: Option<MetadataVersion>,
    /// Every other feature above level 0.
    pub finalized: BTreeMap<String, i16>,
}

impl FeaturesImage {
    /// The metadata.version, the oldest supported one as long as none is recorded.
    pub fn metadata_version_or_minimum(&self) -> MetadataVersion {
        self.metadata_version.unwrap_or(MetadataVersion::MINIMUM)
    }

    /// The level of a feature, 0 if it is not finalized.
    pub fn level(&self, name: &str) -> i16 {
        if name == MetadataVersion::FEATURE_NAME {
            return self.metadata_version.map_or(0, |version| version.0);
        }
        self.finalized.get(name).copied().unwrap_or(0)
    }

    /// Every finalized feature, metadata.version included, in the order of the names. `kraft.version` is not among
    /// them: the raft layer knows it.
    pub fn all(&self) -> BTreeMap<String, i16> {
        let mut levels = self.finalized.clone();
        if let Some(version) = self.metadata_version {
            levels.insert(MetadataVersion::FEATURE_NAME.to_owned(), version.0);
        }
        levels
    }

    /// Whether eligible leader replicas are kept (KIP-966).
    pub fn is_elr_enabled(&self) -> bool {
        self.level(feature::ELIGIBLE_LEADER_REPLICAS_VERSION) >= 1
    }
}
