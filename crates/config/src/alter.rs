//! Whether a change of dynamic configs is allowed, with Kafka's answers.

use crate::broker::BrokerConfig;
use crate::describe::group_settings;
use crate::error::ConfigError;
use crate::key::{Key, Type};
use crate::settings::Originals;
use crate::table::{GROUP, TOPIC, Table};
use crate::topic;

mod broker;
mod client_metrics;
#[cfg(test)]
mod tests;

pub use broker::check_broker;
pub(crate) use broker::check_each;
pub use client_metrics::check_client_metrics;

/// What an incremental alteration does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Gives it a value.
    Set,
    /// Takes its value away.
    Delete,
    /// Adds entries to its list.
    Append,
    /// Takes entries out of its list.
    Subtract,
}

impl Operation {
    /// The operation with this number in IncrementalAlterConfigs.
    pub fn from_id(id: i8) -> Option<Self> {
        Some(match id {
            0 => Self::Set,
            1 => Self::Delete,
            2 => Self::Append,
            3 => Self::Subtract,
            _ => return None,
        })
    }

    /// Kafka's name of the operation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlterError {
    /// INVALID_CONFIG
    #[error("{0}")]
    InvalidConfig(String),
    /// INVALID_REQUEST
    #[error("{0}")]
    InvalidRequest(String),
}

impl From<ConfigError> for AlterError {
    fn from(error: ConfigError) -> Self {
        Self::InvalidConfig(error.to_string())
    }
}

/// For which brokers a dynamic broker config is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One, named by its id.
    Broker,
    /// All: the resource name is empty.
    Cluster,
}

/// A key's value after `operation`; `None` if it has none then. `table` is the resource's, `current` the value before.
pub fn apply(
    table: &Table,
    name: &str,
    operation: Operation,
    current: Option<&str>,
    argument: Option<&str>,
) -> Result<Option<String>, AlterError> {
    let argument = argument.unwrap_or_default();
    let key = table.get(name);
    match operation {
        Operation::Set => return Ok(Some(argument.to_owned())),
        Operation::Delete => return Ok(None),
        Operation::Append | Operation::Subtract => {}
    }
    if key.is_none_or(|key| key.kind != Type::List) {
        return Err(AlterError::InvalidConfig(format!(
            "Can't {} to key {name} because its type is not LIST.",
            operation.name()
        )));
    }
    let before = current.or_else(|| key.and_then(Key::default_text)).unwrap_or_default();
    let mut entries: Vec<&str> = before.split(',').filter(|entry| !entry.is_empty()).collect();
    for entry in argument.split(',') {
        let at = entries.iter().position(|known| *known == entry);
        match (operation, at) {
            (Operation::Append, None) => entries.push(entry),
            (Operation::Subtract, Some(at)) => {
                entries.remove(at);
            }
            _ => {}
        }
    }
    Ok(Some(entries.join(",")))
}

/// Refuses what a topic cannot have; `configs` is all that it would set.
pub fn check_topic(broker: &BrokerConfig, configs: &Originals) -> Result<(), AlterError> {
    check_names(&TOPIC, configs, "topic")?;
    let settings = topic::resolve(&broker.settings, configs)?;
    let (min, max): (i64, i64) = (
        settings.read("min.compaction.lag.ms"),
        settings.read("max.compaction.lag.ms"),
    );
    if min > max {
        return Err(AlterError::InvalidConfig(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
        )));
    }
    if settings.read::<bool>("remote.storage.enable") {
        let message = "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote \
                       log storage.";
        return Err(AlterError::InvalidConfig(message.to_owned()));
    }
    Ok(())
}

fn check_names(table: &Table, configs: &Originals, what: &str) -> Result<(), AlterError> {
    match configs.keys().find(|name| table.get(name).is_none()) {
        Some(name) => Err(AlterError::InvalidConfig(format!("Unknown {what} config name: {name}"))),
        None => Ok(()),
    }
}

/// Group keys and the broker keys that bound them; empty for no bound.
const GROUP_BOUNDS: &[(&str, &str, &str)] = &[
    (
        "consumer.heartbeat.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
    (
        "consumer.session.timeout.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    (
        "consumer.assignment.interval.ms",
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.max.assignment.interval.ms",
    ),
    (
        "share.heartbeat.interval.ms",
        "group.share.min.heartbeat.interval.ms",
        "group.share.max.heartbeat.interval.ms",
    ),
    (
        "share.session.timeout.ms",
        "group.share.min.session.timeout.ms",
        "group.share.max.session.timeout.ms",
    ),
    (
        "share.record.lock.duration.ms",
        "group.share.min.record.lock.duration.ms",
        "group.share.max.record.lock.duration.ms",
    ),
    (
        "share.delivery.count.limit",
        "group.share.min.delivery.count.limit",
        "group.share.max.delivery.count.limit",
    ),
    (
        "share.partition.max.record.locks",
        "group.share.min.partition.max.record.locks",
        "group.share.max.partition.max.record.locks",
    ),
    (
        "share.assignment.interval.ms",
        "group.share.min.assignment.interval.ms",
        "group.share.max.assignment.interval.ms",
    ),
    (
        "streams.heartbeat.interval.ms",
        "group.streams.min.heartbeat.interval.ms",
        "group.streams.max.heartbeat.interval.ms",
    ),
    (
        "streams.session.timeout.ms",
        "group.streams.min.session.timeout.ms",
        "group.streams.max.session.timeout.ms",
    ),
    ("streams.num.standby.replicas", "", "group.streams.max.standby.replicas"),
    (
        "streams.assignment.interval.ms",
        "group.streams.min.assignment.interval.ms",
        "group.streams.max.assignment.interval.ms",
    ),
];

/// Refuses what a group cannot have.
pub fn check_group(broker: &BrokerConfig, configs: &Originals) -> Result<(), AlterError> {
    check_names(&GROUP, configs, "group")?;
    let settings = group_settings(broker, configs)?;
    for (name, least, greatest) in GROUP_BOUNDS {
        let value: i32 = settings.read(name);
        let refuse = |relation: &str, bound: &str| {
            Err(AlterError::InvalidConfig(format!(
                "{name} must be {relation} than or equal to {bound}"
            )))
        };
        if !least.is_empty() && value < broker.settings.read::<i32>(least) {
            return refuse("greater", least);
        }
        if value > broker.settings.read::<i32>(greatest) {
            return refuse("less", greatest);
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let (session, heartbeat) = (
            format!("{kind}.session.timeout.ms"),
            format!("{kind}.heartbeat.interval.ms"),
        );
        if settings.read::<i32>(&session) <= settings.read(&heartbeat) {
            return Err(AlterError::InvalidConfig(format!(
                "{session} must be greater than {heartbeat}"
            )));
        }
    }
    Ok(())
}
