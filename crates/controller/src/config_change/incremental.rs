//! Set, delete, append, subtract: what they come to (KIP-339).

use super::Change;
use crate::api_error::ApiError;
use crate::state::ControllerState;
use config::Type;
use config::table::{BROKER, CLIENT_METRICS, GROUP, TOPIC};
use metadata::image::{ConfigResource, ConfigResourceType};
use protocol::ErrorCode;
use std::collections::BTreeMap;

/// What to do with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Give it this value.
    Set(Option<String>),
    /// Take it away.
    Delete,
    /// Add what is not in the list yet.
    Append(String),
    /// Remove from the list.
    Subtract(String),
}

/// The change that the operations come to.
///
/// # Errors
/// INVALID_CONFIG where a key is no list.
pub fn incremental(
    state: &ControllerState,
    resource: &ConfigResource,
    operations: BTreeMap<String, Operation>,
) -> Result<Change, ApiError> {
    let mut change = Change::default();
    for (key, operation) in operations {
        let value = match operation {
            Operation::Set(value) => value,
            Operation::Delete => None,
            Operation::Append(added) => {
                let mut list = list(state, resource, &key, "APPEND")?;
                for value in java_split(&added) {
                    if !list.iter().any(|known| known == value) {
                        list.push(value.to_owned());
                    }
                }
                Some(list.join(","))
            }
            Operation::Subtract(removed) => {
                let mut list = list(state, resource, &key, "SUBTRACT")?;
                for value in java_split(&removed) {
                    if let Some(at) = list.iter().position(|known| known == value) {
                        list.remove(at);
                    }
                }
                Some(list.join(","))
            }
        };
        change.altered.insert(key, value);
    }
    Ok(change)
}

/// The list that the key holds now, or its default.
fn list(
    state: &ControllerState,
    resource: &ConfigResource,
    name: &str,
    operation: &str,
) -> Result<Vec<String>, ApiError> {
    let table = match resource.resource_type {
        ConfigResourceType::Topic => Some(&*TOPIC),
        ConfigResourceType::Broker => Some(&*BROKER),
        ConfigResourceType::ClientMetrics => Some(&*CLIENT_METRICS),
        ConfigResourceType::Group => Some(&*GROUP),
        ConfigResourceType::BrokerLogger => None,
    };
    let key = table
        .and_then(|table| table.get(name))
        .filter(|key| key.kind == Type::List);
    let Some(key) = key else {
        let message = format!("Can't {operation} to key {name} because its type is not LIST.");
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    };
    let current = state
        .image()
        .configs
        .value(resource, name)
        .or(key.default_text())
        .unwrap_or_default();
    let values = java_split(current).map(str::trim).filter(|value| !value.is_empty());
    Ok(values.map(str::to_owned).collect())
}

/// Splits as Java's `String.split(",")`: empty parts at the end do not count, unless there is no comma at all.
fn java_split(text: &str) -> impl Iterator<Item = &str> {
    let trimmed = if text.contains(',') {
        text.trim_end_matches(',')
    } else {
        text
    };
    let nothing = text.contains(',') && trimmed.is_empty();
    trimmed.split(',').filter(move |_| !nothing)
}
