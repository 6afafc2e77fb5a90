//! One node that is broker and controller, as a process: Apache Kafka, which says what is right, or ours, started as a user would.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::cluster::{Cluster, Settings, server_properties};
use crate::maker::Maker;
use crate::port::free_ports;
use crate::process::{Process, tail};
use crate::ready::wait_until_ready;

/// How long the ready line may take to come.
const READY_LINE_DEADLINE: Duration = Duration::from_secs(60);

/// How often a start is tried anew with other ports.
const TRIES: usize = 3;

/// A combined broker and controller.
pub struct SingleNode {
    maker: Maker,
    bootstrap: String,
    controller: String,
    data_dir: PathBuf,
    home: TempDir,
    environment: Vec<(String, String)>,
    process: Option<Process>,
}

impl SingleNode {
    /// Formats a fresh directory (unless the settings name one) and starts a broker on it.
    pub fn start(maker: Maker, settings: &Settings) -> Result<SingleNode> {
        let home = TempDir::with_prefix(format!("{}-test-", maker.name()))?;
        let data_dir = settings.data_dir.clone().unwrap_or_else(|| home.path().join("data"));
        let mut broker = SingleNode {
            maker,
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
                // Each says so in words of its own.
                Err(error) if error.to_string().contains("in use") => last = Some(error),
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
        self.maker.format(self.home.path(), &self.properties(), &arguments)
    }

    /// Waits for the line `riverrun … is ready: listening on HOST:PORT, …` beyond what the file held before.
    fn ready_line(&self, process: &mut Process, from: usize) -> Result<String> {
        let deadline = Instant::now() + READY_LINE_DEADLINE;
        loop {
            let text = std::fs::read(self.output())?;
            let fresh = String::from_utf8_lossy(text.get(from..).unwrap_or_default());
            if let Some(line) = fresh.lines().find(|line| line.contains("ready: listening on ")) {
                return Ok(line.to_owned());
            }
            if let Some(status) = process.ended()? {
                bail!(
                    "riverrun ended with {status} while starting; it wrote:\n{}",
                    self.log_tail()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "no ready line after {READY_LINE_DEADLINE:?}; riverrun wrote:\n{}",
                    self.log_tail()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Cluster for SingleNode {
    fn name(&self) -> &'static str {
        self.maker.name()
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
        let from = std::fs::metadata(self.output()).map_or(0, |file| usize::try_from(file.len()).unwrap_or(0));
        let mut command = self
            .maker
            .serve(self.home.path(), &self.properties(), &self.environment)?;
        let mut process = Process::start(&mut command, &self.output())?;
        if self.maker == Maker::Riverrun {
            let line = self.ready_line(&mut process, from)?;
            anyhow::ensure!(
                line.contains(&self.bootstrap),
                "told to listen on {}, said {line:?}",
                self.bootstrap
            );
        }
        wait_until_ready(&mut process, &self.bootstrap, &self.output())?;
        self.process = Some(process);
        Ok(())
    }

    fn log_tail(&self) -> String {
        tail(&self.output())
    }
}
