//! The first records of a new cluster.

use crate::feature::{self, FEATURES};
use crate::metadata_version::MetadataVersion;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::begin_transaction_record::BeginTransactionRecord;
use protocol::metadata_records::config_record::ConfigRecord;
use protocol::metadata_records::end_transaction_record::EndTransactionRecord;
use protocol::metadata_records::feature_level_record::FeatureLevelRecord;

/// The FeatureLevelRecords of a cluster formatted for `version`: metadata.version first, then every feature whose level
/// is above 0, but never kraft.version, which lives in the raft log's control records. This is what `bootstrap.checkpoint`
/// holds (besides SCRAM credentials, if the format command was given any).
///
/// `overrides` are levels that the operator asked for, by feature name; they win over the release's.
pub fn bootstrap_records(version: MetadataVersion, overrides: &[(String, i16)]) -> Vec<MetadataRecord> {
    let level = |name: &str| {
        let asked = overrides.iter().find(|(feature, _)| feature == name);
        asked.map_or_else(|| feature::default_level(name, version), |(_, level)| *level)
    };
    let mut names: Vec<&str> = FEATURES.iter().map(|feature| feature.name).collect();
    names.retain(|name| *name != feature::KRAFT_VERSION);
    names[1..].sort_unstable();
    let levels = names
        .into_iter()
        .map(|name| (name, level(name)))
        .filter(|(_, level)| *level > 0);
    levels
        .map(|(name, feature_level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: name.to_owned(),
                feature_level,
            })
        })
        .collect()
}

/// The level that the records give a feature; 0 if they do not mention it.
pub fn feature_level(records: &[MetadataRecord], name: &str) -> i16 {
    let level = |record: &MetadataRecord| match record {
        MetadataRecord::FeatureLevel(record) if record.name == name => Some(record.feature_level),
        _ => None,
    };
    records.iter().rev().find_map(level).unwrap_or(0)
}

/// What the first leader of an empty log appends: the bootstrap records, and, where eligible leader replicas are kept,
/// the cluster-wide `min.insync.replicas` they rest on; as one transaction where the metadata.version knows them.
pub fn first_records(bootstrap: &[MetadataRecord], min_insync_replicas: i32) -> Vec<MetadataRecord> {
    let version = MetadataVersion(feature_level(bootstrap, MetadataVersion::FEATURE_NAME));
    let mut records = bootstrap.to_vec();
    if feature_level(bootstrap, feature::ELIGIBLE_LEADER_REPLICAS_VERSION) > 0 {
        records.push(MetadataRecord::Config(ConfigRecord {
            resource_type: crate::image::ConfigResourceType::Broker.code(),
            resource_name: String::new(),
            name: "min.insync.replicas".to_owned(),
            value: Some(min_insync_replicas.to_string()),
        }));
    }
    if version.supports_metadata_transactions() {
        let name = Some("Bootstrap records".to_owned());
        records.insert(0, MetadataRecord::BeginTransaction(BeginTransactionRecord { name }));
        records.push(MetadataRecord::EndTransaction(EndTransactionRecord {}));
    }
    records
}
