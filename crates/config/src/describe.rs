//! What DescribeConfigs shows: every key with its value, where the value comes from, and what it hides.

use crate::broker::BrokerConfig;
use crate::error::ConfigError;
use crate::key::{Key, Type, UpdateMode, Visibility};
use crate::settings::{Originals, Settings};
use crate::synonym::{broker_key, broker_synonyms};
use crate::table::{BROKER, BROKER_DYNAMIC, CLIENT_METRICS, GROUP, TOPIC};
use crate::topic;
use crate::value::Value;

#[cfg(test)]
mod tests;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic's own config.
    DynamicTopic,
    /// A dynamic config of this broker.
    DynamicBroker,
    /// A dynamic config of all brokers.
    DynamicDefaultBroker,
    /// The properties file, the environment or the command line.
    StaticBroker,
    /// Nobody set it.
    Default,
    /// A logger's level.
    DynamicBrokerLogger,
    /// A client metrics subscription.
    ClientMetrics,
    /// The group's own config.
    Group,
}

impl ConfigSource {
    /// The source's number in DescribeConfigs responses.
    pub fn id(self) -> i8 {
        match self {
            Self::DynamicTopic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
            Self::DynamicBrokerLogger => 6,
            Self::ClientMetrics => 7,
            Self::Group => 8,
        }
    }
}

/// One of the values that a key could have, were the stronger ones not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The key under which it is set.
    pub name: String,
    /// The value; `None` if it is secret.
    pub value: Option<String>,
    /// Where it is set.
    pub source: ConfigSource,
}

/// One key as DescribeConfigs shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// The value; `None` if it is null or secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// The value's type; `None` for keys that no table has.
    pub kind: Option<Type>,
    /// Whether only a restart changes it.
    pub read_only: bool,
    /// Whether the value is hidden. Values of unknown keys are, to be safe.
    pub sensitive: bool,
    /// All values set for it, the strongest first.
    pub synonyms: Vec<Synonym>,
    /// What the key is for; empty if nobody has written it, `None` if no table has the key.
    pub documentation: Option<&'static str>,
}

impl Entry {
    /// Whether nobody set it, as the oldest clients ask.
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::Default
    }
}

/// A topic's keys.
pub fn topic(broker: &BrokerConfig, overrides: &Originals) -> Result<Vec<Entry>, ConfigError> {
    let settings = topic::resolve(&broker.settings, overrides)?;
    let shown = |key: &&Key| key.visibility == Visibility::Public || overrides.contains_key(key.name);
    Ok(TOPIC
        .keys()
        .iter()
        .filter(shown)
        .map(|key| {
            let synonym = topic::broker_synonyms(key.name).next();
            let defaults = synonym.map_or_else(Vec::new, |name| synonyms(broker, name, Secrecy::of(key)));
            own_entry(key, &settings, overrides, ConfigSource::DynamicTopic, defaults)
        })
        .collect())
}

/// A group's keys.
pub fn group(broker: &BrokerConfig, overrides: &Originals) -> Result<Vec<Entry>, ConfigError> {
    let settings = group_settings(broker, overrides)?;
    let shown = |key: &&Key| key.visibility == Visibility::Public || overrides.contains_key(key.name);
    Ok(GROUP
        .keys()
        .iter()
        .filter(shown)
        .map(|key| {
            let of_broker = format!("group.{}", key.name);
            let defaults = if BROKER.get(&of_broker).is_some() {
                synonyms(broker, &of_broker, Secrecy::of(key))
            } else {
                let value = key.default_text().map(str::to_owned);
                vec![Synonym {
                    name: key.name.to_owned(),
                    value,
                    source: ConfigSource::Default,
                }]
            };
            own_entry(key, &settings, overrides, ConfigSource::Group, defaults)
        })
        .collect())
}

/// Every group key's value for a group that sets `overrides`.
pub fn group_settings(broker: &BrokerConfig, overrides: &Originals) -> Result<Settings, ConfigError> {
    Settings::resolve_over(&GROUP, overrides, |key| {
        match broker.settings.get(&format!("group.{}", key.name)) {
            Some(value) => Some(value.clone()),
            None => key.default_text().and_then(|text| key.parse(text).ok()),
        }
    })
}

/// A client metrics subscription's keys.
pub fn client_metrics(overrides: &Originals) -> Result<Vec<Entry>, ConfigError> {
    let settings = Settings::resolve(&CLIENT_METRICS, overrides)?;
    let entry = |key| own_entry(key, &settings, overrides, ConfigSource::ClientMetrics, Vec::new());
    Ok(CLIENT_METRICS.keys().iter().map(entry).collect())
}

/// A broker's keys: all that users are meant to see, and all that somebody set.
pub fn broker(config: &BrokerConfig) -> Vec<Entry> {
    let effective = config.effective_originals();
    let mut entries: Vec<Entry> = BROKER
        .keys()
        .iter()
        .filter(|key| key.visibility == Visibility::Public)
        .map(|key| {
            let value = config.settings.get(key.name).and_then(Value::to_text);
            broker_entry(key.name, value, synonyms(config, key.name, Secrecy::of(key)))
        })
        .collect();
    let is_shown = |name: &str| BROKER.get(name).is_some_and(|key| key.visibility == Visibility::Public);
    for (name, value) in effective.iter().filter(|(name, _)| !is_shown(name)) {
        let secrecy = broker_key(name).map_or(Secrecy::Secret, Secrecy::of);
        entries.push(broker_entry(name, Some(value.clone()), synonyms(config, name, secrecy)));
    }
    entries
}

/// What is set dynamically for all brokers.
pub fn broker_defaults(config: &BrokerConfig) -> Vec<Entry> {
    let entry = |(name, value): (&String, &String)| {
        let secrecy = broker_key(name).map_or(Secrecy::Secret, Secrecy::of);
        let mut synonyms = synonyms(config, name, secrecy);
        synonyms.retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker);
        broker_entry(name, Some(value.clone()), synonyms)
    };
    config.dynamic.cluster.iter().map(entry).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Open,
    Secret,
}

impl Secrecy {
    fn of(key: &Key) -> Self {
        if key.is_sensitive() { Self::Secret } else { Self::Open }
    }

    fn show(self, value: String) -> Option<String> {
        (self == Self::Open).then_some(value)
    }
}

/// An entry of a topic, group or subscription, which may have its own value before the broker's.
fn own_entry(
    key: &'static Key,
    settings: &Settings,
    overrides: &Originals,
    source: ConfigSource,
    defaults: Vec<Synonym>,
) -> Entry {
    let value = settings
        .get(key.name)
        .and_then(Value::to_text)
        .and_then(|value| Secrecy::of(key).show(value));
    let mut synonyms = defaults;
    if overrides.contains_key(key.name) {
        synonyms.insert(
            0,
            Synonym {
                name: key.name.to_owned(),
                value: value.clone(),
                source,
            },
        );
    }
    Entry {
        name: key.name.to_owned(),
        value,
        source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
        kind: Some(key.kind),
        read_only: false,
        sensitive: key.is_sensitive(),
        synonyms,
        documentation: Some(key.doc),
    }
}

fn broker_entry(name: &str, value: Option<String>, synonyms: Vec<Synonym>) -> Entry {
    let key = broker_key(name);
    let secrecy = key.map_or(Secrecy::Secret, Secrecy::of);
    let known = BROKER.get(name).or_else(|| BROKER_DYNAMIC.get(name));
    Entry {
        name: name.to_owned(),
        value: value.and_then(|value| secrecy.show(value)),
        source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
        kind: key.map(|key| key.kind),
        read_only: known.is_none_or(|key| key.mode == UpdateMode::ReadOnly),
        sensitive: secrecy == Secrecy::Secret,
        synonyms,
        documentation: known.map(|key| key.doc),
    }
}

/// All values set for a broker key under any of its names, the strongest first, beginning with one under `name`.
fn synonyms(config: &BrokerConfig, name: &str, secrecy: Secrecy) -> Vec<Synonym> {
    let names = broker_synonyms(name);
    let layers = [
        (ConfigSource::DynamicBroker, &config.dynamic.broker),
        (ConfigSource::DynamicDefaultBroker, &config.dynamic.cluster),
        (ConfigSource::StaticBroker, &config.originals),
    ];
    let mut all = Vec::new();
    for (source, originals) in layers {
        for name in &names {
            if let Some(value) = originals.get(*name) {
                let value = secrecy.show(value.clone());
                all.push(Synonym {
                    name: (*name).to_owned(),
                    value,
                    source,
                });
            }
        }
    }
    for name in &names {
        if let Some(text) = BROKER.get(name).and_then(Key::default_text) {
            let value = secrecy.show(text.to_owned());
            all.push(Synonym {
                name: (*name).to_owned(),
                value,
                source: ConfigSource::Default,
            });
        }
    }
    let first = all.iter().position(|synonym| synonym.name == name).unwrap_or(all.len());
    all.split_off(first)
}
