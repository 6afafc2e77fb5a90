//! The programs that write and read: kafka-clients and librdkafka, each a process that tells its history.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::time::{Duration, Instant};
use testkit::java::java_with;
use testkit::process::{Process, tail};
use testkit::{dependencies, suite};

/// The group, as the programs call it, whose members forward the plain topic.
pub const FORWARDERS: &str = "forwarders";

/// How much the producers of kafka-clients care for what they send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// acks=all, and idempotence.
    Full,
    /// acks=1.
    Little,
}

/// Who forwards the plain topic, exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// A member of kafka-clients alone.
    KafkaClients,
    /// One of librdkafka in the same group too.
    Everybody,
}

/// What all of them are told.
pub struct Work {
    pub bootstrap: String,
    pub plain: &'static str,
    pub plain_partitions: i32,
    pub moved: &'static str,
    pub moved_partitions: i32,
    /// What is forwarded of the plain topic, by the group of [`FORWARDERS`].
    pub forwarded: &'static str,
    pub forwarding: Forwarding,
    pub seed: u64,
    /// How long a producer pauses after each record, on average.
    pub pause: Duration,
    pub care: Care,
    pub history: PathBuf,
}

/// A program, and the way to tell it that it is enough.
pub struct Client {
    name: &'static str,
    process: Process,
    input: Option<ChildStdin>,
    complaints: PathBuf,
}

impl Work {
    fn complaints(&self, of: &str) -> PathBuf {
        self.history.with_file_name(format!("{of}.complaints"))
    }

    /// Starts kafka-clients.
    pub fn java(&self) -> Result<Client> {
        let classes = dependencies::part("java")?.join("classes");
        let mut java = java_with(&["-Xmx192m"], &[&classes])?;
        java.args(["ChaosClient", self.plain, &self.plain_partitions.to_string()])
            .args([self.moved, &self.moved_partitions.to_string(), self.forwarded])
            .args([self.seed.to_string(), self.pause.as_millis().to_string()])
            .env("BOOTSTRAP", &self.bootstrap)
            .env("ACKS", if self.care == Care::Full { "all" } else { "1" });
        self.client("java", &mut java)
    }

    /// Starts librdkafka.
    pub fn librdkafka(&self) -> Result<Client> {
        let forwarded = match self.forwarding {
            Forwarding::KafkaClients => "",
            Forwarding::Everybody => self.forwarded,
        };
        let mut python = suite::python(&dependencies::workspace().join("tests/clients/python/chaos.py"))?;
        python
            .args([self.plain, &self.plain_partitions.to_string(), forwarded])
            .args([self.seed.to_string(), self.pause.as_millis().to_string()])
            .env("BOOTSTRAP", &self.bootstrap);
        self.client("librdkafka", &mut python)
    }

    fn client(&self, name: &'static str, command: &mut std::process::Command) -> Result<Client> {
        let complaints = self.complaints(name);
        let (process, input) = Process::start_told(command, &self.history, &complaints)?;
        Ok(Client {
            name,
            process,
            input: Some(input),
            complaints,
        })
    }

    /// Has kafka-clients read all that there is, now that everything is well, and what the groups have committed.
    pub fn read_everything(&self) -> Result<()> {
        let classes = dependencies::part("java")?.join("classes");
        let mut java = java_with(&["-Xmx256m"], &[&classes])?;
        let topics = [self.plain, self.moved, self.forwarded].join(",");
        let groups = ["java-group", "librdkafka-group", FORWARDERS].join(",");
        java.args(["ChaosReader", &topics, &groups])
            .env("BOOTSTRAP", &self.bootstrap);
        let complaints = self.complaints("reader");
        let (process, input) = Process::start_told(&mut java, &self.history, &complaints)?;
        drop(input);
        let mut reader = Client {
            name: "the reader",
            process,
            input: None,
            complaints,
        };
        reader.wait(Duration::from_secs(180))
    }
}

impl Client {
    /// Tells the producers that it is enough; they still wait for what is under way.
    pub fn stop_producing(&mut self) -> Result<()> {
        let input = self.input.as_mut().context("told once")?;
        Ok(std::io::Write::write_all(input, b"\n")?)
    }

    /// Tells the rest, and waits for the end.
    pub fn finish(&mut self, patience: Duration) -> Result<()> {
        self.input = None;
        self.wait(patience)
    }

    fn wait(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            match self.process.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("{} ended with {status}: {}", self.name, tail(&self.complaints)),
                None if Instant::now() > deadline => {
                    bail!(
                        "{} has not ended after {patience:?}: {}",
                        self.name,
                        tail(&self.complaints)
                    )
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// The last words of every program, for the message of a failed run.
pub fn complaints(history: &Path) -> String {
    ["java", "librdkafka", "reader"]
        .iter()
        .map(|name| {
            format!(
                "--- {name}:\n{}\n",
                tail(&history.with_file_name(format!("{name}.complaints")))
            )
        })
        .collect()
}
