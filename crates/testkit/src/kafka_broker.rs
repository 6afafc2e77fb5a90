//! Apache Kafka as a process: the broker that says what is right.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::cluster::{Cluster, Settings, server_properties};
use crate::maker::Maker;
use crate::port::free_ports;
use crate::process::{Process, tail};
use crate::ready::wait_until_ready;

pub use crate::java::{answers, java_with};

/// How often a start is tried anew with other ports.
const TRIES: usize = 3;

/// A combined broker and controller of Apache Kafka.
pub struct KafkaBroker {
    bootstrap: String,
    controller: String,
    data_dir: PathBuf,
    home: TempDir,
    environment: Vec<(String, String)>,
    process: Option<Process>,
}

impl KafkaBroker {
    /// Formats a fresh directory (unless the settings name one) and starts a broker on it.
    pub fn start(settings: &Settings) -> Result<KafkaBroker> {
        let home = TempDir::with_prefix("riverrun-kafka-")?;
        let data_dir = settings.data_dir.clone().unwrap_or_else(|| home.path().join("data"));
        let mut broker = KafkaBroker {
            bootstrap: String::new(),
            controller: String::new(),
            data_dir,
            home,
            environment: settings.environment.clone(),
            process: None,
        };
        let mut last = None;
        for _ in 0..TRIES {
            let [client_port, controller_port] = free_ports()?;
            broker.bootstrap = format!("127.0.0.1:{client_port}");
            broker.controller = format!("127.0.0.1:{controller_port}");
            let text = server_properties(&broker.data_dir, client_port, controller_port, settings);
            std::fs::write(broker.properties(), text)?;
            if !broker.data_dir.join("meta.properties").exists() {
                broker.format(settings)?;
            }
            match broker.restart() {
                Ok(()) => return Ok(broker),
                Err(error) if error.to_string().contains("Address already in use") => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.context("at least one try was made")?)
    }

    fn properties(&self) -> PathBuf {
        self.home.path().join("server.properties")
    }

    fn output(&self) -> PathBuf {
        self.home.path().join("output")
    }

    fn format(&self, settings: &Settings) -> Result<()> {
        let mut arguments = vec!["--standalone".to_owned()];
        arguments.extend(settings.feature_arguments());
        Maker::Kafka.format(self.home.path(), &self.properties(), &arguments)
    }
}

impl Cluster for KafkaBroker {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    fn controller(&self) -> &str {
        &self.controller
    }

    fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    fn process(&mut self) -> &mut Option<Process> {
        &mut self.process
    }

    fn restart(&mut self) -> Result<()> {
        let mut command = Maker::Kafka.serve(self.home.path(), &self.properties(), &self.environment)?;
        let mut process = Process::start(&mut command, &self.output())?;
        wait_until_ready(&mut process, &self.bootstrap, &self.output())?;
        self.process = Some(process);
        Ok(())
    }

    fn log_tail(&self) -> String {
        tail(&self.output())
    }
}
