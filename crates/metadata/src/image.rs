//! The immutable picture of the cluster's metadata.

mod acls;
mod binding_quota;
mod brokers;
mod client_quotas;
mod configs;
mod controllers;
mod delegation_tokens;
mod features;
mod listener;
mod partition;
mod producer_ids;
mod scram;
mod topics;

pub use acls::{AccessControlEntry, AclsImage};
pub use binding_quota::{BindingQuota, QuotaOwner};
pub use brokers::{BrokerEpoch, BrokerImage, BrokersImage};
pub use client_quotas::{ClientQuotaEntity, ClientQuotaImage, ClientQuotasImage};
pub use configs::{ConfigResource, ConfigResourceType, ConfigurationImage, ConfigurationsImage};
pub use controllers::{ControllerImage, ControllersImage};
pub use delegation_tokens::{DelegationToken, DelegationTokensImage};
pub use features::FeaturesImage;
pub use listener::{Listener, SecurityProtocol, VersionRange};
pub use partition::{LeaderRecoveryState, PartitionEpoch, PartitionImage};
pub use producer_ids::ProducerIdsImage;
pub use scram::{ScramCredential, ScramImage, ScramMechanism};
pub use topics::{TopicImage, TopicsImage};

use base::{LeaderEpoch, Offset, Timestamp};

/// Up to which record of the metadata log an image reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The last record applied; [`Offset::NONE`] for the empty image.
    pub last_contained_offset: Offset,
    /// The leader epoch of that record.
    pub last_contained_epoch: LeaderEpoch,
    /// When that record was appended.
    pub last_contained_timestamp: Timestamp,
}

impl Provenance {
    /// Nothing has been applied.
    pub const EMPTY: Self = Self {
        last_contained_offset: Offset::NONE,
        last_contained_epoch: LeaderEpoch::NONE,
        last_contained_timestamp: Timestamp::NONE,
    };
}

/// Everything the metadata log says, at one offset. Cheap to clone; see the crate's documentation.
///
/// Two images are equal when they say the same of the cluster, wherever in the log they were taken: the provenance is
/// carried beside them by whoever reads the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataImage {
    /// Finalized feature levels, `metadata.version` among them.
    pub features: FeaturesImage,
    /// The registered brokers.
    pub brokers: BrokersImage,
    /// The registered controllers.
    pub controllers: ControllersImage,
    /// Topics and their partitions.
    pub topics: TopicsImage,
    /// Dynamic configuration.
    pub configs: ConfigurationsImage,
    /// Quotas of users, client ids and addresses.
    pub client_quotas: ClientQuotasImage,
    /// The next block of producer ids.
    pub producer_ids: ProducerIdsImage,
    /// Access control entries.
    pub acls: AclsImage,
    /// SCRAM credentials.
    pub scram: ScramImage,
    /// Delegation tokens.
    pub delegation_tokens: DelegationTokensImage,
}
