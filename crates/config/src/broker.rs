//! A node's own settings, checked as a whole.

use crate::error::ConfigError;
use crate::layer::Layered;
use crate::listener::{Endpoint, ListenerName};
use crate::quorum::{BootstrapServer, Voter};
use crate::settings::{Originals, Settings};
use crate::synonym::{broker_synonyms, listener_key};
use crate::table::BROKER;
use crate::topic::TopicConfig;
use base::NodeId;
use std::collections::BTreeMap;
use std::sync::Arc;

mod check;
mod dynamic;
mod endpoints;
mod listener_limits;
mod sections;

pub use dynamic::DynamicConfigs;
pub use listener_limits::ListenerLimits;
pub use sections::{
    ConsumerGroupSettings, GroupSettings, InternalTopicSettings, LogCleanerSettings, LogSettings, MetadataLogSettings,
    QuorumSettings, ReplicationSettings, RequestSettings, ScrubSettings, SocketSettings, TransactionSettings,
};

/// Names the log directories that get no new partitions.
const CORDONED: &str = "cordoned.log.dirs";
/// Stands for every log directory in it.
const ALL_LOG_DIRS: &str = "*";

/// What a node does (`process.roles`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// It serves clients.
    pub broker: bool,
    /// It votes in the metadata quorum.
    pub controller: bool,
}

/// Who chooses the replica that a consumer reads from (`replica.selector.class`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaSelector {
    /// Nobody: it reads from the leader, or wherever it likes.
    None,
    /// The leader sends it to a replica in its own rack (KIP-392).
    RackAware,
}

impl ReplicaSelector {
    /// Kafka's name of the one that is built.
    const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

    /// The one with that class name; none of those that are not built.
    fn of(class: Option<&str>) -> Option<Self> {
        match class.map(str::trim) {
            None | Some("") => Some(Self::None),
            Some(Self::RACK_AWARE) => Some(Self::RackAware),
            Some(_) => None,
        }
    }
}

/// A node's settings: immutable, and replaced whole when a dynamic config changes.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `node.id`
    pub node_id: NodeId,
    /// `process.roles`
    pub roles: Roles,
    /// `broker.rack`
    pub rack: Option<String>,
    /// Where clients and brokers are served (`listeners` without the controllers').
    pub listeners: Vec<Endpoint>,
    /// What clients are told to connect to, port 0 standing for "as bound".
    pub advertised_listeners: Vec<Endpoint>,
    /// Where controllers are served.
    pub controller_listeners: Vec<Endpoint>,
    /// What other nodes are told to reach this controller at.
    pub advertised_controller_listeners: Vec<Endpoint>,
    /// `controller.listener.names`
    pub controller_listener_names: Vec<ListenerName>,
    /// The listener that brokers use among themselves.
    pub inter_broker_listener: ListenerName,
    /// `log.dirs`, or `log.dir`
    pub log_dirs: Vec<String>,
    /// Those of the log dirs that `cordoned.log.dirs` names; all of them where it is `*`.
    pub cordoned_log_dirs: Vec<String>,
    /// `metadata.log.dir`, or the first of the log dirs
    pub metadata_log_dir: String,
    /// `controller.quorum.voters`; empty where the voters are kept in the log (KIP-853)
    pub voters: Vec<Voter>,
    /// `controller.quorum.bootstrap.servers`
    pub bootstrap_servers: Vec<BootstrapServer>,
    /// `riverrun.metrics.listeners`: where metrics are served over HTTP, each `host:port`.
    pub metrics_listeners: Vec<String>,
    /// `max.connections.per.ip.overrides`
    pub max_connections_per_ip_overrides: BTreeMap<String, i32>,
    /// What of how many connections they take listeners set for themselves.
    pub listener_limits: BTreeMap<ListenerName, ListenerLimits>,
    /// Sockets.
    pub sockets: SocketSettings,
    /// Request handlers.
    pub requests: RequestSettings,
    /// The log engine.
    pub log: LogSettings,
    /// Replication.
    pub replication: ReplicationSettings,
    /// `replica.selector.class`
    pub replica_selector: ReplicaSelector,
    /// The log cleaner.
    pub cleaner: LogCleanerSettings,
    /// The scrub.
    pub scrub: ScrubSettings,
    /// The metadata log.
    pub metadata_log: MetadataLogSettings,
    /// The quorum.
    pub quorum: QuorumSettings,
    /// Internal topics.
    pub internal_topics: InternalTopicSettings,
    /// Groups.
    pub groups: GroupSettings,
    /// Transactions.
    pub transactions: TransactionSettings,
    /// The coordinators of consumer groups.
    pub consumer_groups: ConsumerGroupSettings,
    /// What a topic gets that sets nothing itself.
    pub topic_defaults: Arc<TopicConfig>,
    /// All values, for DescribeConfigs and for [`TopicConfig::resolve`].
    pub settings: Settings,
    /// What was set statically.
    pub originals: Originals,
    /// What is set dynamically.
    pub dynamic: DynamicConfigs,
}

impl BrokerConfig {
    /// The settings that `layered` gives, refused if they contradict each other or ask for what is not built yet.
    pub fn from_layers(layered: &Layered) -> Result<Self, ConfigError> {
        let config = Self::as_kafka_reads(layered)?;
        check::built(&config)?;
        Ok(config)
    }

    /// The settings that `layered` gives, refused only where Kafka refuses them: for tools that prepare a directory,
    /// perhaps for another node than this program can be yet.
    pub fn as_kafka_reads(layered: &Layered) -> Result<Self, ConfigError> {
        let mut originals = layered.originals();
        populate_synonyms(&mut originals);
        Self::new(originals, DynamicConfigs::default())
    }

    /// This node's settings with other dynamic configs.
    pub fn with_dynamic(&self, dynamic: DynamicConfigs) -> Result<Self, ConfigError> {
        Self::new(self.originals.clone(), dynamic)
    }

    fn new(originals: Originals, dynamic: DynamicConfigs) -> Result<Self, ConfigError> {
        let effective = effective(&originals, &dynamic);
        let settings = Settings::resolve(&BROKER, &effective)?;
        let voters = list(&settings, "controller.quorum.voters", Voter::parse)?;
        let bootstrap_servers = list(&settings, "controller.quorum.bootstrap.servers", BootstrapServer::parse)?;
        let endpoints = endpoints::resolve(&settings, &effective)?;
        let all_listeners = endpoints.listeners.iter().chain(&endpoints.controller_listeners);
        let names = all_listeners.map(|endpoint| &endpoint.listener);
        let listener_limits = listener_limits::read(&settings, &effective, names)?;
        let log_dirs = settings.read::<Option<Vec<String>>>("log.dirs");
        let log_dirs = log_dirs.unwrap_or_else(|| settings.read("log.dir"));
        let cordoned: Vec<String> = settings.read(CORDONED);
        let cordons_all = cordoned.iter().any(|dir| dir == ALL_LOG_DIRS);
        let metadata_log_dir = settings.read::<Option<String>>("metadata.log.dir");
        let config = Self {
            node_id: NodeId(settings.read("node.id")),
            roles: roles(&settings),
            rack: settings.read("broker.rack"),
            listeners: endpoints.listeners,
            advertised_listeners: endpoints.advertised_listeners,
            controller_listeners: endpoints.controller_listeners,
            advertised_controller_listeners: endpoints.advertised_controller_listeners,
            controller_listener_names: endpoints.controller_listener_names,
            inter_broker_listener: endpoints.inter_broker_listener,
            metadata_log_dir: metadata_log_dir
                .or_else(|| log_dirs.first().cloned())
                .unwrap_or_default(),
            metrics_listeners: settings.read("riverrun.metrics.listeners"),
            cordoned_log_dirs: if cordons_all { log_dirs.clone() } else { cordoned },
            log_dirs,
            voters,
            bootstrap_servers,
            max_connections_per_ip_overrides: overrides(&settings)?,
            listener_limits,
            sockets: SocketSettings::read(&settings),
            requests: RequestSettings::read(&settings),
            log: LogSettings::read(&settings),
            replication: ReplicationSettings::read(&settings),
            replica_selector: ReplicaSelector::of(settings.read::<Option<String>>("replica.selector.class").as_deref())
                .unwrap_or(ReplicaSelector::None),
            cleaner: LogCleanerSettings::read(&settings),
            scrub: ScrubSettings::read(&settings),
            metadata_log: MetadataLogSettings::read(&settings),
            quorum: QuorumSettings::read(&settings),
            internal_topics: InternalTopicSettings::read(&settings),
            groups: GroupSettings::read(&settings),
            transactions: TransactionSettings::read(&settings),
            consumer_groups: ConsumerGroupSettings::read(&settings),
            topic_defaults: Arc::new(TopicConfig::resolve(&settings, &Originals::new())?),
            settings,
            originals,
            dynamic,
        };
        check::consistent(&config)?;
        Ok(config)
    }

    /// What is set, statically or dynamically, the strongest value of each key.
    pub(crate) fn effective_originals(&self) -> Originals {
        effective(&self.originals, &self.dynamic)
    }

    /// The value of a key that is set only dynamically, for this broker or for all; `None` where it is not set or not a
    /// number.
    pub fn dynamic_number(&self, name: &str) -> Option<i64> {
        let set = self.dynamic.broker.get(name).or_else(|| self.dynamic.cluster.get(name));
        set.and_then(|text| text.trim().parse().ok())
    }

    /// How many connections a listener takes.
    pub fn limits_of(&self, listener: &ListenerName) -> ListenerLimits {
        let of_all = ListenerLimits {
            max_connections: self.sockets.max_connections,
            max_connection_creation_rate: self.sockets.max_connection_creation_rate,
        };
        self.listener_limits.get(listener).copied().unwrap_or(of_all)
    }

    /// The settings of a topic that sets `overrides`.
    pub fn topic(&self, overrides: &Originals) -> Result<TopicConfig, ConfigError> {
        TopicConfig::resolve(&self.settings, overrides)
    }
}

/// Static under dynamic values. A dynamic value also hides what is set under the key's other names: a dynamic
/// `log.retention.ms` is not shortened by a static `log.retention.hours`.
fn effective(originals: &Originals, dynamic: &DynamicConfigs) -> Originals {
    let mut effective = originals.clone();
    for layer in [&dynamic.cluster, &dynamic.broker] {
        for (name, value) in layer {
            for synonym in broker_synonyms(name) {
                if synonym == name || listener_key(name).is_none() {
                    effective.remove(synonym);
                }
            }
            effective.insert(name.clone(), value.clone());
        }
    }
    effective
}

/// `broker.id` and `node.id` stand for each other.
fn populate_synonyms(originals: &mut Originals) {
    for (from, to) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
        if let (Some(value), None) = (originals.get(from).cloned(), originals.get(to)) {
            originals.insert(to.to_owned(), value);
        }
    }
}

fn roles(settings: &Settings) -> Roles {
    let roles: Vec<String> = settings.read("process.roles");
    let has = |name: &str| roles.iter().any(|role| role == name);
    Roles {
        broker: has("broker"),
        controller: has("controller"),
    }
}

fn list<T>(settings: &Settings, key: &str, parse: fn(&str) -> Result<T, ConfigError>) -> Result<Vec<T>, ConfigError> {
    let entries: Vec<String> = settings.read(key);
    entries.iter().map(|entry| parse(entry)).collect()
}

fn overrides(settings: &Settings) -> Result<BTreeMap<String, i32>, ConfigError> {
    const KEY: &str = "max.connections.per.ip.overrides";
    let text: String = settings.read(KEY);
    let mut overrides = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let parsed = entry
            .rsplit_once(':')
            .and_then(|(host, limit)| Some((host, limit.trim().parse().ok()?)));
        let (host, limit) =
            parsed.ok_or_else(|| ConfigError::value(KEY, text.clone(), format!("`{entry}` is not host:limit")))?;
        overrides.insert(host.trim().to_owned(), limit);
    }
    Ok(overrides)
}

#[cfg(test)]
mod tests;
