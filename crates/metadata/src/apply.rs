//! One record's effect on an image: the only way in which an image changes.

mod cluster;
mod security;
mod settings;
mod topics;

use crate::image::{BrokerEpoch, MetadataImage};
use base::{NodeId, Uuid};
use protocol::metadata_records::MetadataRecord;

/// The record contradicts the image, or says what this program does not understand; either the log is damaged or it
/// was written by a newer release. A node that meets it must not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// A record about a topic that is not there.
    #[error("no topic has the id {0}")]
    UnknownTopicId(Uuid),
    /// A record about a topic that is not there.
    #[error("no topic is named {0}")]
    UnknownTopicName(String),
    /// A second topic of the same name.
    #[error("a topic named {0} exists already")]
    DuplicateTopic(String),
    /// A change of a partition that is not there, or a new partition that leaves a gap.
    #[error("topic {topic} has {known} partition(s), there is no place for a record of partition {partition}")]
    UnknownPartition {
        /// The topic's id.
        topic: Uuid,
        /// The record's partition.
        partition: i32,
        /// How many partitions the topic has.
        known: usize,
    },
    /// As many directories as replicas are expected, or none.
    #[error("partition {partition} of topic {topic} has {replicas} replica(s) in {directories} directories")]
    MismatchedDirectories {
        /// The topic's id.
        topic: Uuid,
        /// The partition.
        partition: i32,
        /// How many replicas the record names.
        replicas: usize,
        /// How many directories it names.
        directories: usize,
    },
    /// A change of a broker that is not registered.
    #[error("broker {0} is not registered")]
    UnknownBroker(NodeId),
    /// A change of another registration of the broker.
    #[error("broker {broker} is registered with epoch {current}, not {given}")]
    BrokerEpochMismatch {
        /// The broker.
        broker: NodeId,
        /// The record's epoch.
        given: BrokerEpoch,
        /// The registration's epoch.
        current: BrokerEpoch,
    },
    /// A controller that is not registered.
    #[error("controller {0} is not registered")]
    UnknownController(NodeId),
    /// An entry that is not there.
    #[error("no access control entry has the id {0}")]
    UnknownAcl(Uuid),
    /// A field holds a code that this release does not know.
    #[error("unknown {what} {code}")]
    UnknownCode {
        /// What the code stands for.
        what: &'static str,
        /// The code.
        code: i64,
    },
    /// The cluster uses a feature at a level that this program does not support.
    #[error("{feature} is at level {level}, this program supports {min} to {max}")]
    UnsupportedFeatureLevel {
        /// The feature.
        feature: String,
        /// Its finalized level.
        level: i16,
        /// The lowest level supported.
        min: i16,
        /// The highest level supported.
        max: i16,
    },
    /// Producer ids never go back.
    #[error("the next producer id is {current}, a record puts it at {given}")]
    ProducerIdsWentBack {
        /// The record's next id.
        given: i64,
        /// The image's.
        current: i64,
    },
}

impl MetadataImage {
    /// Applies one record. Records that only matter to the log itself (no-op, transaction markers) change nothing here;
    /// who reads a log with transactions goes through [`crate::loader::Loader`].
    ///
    /// # Errors
    /// If the record does not fit; the image is then as it was.
    pub fn apply(&mut self, record: &MetadataRecord) -> Result<(), ApplyError> {
        match record {
            MetadataRecord::RegisterBroker(record) => self.register_broker(record),
            MetadataRecord::UnregisterBroker(record) => self.unregister_broker(record),
            MetadataRecord::Topic(record) => self.create_topic(record),
            MetadataRecord::Partition(record) => self.set_partition(record),
            MetadataRecord::Config(record) => self.set_config(record),
            MetadataRecord::PartitionChange(record) => self.change_partition(record),
            MetadataRecord::FenceBroker(record) => self.fence_broker(record),
            MetadataRecord::UnfenceBroker(record) => self.unfence_broker(record),
            MetadataRecord::RemoveTopic(record) => self.remove_topic(record),
            MetadataRecord::DelegationToken(record) => {
                self.set_delegation_token(record);
                Ok(())
            }
            MetadataRecord::UserScramCredential(record) => self.set_scram_credential(record),
            MetadataRecord::FeatureLevel(record) => self.set_feature_level(record),
            MetadataRecord::ClientQuota(record) => {
                self.set_client_quota(record);
                Ok(())
            }
            MetadataRecord::ProducerIds(record) => self.set_producer_ids(record),
            MetadataRecord::BrokerRegistrationChange(record) => self.change_broker_registration(record),
            MetadataRecord::AccessControlEntry(record) => {
                self.set_acl(record);
                Ok(())
            }
            MetadataRecord::RemoveAccessControlEntry(record) => self.remove_acl(record),
            MetadataRecord::RemoveUserScramCredential(record) => self.remove_scram_credential(record),
            MetadataRecord::RemoveDelegationToken(record) => {
                self.remove_delegation_token(record);
                Ok(())
            }
            MetadataRecord::RegisterController(record) => self.register_controller(record),
            MetadataRecord::UnregisterController(record) => self.unregister_controller(record),
            MetadataRecord::ClearElr(record) => self.clear_elr(record),
            MetadataRecord::NoOp(_)
            | MetadataRecord::ZkMigrationState(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => Ok(()),
        }
    }
}
