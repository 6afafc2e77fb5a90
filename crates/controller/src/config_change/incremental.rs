//! Set, delete, append, subtract: what they come to (KIP-339).

use super::Change;
use super::validate::refused;
use crate::api_error::ApiError;
use crate::state::ControllerState;
use config::Table;
use config::alter::{self, Operation};
use config::table::{BROKER, CLIENT_METRICS, GROUP, TOPIC};
use metadata::image::{ConfigResource, ConfigResourceType};
use protocol::ErrorCode;
use std::collections::BTreeMap;

/// What to do with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// What is done.
    pub operation: Operation,
    /// With what.
    pub argument: Option<String>,
}

/// The change that the operations come to.
///
/// # Errors
/// INVALID_CONFIG where a key is no list, INVALID_REQUEST where there is nothing to add or take away.
pub fn incremental(
    state: &ControllerState,
    resource: &ConfigResource,
    operations: BTreeMap<String, KeyChange>,
) -> Result<Change, ApiError> {
    let mut change = Change::default();
    for (key, KeyChange { operation, argument }) in operations {
        let value = match (operation, &argument) {
            // A broker refuses this before it passes the request on; on the controller's listener it takes the key away.
            (Operation::Set, None) => None,
            (Operation::Append | Operation::Subtract, None) => {
                let message = format!("Null value not supported for : {key}");
                return Err(ApiError::new(ErrorCode::InvalidRequest, message));
            }
            _ => {
                let current = state.image().configs.value(resource, &key);
                let table = table(resource.resource_type);
                alter::apply(table, &key, operation, current, argument.as_deref()).map_err(refused)?
            }
        };
        change.altered.insert(key, value);
    }
    Ok(change)
}

/// The keys that a resource of this type can have. Log levels are no keys; [`super::validate`] refuses them.
fn table(resource_type: ConfigResourceType) -> &'static Table {
    match resource_type {
        ConfigResourceType::Topic => &TOPIC,
        ConfigResourceType::Broker | ConfigResourceType::BrokerLogger => &BROKER,
        ConfigResourceType::ClientMetrics => &CLIENT_METRICS,
        ConfigResourceType::Group => &GROUP,
    }
}
