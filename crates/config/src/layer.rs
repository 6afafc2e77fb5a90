//! The sources of a configuration in their order: command line, environment, file, and what holds with none of them.

use crate::error::ConfigError;
use crate::key::{Key, Support};
use crate::listener::listener_name;
use crate::properties::Properties;
use crate::settings::Originals;
use crate::table::{BROKER, Table};
use std::collections::BTreeMap;
use std::fmt;

/// The prefix of environment variables that set keys: `RIVERRUN_LOG_DIRS` sets `log.dirs`.
pub const ENVIRONMENT_PREFIX: &str = "RIVERRUN_";

/// Variables with the prefix that are not keys: `RIVERRUN_LOG` filters what is logged.
const NOT_KEYS: &[&str] = &["RIVERRUN_LOG"];

/// Who set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `--set KEY=VALUE`, or an option that stands for it.
    CommandLine,
    /// An environment variable.
    Environment(String),
    /// A line of the properties file.
    File {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// Nobody: Riverrun runs without a file, and Kafka has no default for the key.
    BuiltIn,
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => out.write_str("the command line"),
            Self::Environment(name) => write!(out, "environment variable {name}"),
            Self::File { path, line } => write!(out, "{path}:{line}"),
            Self::BuiltIn => out.write_str("Riverrun's own default"),
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    value: String,
    source: Source,
}

/// The values set by all sources; of each key the strongest.
#[derive(Clone, Debug, Default)]
pub struct Layered {
    entries: BTreeMap<String, Entry>,
    warnings: Vec<String>,
}

impl Layered {
    /// Nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a file's entries. Call the sources from the weakest to the strongest: each overrides those before it.
    pub fn add_file(&mut self, path: &str, properties: &Properties) {
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        for property in &properties.entries {
            if let Some(before) = lines.insert(&property.key, property.line) {
                self.warnings.push(format!(
                    "{path}:{}: {} is set again; the value of line {before} is not used",
                    property.line, property.key
                ));
            }
            let source = Source::File {
                path: path.to_owned(),
                line: property.line,
            };
            self.set(&property.key, &property.value, source);
        }
    }

    /// Takes the variables that begin with `RIVERRUN_`.
    pub fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            if !NOT_KEYS.contains(&name.as_str()) {
                let key = rest.to_lowercase().replace('_', ".");
                self.set(&key, &value, Source::Environment(name));
            }
        }
    }

    /// Takes one `--set KEY=VALUE`.
    pub fn add_assignment(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let Some((key, value)) = assignment.split_once('=') else {
            let message =
                format!("--set takes KEY=VALUE, for example --set num.partitions=3; it was given {assignment}");
            return Err(ConfigError::Conflict(message));
        };
        self.set(key.trim(), value, Source::CommandLine);
        Ok(())
    }

    /// Puts the data into `dir` (`--data-dir`).
    pub fn set_data_dir(&mut self, dir: &str) {
        self.entries.remove("log.dir");
        self.entries.remove("metadata.log.dir");
        self.set("log.dirs", dir, Source::CommandLine);
    }

    /// Serves clients at `address`, a `host:port` (`--listen`), instead of at the listeners configured; listeners for
    /// controllers stay.
    pub fn set_listen(&mut self, address: &str) {
        let controllers = self.controller_listeners();
        let mut listeners = vec![format!("PLAINTEXT://{address}")];
        let configured = self.get("listeners").unwrap_or_default().to_owned();
        let is_controller = |listener: &str| {
            let name = listener_name(listener);
            name.is_some_and(|name| controllers.iter().any(|known| known == name.as_str()))
        };
        listeners.extend(
            configured
                .split(',')
                .map(str::trim)
                .filter(|listener| is_controller(listener))
                .map(str::to_owned),
        );
        self.entries.remove("advertised.listeners");
        self.entries.remove("inter.broker.listener.name");
        self.set("listeners", &listeners.join(","), Source::CommandLine);
    }

    /// Fills in a single node that is broker and controller, for keys that Kafka wants set and nobody set: for a start
    /// without a file.
    pub fn fill_in(&mut self) {
        let only_default_controller = !self.entries.contains_key("controller.listener.names");
        for (key, value) in BUILT_IN {
            if !self.is_set(key) {
                self.set(key, value, Source::BuiltIn);
            }
        }
        if only_default_controller {
            self.fill_in_controller();
        }
    }

    /// Gives a node whose listeners are all for clients a controller listener on the port after the first, on loopback.
    fn fill_in_controller(&mut self) {
        let listeners = self.get("listeners").unwrap_or_default().to_owned();
        let has_controller = |listener: &str| listener_name(listener).is_some_and(|name| name.as_str() == "CONTROLLER");
        if !listeners.split(',').any(has_controller) {
            let first_port = listeners
                .split(',')
                .next()
                .and_then(|listener| listener.rsplit_once(':'));
            let port = match first_port.map(|(_, port)| port.trim().parse::<u16>()) {
                Some(Ok(0)) => 0,
                Some(Ok(port)) => port.checked_add(1).unwrap_or(port - 1),
                Some(Err(_)) | None => 9093,
            };
            let source = self
                .entries
                .get("listeners")
                .map_or(Source::BuiltIn, |entry| entry.source.clone());
            self.set(
                "listeners",
                &format!("{listeners},CONTROLLER://127.0.0.1:{port}"),
                source,
            );
        }
        if !self.is_set("controller.quorum.voters") && !self.is_set("controller.quorum.bootstrap.servers") {
            let listeners = self.get("listeners").unwrap_or_default().to_owned();
            let controller = listeners.split(',').find(|listener| has_controller(listener));
            if let Some((_, address)) = controller.and_then(|listener| listener.split_once("://")) {
                self.set("controller.quorum.bootstrap.servers", address, Source::BuiltIn);
            }
        }
    }

    fn controller_listeners(&self) -> Vec<String> {
        let names = self.get("controller.listener.names").unwrap_or("CONTROLLER");
        names.split(',').map(|name| name.trim().to_uppercase()).collect()
    }

    fn is_set(&self, key: &str) -> bool {
        let synonym = match key {
            "log.dirs" => Some("log.dir"),
            "node.id" => Some("broker.id"),
            _ => None,
        };
        self.entries.contains_key(key) || synonym.is_some_and(|synonym| self.entries.contains_key(synonym))
    }

    fn set(&mut self, key: &str, value: &str, source: Source) {
        let value = value.to_owned();
        self.entries.insert(key.to_owned(), Entry { value, source });
    }

    /// Tells the operator something more.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Puts what `change` makes of a key and its value in the place of every value.
    pub(crate) fn change_values<E>(
        &mut self,
        mut change: impl FnMut(&str, &str) -> Result<String, E>,
    ) -> Result<(), E> {
        for (key, entry) in &mut self.entries {
            entry.value = change(key, &entry.value)?;
        }
        Ok(())
    }

    /// The value set for `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|entry| entry.value.as_str())
    }

    /// Who set `key`.
    pub fn source(&self, key: &str) -> Option<&Source> {
        self.entries.get(key).map(|entry| &entry.source)
    }

    /// What was set, without where.
    pub fn originals(&self) -> Originals {
        self.entries
            .iter()
            .map(|(key, entry)| (key.clone(), entry.value.clone()))
            .collect()
    }

    /// What the operator should know: keys that are unknown, set twice, not built yet or without effect.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        for (key, entry) in &self.entries {
            if entry.source != Source::BuiltIn {
                warnings.extend(warn_about(&BROKER, key, entry));
            }
        }
        warnings
    }
}

/// What runs without a file: the keys for which Kafka has no default, or one that a single node cannot meet.
const BUILT_IN: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    ("listeners", "PLAINTEXT://127.0.0.1:9092"),
    ("log.dirs", "./riverrun-data"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
];

fn warn_about(table: &'static Table, name: &str, entry: &Entry) -> Option<String> {
    let source = &entry.source;
    let Some(key) = table.get(name) else {
        if is_prefixed(name) {
            return None;
        }
        return Some(match table.nearest(name) {
            Some(near) => format!("{source}: unknown key {name} is not used; did you mean {near}?"),
            None => format!("{source}: unknown key {name} is not used"),
        });
    };
    notice(key, &entry.value).map(|notice| format!("{source}: {notice}"))
}

/// What to tell somebody who sets `key` to `value`: that it changes nothing, if that is so.
pub fn notice(key: &Key, value: &str) -> Option<String> {
    if key.default_text() == Some(value.trim()) {
        return None;
    }
    let name = key.name;
    match key.support {
        Support::NotYet => Some(format!(
            "{name} has no effect yet: Riverrun does not build what it tunes"
        )),
        Support::NotApplicable => Some(format!("{name} has no effect: Riverrun has nothing that it could tune")),
        Support::Honoured | Support::HonouredAtStart | Support::Refused => None,
    }
}

/// Keys that belong to a listener or to a plug-in, and are no key of the table by their whole name.
fn is_prefixed(name: &str) -> bool {
    name.starts_with("listener.name.")
        || name.starts_with("config.providers.")
        || name.starts_with("rlmm.config.")
        || name.starts_with("rsm.config.")
}
