//! What a node's settings must agree on, with Kafka's messages, and what Riverrun does not do yet.

use super::{ALL_LOG_DIRS, BrokerConfig, CORDONED, ReplicaSelector};
use crate::error::ConfigError;
use crate::key::Support;
use crate::listener::{Endpoint, ListenerName, SecurityProtocol};
use crate::table::BROKER;

/// Refuses settings that ask for what is not built yet.
pub(super) fn built(config: &BrokerConfig) -> Result<(), ConfigError> {
    for (name, value) in &config.originals {
        let Some(key) = BROKER.get(name) else { continue };
        let as_default = key.default_text().unwrap_or_default() == value.trim();
        let is_built = name == "replica.selector.class" && ReplicaSelector::of(Some(value)).is_some();
        if key.support == Support::Refused && !as_default && !is_built {
            return Err(ConfigError::NotBuilt {
                key: name.clone(),
                value: if key.is_sensitive() {
                    "[hidden]".to_owned()
                } else {
                    value.clone()
                },
                advice: advice(name),
            });
        }
    }
    built_listeners(config)
}

fn advice(key: &str) -> String {
    let why = match key {
        "authorizer.class.name" => "access control is not built; whoever reaches a listener may do everything",
        "remote.log.storage.system.enable" => "tiered storage is not built; all segments stay in log.dirs",
        "transaction.two.phase.commit.enable" => "two-phase commit is not built",
        "delegation.token.secret.key" => "delegation tokens are not built",
        "security.inter.broker.protocol" => "only PLAINTEXT is built",
        "early.start.listeners" => "listeners all start together",
        "unstable.api.versions.enable" | "unstable.feature.versions.enable" => "only stable versions are built",
        _ => "Java classes cannot be loaded",
    };
    format!("{why}. Remove the key to start without it.")
}

/// Refuses settings that contradict each other.
pub(super) fn consistent(config: &BrokerConfig) -> Result<(), ConfigError> {
    node(config)?;
    quorum(config)?;
    listeners(config)?;
    advertised(config)?;
    logs(config)?;
    cordons(config)?;
    sockets(config)?;
    consumer_groups(config)
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigError::Conflict(message()))
    }
}

fn node(config: &BrokerConfig) -> Result<(), ConfigError> {
    require(config.settings.read::<i32>("broker.id") == config.node_id.0, || {
        "You must set `node.id` to the same value as `broker.id`.".to_owned()
    })
}

fn quorum(config: &BrokerConfig) -> Result<(), ConfigError> {
    let id = config.node_id;
    let is_voter = config.voters.iter().any(|voter| voter.id == id);
    let voters = || {
        config
            .voters
            .iter()
            .map(|voter| voter.id.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    require(
        !config.voters.is_empty() || !config.bootstrap_servers.is_empty(),
        || {
            "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap \
         controllers or controller.quorum.voters must contain a parseable set of controllers."
                .to_owned()
        },
    )?;
    if config.roles.controller {
        require(config.voters.is_empty() || is_voter, || {
            format!(
                "If process.roles contains the 'controller' role, the node id {id} must be included in the set of \
                 voters controller.quorum.voters=Set({})",
                voters()
            )
        })?;
    } else {
        require(!is_voter, || {
            format!(
                "If process.roles contains just the 'broker' role, the node id {id} must not be included in the set \
                 of voters controller.quorum.voters=Set({})",
                voters()
            )
        })?;
    }
    Ok(())
}

fn listeners(config: &BrokerConfig) -> Result<(), ConfigError> {
    if !config.roles.controller {
        broker_only_listeners(config)?;
    } else if !config.roles.broker {
        require(config.listeners.is_empty(), || {
            "The listeners config must only contain KRaft controller listeners from controller.listener.names when \
             process.roles=controller"
                .to_owned()
        })?;
    }
    if config.roles.controller {
        require(!config.advertised_controller_listeners.is_empty(), || {
            "controller.listener.names must contain at least one value appearing in the 'listeners' configuration \
             when running the KRaft controller role"
                .to_owned()
        })?;
        let listens = |name: &ListenerName| {
            config
                .controller_listeners
                .iter()
                .any(|endpoint| endpoint.listener == *name)
        };
        require(config.controller_listener_names.iter().all(listens), || {
            "controller.listener.names must only contain values appearing in the 'listeners' configuration when \
             running the KRaft controller role"
                .to_owned()
        })?;
    }
    Ok(())
}

/// A node that is only a broker knows how controllers are reached, and does not listen as one.
fn broker_only_listeners(config: &BrokerConfig) -> Result<(), ConfigError> {
    require(!config.controller_listener_names.is_empty(), || {
        "controller.listener.names must contain at least one value when running KRaft with just the broker role"
            .to_owned()
    })?;
    require(config.controller_listeners.is_empty(), || {
        "controller.listener.names must not contain a value appearing in the 'listeners' configuration when running \
         KRaft with just the broker role"
            .to_owned()
    })
}

fn advertised(config: &BrokerConfig) -> Result<(), ConfigError> {
    if config.roles.broker {
        require(!config.advertised_listeners.is_empty(), || {
            "There must be at least one broker advertised listener. Perhaps all listeners appear in \
             controller.listener.names?"
                .to_owned()
        })?;
        let is_advertised = config
            .advertised_listeners
            .iter()
            .any(|endpoint| endpoint.listener == config.inter_broker_listener);
        require(is_advertised, || {
            format!(
                "inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options \
                 based on currently configured listeners are {}",
                names(&config.advertised_listeners)
            )
        })?;
        let listens = |advertised: &Endpoint| {
            config
                .listeners
                .iter()
                .any(|endpoint| endpoint.listener == advertised.listener)
        };
        require(config.advertised_listeners.iter().all(listens), || {
            format!(
                "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. \
                 Found {}. The valid options based on the current configuration are {}",
                names(&config.advertised_listeners),
                names(&config.listeners)
            )
        })?;
    }
    let mut all = config
        .advertised_listeners
        .iter()
        .chain(&config.advertised_controller_listeners);
    require(!all.any(|endpoint| endpoint.host == "0.0.0.0"), || {
        "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address. (Clients \
         connect to what advertised.listeners says; if it is not set, to what listeners says. Keep 0.0.0.0 in \
         listeners, and set advertised.listeners to a name that clients can reach, for example \
         PLAINTEXT://kafka.example.com:9092.)"
            .to_owned()
    })
}

fn names(endpoints: &[Endpoint]) -> String {
    endpoints
        .iter()
        .map(|endpoint| endpoint.listener.as_str())
        .collect::<Vec<_>>()
        .join(",")
}

fn logs(config: &BrokerConfig) -> Result<(), ConfigError> {
    let defaults = &config.topic_defaults;
    require(defaults.segment_ms >= 1, || {
        "log.roll.ms must be greater than or equal to 1".to_owned()
    })?;
    require(defaults.segment_jitter_ms >= 0, || {
        "log.roll.jitter.ms must be greater than or equal to 0".to_owned()
    })?;
    require(defaults.retention_ms >= 1 || defaults.retention_ms == -1, || {
        "log.retention.ms must be unlimited (-1) or, greater than or equal to 1".to_owned()
    })?;
    let threads: i32 = config.settings.read("log.cleaner.threads");
    let buffer: i64 = config.settings.read("log.cleaner.dedupe.buffer.size");
    require(threads < 1 || buffer / i64::from(threads) > 1024 * 1024, || {
        "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.".to_owned()
    })?;
    let wait: i32 = config.settings.read("replica.fetch.wait.max.ms");
    require(wait <= config.settings.read("replica.socket.timeout.ms"), || {
        "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket \
         timeouts"
            .to_owned()
    })?;
    require(
        i64::from(wait) <= config.settings.read("replica.lag.time.max.ms"),
        || {
            "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent \
         changes in ISR"
            .to_owned()
        },
    )
}

/// Who has no log directories of a broker's has nothing to cordon.
fn cordons(config: &BrokerConfig) -> Result<(), ConfigError> {
    if !config.roles.broker {
        return Ok(());
    }
    let named: Vec<String> = config.settings.read(CORDONED);
    if named.iter().any(|dir| dir == ALL_LOG_DIRS) {
        return require(named.len() == 1, || {
            format!("When {CORDONED} is set to {ALL_LOG_DIRS}, it must not contain other values")
        });
    }
    let is_unknown = |dir: &&String| !config.log_dirs.contains(dir);
    let unknown: Vec<&str> = named.iter().filter(is_unknown).map(String::as_str).collect();
    require(unknown.is_empty(), || {
        format!(
            "All entries in {CORDONED} must be present in log.dirs or log.dir. Missing entries : {}",
            unknown.join(", ")
        )
    })
}

fn sockets(config: &BrokerConfig) -> Result<(), ConfigError> {
    let sockets = &config.sockets;
    let queued = sockets.queued_max_request_bytes;
    require(
        queued <= 0 || queued >= i64::from(sockets.socket_request_max_bytes),
        || "queued.max.request.bytes must be larger or equal to socket.request.max.bytes".to_owned(),
    )?;
    require(
        sockets.max_connections_per_ip > 0 || !config.max_connections_per_ip_overrides.is_empty(),
        || {
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set."
                .to_owned()
        },
    )?;
    let delay: i32 = config.settings.read("connection.failed.authentication.delay.ms");
    let idle = sockets.connections_max_idle_ms;
    require(idle < 0 || i64::from(delay) < idle, || {
        format!(
            "connection.failed.authentication.delay.ms={delay} should always be less than \
             connections.max.idle.ms={idle} to prevent failed authentication responses from timing out"
        )
    })
}

/// Refuses listeners whose protection is not built yet.
fn built_listeners(config: &BrokerConfig) -> Result<(), ConfigError> {
    for endpoint in config.listeners.iter().chain(&config.controller_listeners) {
        if endpoint.protocol != SecurityProtocol::Plaintext {
            return Err(ConfigError::NotBuilt {
                key: "listeners".to_owned(),
                value: endpoint.to_string(),
                advice: format!(
                    "listener {} speaks {}, and only PLAINTEXT is built. Remove the listener, or map it to PLAINTEXT \
                     in listener.security.protocol.map if its network is trusted.",
                    endpoint.listener,
                    endpoint.protocol.name()
                ),
            });
        }
    }
    Ok(())
}

/// What a consumer group's settings must be to each other, and to the bounds of what a group may set for itself.
fn consumer_groups(config: &BrokerConfig) -> Result<(), ConfigError> {
    let protocols = &config.consumer_groups.group_coordinator_rebalance_protocols;
    require(protocols.iter().any(|protocol| protocol == "classic"), || {
        "Disabling the 'classic' protocol is not supported.".to_owned()
    })?;
    let read = |name: &str| config.settings.read::<i32>(name);
    for what in ["heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms"] {
        let value = format!("group.consumer.{what}");
        let (min, max) = (
            format!("group.consumer.min.{what}"),
            format!("group.consumer.max.{what}"),
        );
        for (greater, less) in [(&max, &min), (&value, &min)] {
            require(read(greater) >= read(less), || {
                format!("{greater} must be greater than or equal to {less}")
            })?;
        }
        require(read(&value) <= read(&max), || {
            format!("{value} must be less than or equal to {max}")
        })?;
    }
    let (heartbeat, session) = (
        "group.consumer.heartbeat.interval.ms",
        "group.consumer.session.timeout.ms",
    );
    require(read(heartbeat) < read(session), || {
        format!("{heartbeat} must be less than {session}")
    })
}
