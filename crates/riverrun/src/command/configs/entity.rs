//! Whose settings: `--entity-type` and `--entity-name`, or the short flags for one type each.

use crate::command::options::{Options, Refusal};
use client::admin::ResourceType;
use std::fmt;

/// What kind of thing has settings or quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityType {
    Topics,
    Clients,
    Users,
    Brokers,
    Ips,
    ClientMetrics,
    Groups,
    BrokerLoggers,
}

/// All types with their names, in the order in which Kafka lists them.
pub const TYPES: [(EntityType, &str); 8] = [
    (EntityType::Topics, "topics"),
    (EntityType::Clients, "clients"),
    (EntityType::Users, "users"),
    (EntityType::Brokers, "brokers"),
    (EntityType::Ips, "ips"),
    (EntityType::ClientMetrics, "client-metrics"),
    (EntityType::Groups, "groups"),
    (EntityType::BrokerLoggers, "broker-loggers"),
];

/// The short flags that take a name.
const NAMED: [(&str, EntityType); 8] = [
    ("topic", EntityType::Topics),
    ("client", EntityType::Clients),
    ("user", EntityType::Users),
    ("broker", EntityType::Brokers),
    ("broker-logger", EntityType::BrokerLoggers),
    ("ip", EntityType::Ips),
    ("client-metrics", EntityType::ClientMetrics),
    ("group", EntityType::Groups),
];

/// The short flags for the default of a type.
const DEFAULTS: [(&str, EntityType); 4] = [
    ("client-defaults", EntityType::Clients),
    ("user-defaults", EntityType::Users),
    ("broker-defaults", EntityType::Brokers),
    ("ip-defaults", EntityType::Ips),
];

impl EntityType {
    /// Kafka's name, in the plural.
    pub fn name(self) -> &'static str {
        TYPES
            .iter()
            .find(|(known, _)| *known == self)
            .map_or("", |(_, name)| name)
    }

    /// Kafka's name less its last letter.
    pub fn singular(self) -> &'static str {
        let name = self.name();
        &name[..name.len() - 1]
    }

    /// The type of resource whose settings these are; none if they are quotas.
    pub fn resource(self) -> Option<ResourceType> {
        match self {
            Self::Topics => Some(ResourceType::Topic),
            Self::Brokers => Some(ResourceType::Broker),
            Self::BrokerLoggers => Some(ResourceType::BrokerLogger),
            Self::ClientMetrics => Some(ResourceType::ClientMetrics),
            Self::Groups => Some(ResourceType::Group),
            Self::Users | Self::Clients | Self::Ips => None,
        }
    }

    /// The name of the type in a quota's entity; none if it has no quotas.
    pub fn quota_part(self) -> Option<&'static str> {
        match self {
            Self::Users => Some("user"),
            Self::Clients => Some("client-id"),
            Self::Ips => Some("ip"),
            Self::Topics | Self::Brokers | Self::BrokerLoggers | Self::ClientMetrics | Self::Groups => None,
        }
    }
}

impl fmt::Display for EntityType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Whose settings; an empty name is the default of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entities {
    /// The types, as given.
    pub types: Vec<EntityType>,
    /// The names, as given, in the order of the types.
    pub names: Vec<String>,
}

impl Entities {
    /// Reads them from the command line.
    pub fn read(options: &Options) -> Result<Self, Refusal> {
        let mut types = Vec::new();
        for name in options.values("entity-type") {
            let known = TYPES.iter().find(|(_, known)| *known == name);
            types.push(known.map(|(known, _)| *known).ok_or_else(|| unknown_type(name))?);
        }
        let long = options.in_order().filter_map(|(flag, value)| match flag {
            "entity-name" => value.map(str::to_owned),
            "entity-default" => Some(String::new()),
            _ => None,
        });
        let mut names: Vec<String> = long.collect();
        for (flag, entity) in NAMED {
            if let Some(name) = options.value(flag)? {
                types.push(entity);
                names.push(name.to_owned());
            }
        }
        for (flag, entity) in DEFAULTS {
            if options.has(flag) {
                types.push(entity);
                names.push(String::new());
            }
        }
        Ok(Self { types, names })
    }

    /// Whether any of the short flags was given.
    pub fn has_short_flags(options: &Options) -> bool {
        let flags = NAMED
            .iter()
            .map(|(flag, _)| flag)
            .chain(DEFAULTS.iter().map(|(flag, _)| flag));
        flags.into_iter().any(|flag| options.has(flag))
    }

    /// Whether something is named.
    pub fn has_name(&self) -> bool {
        self.names.iter().any(|name| !name.is_empty())
    }

    /// Whether a default is meant.
    pub fn has_default(&self) -> bool {
        self.names.iter().any(String::is_empty)
    }
}

fn unknown_type(name: &str) -> Refusal {
    let known: Vec<&str> = TYPES.iter().map(|(_, name)| *name).collect();
    Refusal::Plain(format!(
        "Invalid entity type {name}, the entity type must be one of {} with a --bootstrap-server or \
         --bootstrap-controller argument",
        known.join(", ")
    ))
}
