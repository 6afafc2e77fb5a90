//! Which dynamic broker configs are allowed.

use super::{AlterError, Scope};
use crate::broker::{BrokerConfig, DynamicConfigs};
use crate::error::ConfigError;
use crate::key::{Support, UpdateMode};
use crate::settings::Originals;
use crate::synonym::{broker_key, listener_key};
use crate::table::{BROKER, BROKER_DYNAMIC};
use crate::value::Value;
use std::collections::BTreeSet;

/// Refuses a change of a broker's dynamic configs; `configs` is all that the resource would have then.
pub fn check_broker(broker: &BrokerConfig, configs: &Originals, scope: Scope) -> Result<(), AlterError> {
    check_each(broker, configs, scope)?;
    let mut dynamic = broker.dynamic.clone();
    match scope {
        Scope::Broker => dynamic.broker = configs.clone(),
        Scope::Cluster => dynamic.cluster = configs.clone(),
    }
    check_whole(broker, dynamic)
}

/// Refuses what no node takes from the dynamic configs of this scope, or not this value of it.
pub(crate) fn check_each(broker: &BrokerConfig, configs: &Originals, scope: Scope) -> Result<(), AlterError> {
    let is_read_only = |name: &str| BROKER.get(name).is_some_and(|key| key.mode == UpdateMode::ReadOnly);
    refuse_all(configs, is_read_only, "Cannot update these configs dynamically")?;
    let is_security = |name: &str| SECURITY_KEYS.contains(&name);
    let only_listener = "These security configs can be dynamically updated only per-listener using the listener prefix";
    refuse_all(configs, is_security, only_listener)?;
    check_values(configs)?;
    if scope == Scope::Cluster {
        let of_one = |name: &str| {
            listener_key(name).is_some_and(|key| !OF_ANY_LISTENER.contains(&key))
                || BROKER.get(name).is_some_and(|key| key.mode == UpdateMode::PerBroker)
        };
        let message = "Cannot update these configs at default cluster level, broker id must be specified";
        refuse_all(configs, of_one, message)?;
    }
    check_built(broker, configs)
}

/// Stores and keys of TLS: dynamic only for a listener.
const SECURITY_KEYS: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// What may be set for the listeners of one name at all brokers.
const OF_ANY_LISTENER: &[&str] = &["max.connections", "max.connection.creation.rate", "num.network.threads"];

fn refuse_all(configs: &Originals, refused: impl Fn(&str) -> bool, message: &str) -> Result<(), AlterError> {
    let names: BTreeSet<&str> = configs
        .keys()
        .map(String::as_str)
        .filter(|name| refused(name))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    Err(AlterError::InvalidRequest(format!("{message}: [{names}]")))
}

fn check_values(configs: &Originals) -> Result<(), AlterError> {
    for (name, text) in configs {
        if let Some(key) = broker_key(name) {
            let checked = key.parse(text).and_then(|value| key.valid.check(key.name, &value));
            checked.map_err(|error| AlterError::InvalidRequest(error.to_string()))?;
        }
    }
    Ok(())
}

/// Refuses keys whose dynamic change is not built: set them in the properties file and restart.
fn check_built(broker: &BrokerConfig, configs: &Originals) -> Result<(), AlterError> {
    for (name, text) in configs {
        let key = BROKER.get(name).or_else(|| BROKER_DYNAMIC.get(name));
        let refused = key.is_some_and(|key| {
            let unchanged = broker.settings.get(key.name).and_then(Value::to_text).as_deref() == Some(text.trim());
            matches!(key.support, Support::Refused | Support::HonouredAtStart) && !unchanged
        });
        if refused {
            let message = format!("{name} cannot be changed while the broker runs: that is not supported yet");
            return Err(AlterError::InvalidRequest(message));
        }
    }
    Ok(())
}

/// Pools of threads, which Kafka neither doubles nor halves at once.
const THREADS: &[&str] = &[
    "num.io.threads",
    "num.replica.fetchers",
    "num.recovery.threads.per.data.dir",
    "background.threads",
    "log.cleaner.threads",
];

fn check_whole(broker: &BrokerConfig, dynamic: DynamicConfigs) -> Result<(), AlterError> {
    let changed = broker.with_dynamic(dynamic).map_err(|error| {
        AlterError::InvalidRequest(match error {
            ConfigError::Conflict(message) => format!("requirement failed: {message}"),
            other => other.to_string(),
        })
    })?;
    check_threads(broker, &changed)?;
    check_connections(broker, &changed)
}

fn check_threads(broker: &BrokerConfig, changed: &BrokerConfig) -> Result<(), AlterError> {
    for name in THREADS {
        let (now, then): (i32, i32) = (broker.settings.read(name), changed.settings.read(name));
        if then < 1 {
            return Err(AlterError::InvalidRequest(format!(
                "{name} must be at least 1, but it is {then}"
            )));
        }
        let (too_few, too_many) = (then < now / 2, then > now.saturating_mul(2));
        let refused = match (*name, too_few, too_many) {
            (_, false, false) => continue,
            ("log.cleaner.threads", true, _) => {
                format!("Log cleaner threads cannot be reduced to less than half the current value {now}")
            }
            ("log.cleaner.threads", false, _) => {
                format!("Log cleaner threads cannot be increased to more than double the current value {now}")
            }
            (name, true, _) => {
                let least = "value should be at least half the current value";
                format!("Dynamic thread count update validation failed for {name}={then}, {least} {now}")
            }
            (name, false, _) => {
                let most = "value should not be greater than double the current value";
                format!("Dynamic thread count update validation failed for {name}={then}, {most} {now}")
            }
        };
        return Err(invalid(&refused));
    }
    Ok(())
}

/// Nobody may be shut out by mistake: no connection at all is what only the file can say.
fn check_connections(broker: &BrokerConfig, changed: &BrokerConfig) -> Result<(), AlterError> {
    let listeners = changed.listeners.iter().chain(&changed.controller_listeners);
    for endpoint in listeners {
        let now = broker.limits_of(&endpoint.listener);
        let then = changed.limits_of(&endpoint.listener);
        if then.max_connections < 1 && then != now {
            return Err(invalid("Invalid max.connections 0"));
        }
        if then.max_connection_creation_rate < 1 && then != now {
            return Err(invalid("Invalid max.connection.creation.rate 0"));
        }
    }
    Ok(())
}

/// As Kafka puts its exceptions together.
fn invalid(refused: &str) -> AlterError {
    AlterError::InvalidRequest(format!(
        "Invalid value org.apache.kafka.common.config.ConfigException: {refused} for configuration Invalid dynamic \
         configuration"
    ))
}
