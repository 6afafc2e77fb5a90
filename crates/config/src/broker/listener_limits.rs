//! What single listeners set for themselves of how many connections they take (`listener.name.NAME.KEY`).

use crate::error::ConfigError;
use crate::listener::ListenerName;
use crate::settings::{FromValue, Originals, Settings};
use crate::table::BROKER;
use std::collections::BTreeMap;

/// How many connections a listener takes; what it does not set itself is that of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// `max.connections`
    pub max_connections: i32,
    /// `max.connection.creation.rate`
    pub max_connection_creation_rate: i32,
}

/// Those of the listeners that set any.
pub(super) fn read<'a>(
    settings: &Settings,
    set: &Originals,
    listeners: impl Iterator<Item = &'a ListenerName>,
) -> Result<BTreeMap<ListenerName, ListenerLimits>, ConfigError> {
    let mut limits = BTreeMap::new();
    for listener in listeners {
        let own = |name: &str| own(set, listener, name);
        let (connections, rate) = (own("max.connections")?, own("max.connection.creation.rate")?);
        if connections.is_some() || rate.is_some() {
            let limit = ListenerLimits {
                max_connections: connections.unwrap_or_else(|| settings.read("max.connections")),
                max_connection_creation_rate: rate.unwrap_or_else(|| settings.read("max.connection.creation.rate")),
            };
            limits.insert(listener.clone(), limit);
        }
    }
    Ok(limits)
}

fn own(set: &Originals, listener: &ListenerName, name: &str) -> Result<Option<i32>, ConfigError> {
    let whole = format!("{}{name}", listener.config_prefix());
    let (Some(text), Some(key)) = (set.get(&whole), BROKER.get(name)) else {
        return Ok(None);
    };
    let value = key.parse(text)?;
    key.valid.check(key.name, &value)?;
    Ok(i32::from_value(&value))
}
