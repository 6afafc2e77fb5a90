//! What a broker checks of a change of configs before the controller is asked: it alone knows its static settings.

use crate::Broker;
use config::Originals;
use config::alter::{self, AlterError, Operation, Scope};
use config::key::Type;
use config::synonym::broker_key;
use metadata::image::ConfigResourceType;
use protocol::ErrorCode;
use std::collections::BTreeSet;

/// One change of one key.
#[derive(Clone, Debug)]
pub struct KeyChange<'a> {
    /// The key.
    pub name: &'a str,
    /// What is done to it.
    pub operation: i8,
    /// The operand.
    pub value: Option<&'a str>,
}

/// How the changes of a resource are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// They are all that the resource has then (AlterConfigs).
    Replace,
    /// They change what it has (IncrementalAlterConfigs).
    Increment,
}

/// A resource whose configs are to change.
#[derive(Clone, Debug)]
pub struct ResourceChange<'a> {
    /// Its type.
    pub kind: i8,
    /// Its name.
    pub name: &'a str,
    /// The changes.
    pub keys: Vec<KeyChange<'a>>,
}

/// Why a change is refused without the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error.
    pub error: ErrorCode,
    /// What is said to the client.
    pub message: String,
}

impl Refusal {
    fn invalid_request(message: impl Into<String>) -> Self {
        Self {
            error: ErrorCode::InvalidRequest,
            message: message.into(),
        }
    }

    fn invalid_config(message: impl Into<String>) -> Self {
        Self {
            error: ErrorCode::InvalidConfig,
            message: message.into(),
        }
    }
}

impl From<AlterError> for Refusal {
    fn from(error: AlterError) -> Self {
        match error {
            AlterError::InvalidConfig(message) => Self::invalid_config(message),
            AlterError::InvalidRequest(message) => Self::invalid_request(message),
        }
    }
}

/// For each change what the broker has against it; the others are for the controller.
pub fn check_all(broker: &Broker, changes: &[ResourceChange<'_>], style: Style) -> Vec<Option<Refusal>> {
    let is_twice = |change: &ResourceChange<'_>| {
        let same = changes
            .iter()
            .filter(|other| (other.kind, other.name) == (change.kind, change.name));
        same.count() > 1
    };
    changes
        .iter()
        .map(|change| {
            if is_twice(change) {
                return Some(Refusal::invalid_request("Each resource must appear at most once."));
            }
            check(broker, change, style).err()
        })
        .collect()
}

fn check(broker: &Broker, change: &ResourceChange<'_>, style: Style) -> Result<(), Refusal> {
    let distinct: BTreeSet<&str> = change.keys.iter().map(|key| key.name).collect();
    if distinct.len() < change.keys.len() {
        return Err(Refusal::invalid_request("Error due to duplicate config keys"));
    }
    let needs_value = |key: &&KeyChange<'_>| style == Style::Replace || key.operation != DELETE;
    let nulls = change.keys.iter().filter(needs_value).filter(|key| key.value.is_none());
    let nulls: Vec<&str> = nulls.map(|key| key.name).collect();
    if !nulls.is_empty() {
        let message = format!("Null value not supported for : {}", nulls.join(", "));
        return Err(Refusal::invalid_request(message));
    }
    match (ConfigResourceType::from_code(change.kind), style) {
        (Some(ConfigResourceType::Broker), _) => check_broker(broker, change, style),
        (Some(ConfigResourceType::BrokerLogger), Style::Increment) => {
            check_node_id(broker, change.name)?;
            Err(Refusal::invalid_request(
                "Log levels cannot be changed while the broker runs: that is not supported yet. Start it with RIVERRUN_LOG \
                 set to the wanted level.",
            ))
        }
        (Some(ConfigResourceType::Topic | ConfigResourceType::ClientMetrics | ConfigResourceType::Group), _) => Ok(()),
        (Some(ConfigResourceType::BrokerLogger) | None, _) => Err(Refusal::invalid_request(format!(
            "Unknown resource type {}",
            change.kind
        ))),
    }
}

const DELETE: i8 = 1;

fn check_broker(broker: &Broker, change: &ResourceChange<'_>, style: Style) -> Result<(), Refusal> {
    let scope = if change.name.is_empty() {
        Scope::Cluster
    } else {
        Scope::Broker
    };
    if scope == Scope::Broker {
        check_node_id(broker, change.name)?;
    }
    let wanted = match style {
        Style::Replace => {
            let pairs = change.keys.iter().map(|key| (key.name, key.value.unwrap_or_default()));
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        }
        Style::Increment => incremented(broker, change, scope)?,
    };
    Ok(alter::check_broker(&broker.config.load(), &wanted, scope)?)
}

/// What the broker, or all brokers, would have after the change.
fn incremented(broker: &Broker, change: &ResourceChange<'_>, scope: Scope) -> Result<Originals, Refusal> {
    let config = broker.config.load();
    let mut wanted = match scope {
        Scope::Broker => config.dynamic.broker.clone(),
        Scope::Cluster => config.dynamic.cluster.clone(),
    };
    for key in &change.keys {
        let name = key.name;
        let operation = Operation::from_id(key.operation)
            .ok_or_else(|| Refusal::invalid_request(format!("Unknown operations type {}", key.operation)))?;
        if matches!(operation, Operation::Append | Operation::Subtract) {
            let known = broker_key(name);
            let known = known.ok_or_else(|| Refusal::invalid_config(format!("Unknown config name: {name}")))?;
            if known.kind != Type::List {
                let verb = operation.name().to_lowercase();
                let message = format!("Config value {verb} is not allowed for config key: {name}");
                return Err(Refusal::invalid_config(message));
            }
        }
        let current = wanted.get(name).map(String::as_str);
        match alter::apply(&config::table::BROKER, name, operation, current, key.value)? {
            Some(value) => wanted.insert(name.to_owned(), value),
            None => wanted.remove(name),
        };
    }
    Ok(wanted)
}

fn check_node_id(broker: &Broker, name: &str) -> Result<(), Refusal> {
    let Ok(id) = name.parse::<i32>() else {
        return Err(Refusal::invalid_request(format!(
            "Node id must be an integer, but it is: {name}"
        )));
    };
    if id == broker.node.0 {
        return Ok(());
    }
    let message = format!("Unexpected broker id, expected {}, but received {name}", broker.node);
    Err(Refusal::invalid_request(message))
}
