//! Administration: one file a subject, one function a call. A call that only the controller can obey goes to any broker,
//! which forwards it.

mod cluster;
mod configs;
mod describe_groups;
mod elections;
mod features;
mod group_offsets;
mod groups;
mod log_dirs;
mod offsets;
mod producers;
mod quorum;
mod quotas;
mod reassignments;
mod records;
mod scram;
mod topics;
mod transactions;

pub use cluster::unregister_broker;
pub use cluster::{ClusterDescription, Fenced, describe_cluster, describe_cluster_with, list_config_resources};
pub use configs::{ConfigChange, ConfigEntry, ConfigSource, ConfigSynonym, Resource, ResourceType};
pub use configs::{alter_configs, describe_configs};
pub use describe_groups::{GroupDescription, GroupMember, describe_consumer_group};
pub use elections::{ElectionType, elect_leaders};
pub use features::{DryRun, FeatureUpdate, FeaturesDescription, UpgradeType, describe_features, update_features};
pub use group_offsets::{CommittedOffset, alter_group_offsets, delete_group_offsets, list_group_offsets};
pub use groups::{GroupFilter, GroupListing, delete_groups, list_groups};
pub use log_dirs::{LogDir, LogDirReplica, alter_replica_log_dirs, describe_log_dirs};
pub use offsets::{FoundOffset, IsolationLevel, OffsetSpec, list_offsets};
pub use producers::{AbortTransaction, ProducerState, abort_transaction, describe_producers};
pub use quorum::{QuorumDescription, QuorumNode, QuorumReplica, VoterEndpoint};
pub use quorum::{add_raft_voter, describe_quorum, remove_raft_voter};
pub use quotas::{Quota, QuotaChange, QuotaEntity, QuotaMatch, alter_quotas, describe_quotas};
pub use reassignments::{Reassignment, ReplicationFactorChange, alter_reassignments, list_reassignments};
pub use records::delete_records;
pub use scram::{ScramDescription, describe_scram};
pub use topics::{NewPartitions, NewTopic, Placement, TopicDescription, TopicPartitionDescription};
pub use topics::{create_partitions, create_topics, delete_topics, describe_topics, list_topics};

pub use transactions::{TransactionDescription, TransactionFilter, TransactionListing};
pub use transactions::{describe_transaction, fence_producer, list_transactions};

use crate::error::ClientError;

/// The outcome for one of several things that a call was about.
pub type Each<K, T> = Vec<(K, Result<T, ClientError>)>;

/// The refusal that a code and a message mean, if they mean one.
fn outcome(code: i16, message: Option<String>) -> Result<(), ClientError> {
    ClientError::check(code, message)
}

/// Milliseconds for a request's field.
fn millis(duration: std::time::Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
