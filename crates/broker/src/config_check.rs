//! What a broker checks of a change of configs before the controller is asked: it alone knows its static settings.

use config::alter::{self, AlterError, Operation, Scope};
use config::key::Type;
use config::synonym::broker_key;
use config::{BrokerConfig, Originals};
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
pub fn check_all(config: &BrokerConfig, changes: &[ResourceChange<'_>], style: Style) -> Vec<Option<Refusal>> {
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
            check(config, change, style).err()
        })
        .collect()
}

fn check(config: &BrokerConfig, change: &ResourceChange<'_>, style: Style) -> Result<(), Refusal> {
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
        (Some(ConfigResourceType::Broker), _) => check_broker(config, change, style),
        (Some(ConfigResourceType::BrokerLogger), Style::Increment) => {
            check_node_id(config, change.name)?;
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

fn check_broker(config: &BrokerConfig, change: &ResourceChange<'_>, style: Style) -> Result<(), Refusal> {
    let scope = if change.name.is_empty() {
        Scope::Cluster
    } else {
        Scope::Broker
    };
    if scope == Scope::Broker {
        check_node_id(config, change.name)?;
    }
    let wanted = match style {
        Style::Replace => {
            let pairs = change.keys.iter().map(|key| (key.name, key.value.unwrap_or_default()));
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        }
        Style::Increment => incremented(config, change, scope)?,
    };
    Ok(alter::check_broker(config, &wanted, scope)?)
}

/// What the broker, or all brokers, would have after the change.
fn incremented(config: &BrokerConfig, change: &ResourceChange<'_>, scope: Scope) -> Result<Originals, Refusal> {
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

fn check_node_id(config: &BrokerConfig, name: &str) -> Result<(), Refusal> {
    let Ok(id) = name.parse::<i32>() else {
        return Err(Refusal::invalid_request(format!(
            "Node id must be an integer, but it is: {name}"
        )));
    };
    if id == config.node_id.0 {
        return Ok(());
    }
    let message = format!("Unexpected broker id, expected {}, but received {name}", config.node_id);
    Err(Refusal::invalid_request(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Layered;

    fn change<'a>(kind: i8, name: &'a str, keys: &[(&'a str, i8, Option<&'a str>)]) -> ResourceChange<'a> {
        let keys = keys.iter().map(|(name, operation, value)| KeyChange {
            name,
            operation: *operation,
            value: *value,
        });
        ResourceChange {
            kind,
            name,
            keys: keys.collect(),
        }
    }

    fn refusals(changes: &[ResourceChange<'_>], style: Style) -> Vec<Option<(ErrorCode, String)>> {
        let mut layered = Layered::new();
        layered.fill_in();
        let config = BrokerConfig::from_layers(&layered).unwrap();
        let refusals = check_all(&config, changes, style).into_iter();
        refusals
            .map(|refusal| refusal.map(|refusal| (refusal.error, refusal.message)))
            .collect()
    }

    /// The messages are Apache Kafka 4.3.1's.
    #[test]
    fn what_the_broker_refuses_itself() {
        let retention = ("log.retention.ms", 0, Some("1000"));
        for (refused, error, says) in [
            (
                change(4, "x", &[retention]),
                ErrorCode::InvalidRequest,
                "Node id must be an integer, but it is: x",
            ),
            (
                change(4, "9", &[retention]),
                ErrorCode::InvalidRequest,
                "Unexpected broker id, expected 1, but received 9",
            ),
            (
                change(1, "x", &[retention]),
                ErrorCode::InvalidRequest,
                "Unknown resource type 1",
            ),
            (
                change(2, "t", &[retention, retention]),
                ErrorCode::InvalidRequest,
                "Error due to duplicate config keys",
            ),
            (
                change(2, "t", &[("a", 0, None), ("b", 2, None), ("c", DELETE, None)]),
                ErrorCode::InvalidRequest,
                "Null value not supported for : a, b",
            ),
            (
                change(4, "", &[("num.io.threads", 2, Some("1"))]),
                ErrorCode::InvalidConfig,
                "Config value append is not allowed for config key: num.io.threads",
            ),
            (
                change(4, "", &[("foo.bar", 3, Some("1"))]),
                ErrorCode::InvalidConfig,
                "Unknown config name: foo.bar",
            ),
            (
                change(4, "", &[("a", 9, Some("1"))]),
                ErrorCode::InvalidRequest,
                "Unknown operations type 9",
            ),
            (
                change(4, "1", &[("num.partitions", 0, Some("5"))]),
                ErrorCode::InvalidRequest,
                "Cannot update these configs dynamically: [num.partitions]",
            ),
        ] {
            let found = refusals(std::slice::from_ref(&refused), Style::Increment);
            assert_eq!(found, [Some((error, says.to_owned()))], "{refused:?}");
        }
    }

    #[test]
    fn what_is_left_to_the_controller() {
        let cleanup = ("log.cleanup.policy", 2, Some("compact"));
        let changes = [
            change(2, "t", &[("nope", 0, Some("1"))]),
            change(4, "1", &[cleanup]),
            change(4, "", &[cleanup]),
            change(32, "g", &[]),
            change(16, "m", &[]),
        ];
        assert!(refusals(&changes, Style::Increment).iter().all(Option::is_none));
        let twice = [change(2, "t", &[]), change(2, "u", &[]), change(2, "t", &[])];
        let said = "Each resource must appear at most once.".to_owned();
        let refused = Some((ErrorCode::InvalidRequest, said));
        assert_eq!(refusals(&twice, Style::Replace), [refused.clone(), None, refused]);
    }
}
