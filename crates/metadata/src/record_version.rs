//! Which version of each record a node may write at a metadata.version.

use crate::metadata_version::MetadataVersion;
use protocol::metadata_records::MetadataRecord;

/// The version in which to write the record: never above what `metadata_version` allows, since an unknown version is
/// fatal to the nodes that read it.
pub fn record_version(record: &MetadataRecord, metadata_version: MetadataVersion) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => metadata_version.register_broker_record_version(),
        MetadataRecord::Partition(_) => metadata_version.partition_record_version(),
        MetadataRecord::PartitionChange(_) => metadata_version.partition_change_record_version(),
        // As Kafka's controller does, the lowest version that holds what changes.
        MetadataRecord::BrokerRegistrationChange(change) => {
            if change.cordoned_log_dirs.is_some() {
                3
            } else if !change.log_dirs.is_empty() {
                2
            } else {
                i16::from(change.in_controlled_shutdown != 0)
            }
        }
        MetadataRecord::UnregisterBroker(_)
        | MetadataRecord::Topic(_)
        | MetadataRecord::Config(_)
        | MetadataRecord::FenceBroker(_)
        | MetadataRecord::UnfenceBroker(_)
        | MetadataRecord::RemoveTopic(_)
        | MetadataRecord::DelegationToken(_)
        | MetadataRecord::UserScramCredential(_)
        | MetadataRecord::FeatureLevel(_)
        | MetadataRecord::ClientQuota(_)
        | MetadataRecord::ProducerIds(_)
        | MetadataRecord::AccessControlEntry(_)
        | MetadataRecord::RemoveAccessControlEntry(_)
        | MetadataRecord::NoOp(_)
        | MetadataRecord::ZkMigrationState(_)
        | MetadataRecord::RemoveUserScramCredential(_)
        | MetadataRecord::BeginTransaction(_)
        | MetadataRecord::EndTransaction(_)
        | MetadataRecord::AbortTransaction(_)
        | MetadataRecord::RemoveDelegationToken(_)
        | MetadataRecord::RegisterController(_)
        | MetadataRecord::ClearElr(_)
        | MetadataRecord::UnregisterController(_) => 0,
    }
}
