//! One running broker, whoever made it: what a test may ask of Apache Kafka and of Riverrun alike.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Process;

/// A combined broker and controller, running as a process of its own until dropped.
pub trait Cluster: Send {
    /// `kafka` or `riverrun`, for messages.
    fn name(&self) -> &'static str;

    /// `HOST:PORT` of the client listener.
    fn bootstrap(&self) -> &str;

    /// `HOST:PORT` of the controller listener.
    fn controller(&self) -> &str;

    /// The log directory (the first, when the settings name several).
    fn data_dir(&self) -> &Path;

    /// The process, while it runs: for whoever implements this.
    fn process(&mut self) -> &mut Option<Process>;

    /// The running process.
    fn pid(&self) -> Option<u32>;

    /// Kills the process with SIGKILL and waits until it is gone.
    fn kill9(&mut self) -> Result<()> {
        self.process().take().context("not running")?.kill9()
    }

    /// Sends SIGTERM and waits until the process ended; an exit code other than Kafka's (0 or 143) is an error.
    fn stop_cleanly(&mut self) -> Result<()> {
        self.process().take().context("not running")?.terminate()
    }

    /// Starts the process again on the same directory and the same ports, and waits until it is ready.
    fn restart(&mut self) -> Result<()>;

    /// The last lines of what the process wrote, for the message of a failed test.
    fn log_tail(&self) -> String;
}

/// What a broker is started with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Lines of `server.properties` on top of what every test broker has.
    pub properties: Vec<(String, String)>,
    /// A directory that exists and is formatted; a fresh temporary one when absent.
    pub data_dir: Option<PathBuf>,
    /// Set in the process's environment.
    pub environment: Vec<(String, String)>,
    /// Levels of features that a fresh directory is formatted with instead of the release's.
    pub features: Vec<(&'static str, i16)>,
}

impl Settings {
    /// The same settings with one more property.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Settings {
        self.properties.push((key.to_owned(), value.to_string()));
        self
    }

    /// The same settings with more in the environment.
    #[must_use]
    pub fn in_environment(mut self, variables: Vec<(String, String)>) -> Settings {
        self.environment.extend(variables);
        self
    }

    /// The same settings with another level of a feature, such as `transaction.version`.
    #[must_use]
    pub fn with_feature(mut self, name: &'static str, level: i16) -> Settings {
        self.features.push((name, level));
        self
    }

    /// Whether they name a directory: no second node could have it too.
    #[must_use]
    pub fn is_of_one_node(&self) -> bool {
        self.data_dir.is_some() || self.properties.iter().any(|(key, _)| key == "log.dirs")
    }

    /// The arguments that tell a storage tool the levels.
    pub(crate) fn feature_arguments(&self) -> Vec<String> {
        let pairs = self.features.iter().map(|(name, level)| format!("{name}={level}"));
        pairs.flat_map(|pair| ["--feature".to_owned(), pair]).collect()
    }

    /// The same settings on a directory that exists.
    #[must_use]
    pub fn on(mut self, data_dir: impl Into<PathBuf>) -> Settings {
        self.data_dir = Some(data_dir.into());
        self
    }
}

/// `server.properties` of a one-node cluster; what `settings` says wins.
#[must_use]
pub fn server_properties(data_dir: &Path, client_port: u16, controller_port: u16, settings: &Settings) -> String {
    let mut lines = vec![
        ("process.roles".to_owned(), "broker,controller".to_owned()),
        ("node.id".to_owned(), "1".to_owned()),
        (
            "listeners".to_owned(),
            format!("PLAINTEXT://127.0.0.1:{client_port},CONTROLLER://127.0.0.1:{controller_port}"),
        ),
        ("controller.listener.names".to_owned(), "CONTROLLER".to_owned()),
        (
            "controller.quorum.bootstrap.servers".to_owned(),
            format!("127.0.0.1:{controller_port}"),
        ),
        ("log.dirs".to_owned(), data_dir.display().to_string()),
        ("offsets.topic.replication.factor".to_owned(), "1".to_owned()),
        ("transaction.state.log.replication.factor".to_owned(), "1".to_owned()),
        ("transaction.state.log.min.isr".to_owned(), "1".to_owned()),
        (
            "share.coordinator.state.topic.replication.factor".to_owned(),
            "1".to_owned(),
        ),
        ("share.coordinator.state.topic.min.isr".to_owned(), "1".to_owned()),
        ("offsets.topic.num.partitions".to_owned(), "4".to_owned()),
        ("group.initial.rebalance.delay.ms".to_owned(), "0".to_owned()),
    ];
    for (key, value) in &settings.properties {
        lines.retain(|(present, _)| present != key);
        lines.push((key.clone(), value.clone()));
    }
    lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}
