//! The operations: one file each, reading the state and answering records and a response.

pub mod allocate_producer_ids;
pub mod alter_client_quotas;
pub mod alter_configs;
pub mod alter_partition;
pub mod alter_partition_reassignments;
pub mod assign_replicas_to_dirs;
pub mod broker_heartbeat;
pub mod broker_registration;
pub mod broker_suspicion;
pub mod controller_registration;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
mod each_resource;
pub mod elect_leaders;
pub mod incremental_alter_configs;
pub mod list_partition_reassignments;
pub mod unregister_broker;
pub mod update_features;

use crate::api_error::ApiError;
use crate::state::ControllerState;
use base::NodeId;
use metadata::image::{BrokerEpoch, BrokerImage};
use protocol::ErrorCode;
use protocol::metadata_records::MetadataRecord;

/// What an operation decided.
pub type Outcome<T> = coordinator_runtime::Outcome<MetadataRecord, T>;

/// The most records that one request of a user may cause.
pub const MAX_RECORDS_PER_USER_OP: usize = 10_000;

/// Refuses an outcome that is too large to be written at once.
fn check_size(records: &[MetadataRecord]) -> Result<(), ApiError> {
    if records.len() <= MAX_RECORDS_PER_USER_OP {
        return Ok(());
    }
    let message = "Unable to perform excessively large batch operation.";
    Err(ApiError::new(ErrorCode::PolicyViolation, message))
}

/// The registration of the broker, if the epoch is its current one.
fn check_broker_epoch(state: &ControllerState, broker: i32, epoch: i64) -> Result<&BrokerImage, ApiError> {
    let stale = |message: String| ApiError::new(ErrorCode::StaleBrokerEpoch, message);
    let registration = state.broker(NodeId(broker));
    let registration =
        registration.ok_or_else(|| stale(format!("No broker registration found for broker id {broker}")))?;
    if registration.epoch != BrokerEpoch(epoch) {
        let expected = registration.epoch;
        return Err(stale(format!(
            "Expected broker epoch {expected}, but got broker epoch {epoch}"
        )));
    }
    Ok(registration)
}
