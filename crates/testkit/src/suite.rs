//! The stock clients' programs: each is run against a broker and judged by its exit code.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cluster::Cluster;
use crate::{dependencies, java};

/// How long one suite may take.
const DEADLINE: Duration = Duration::from_secs(600);

/// One program below `tests/clients`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// kafka-clients, and Kafka's own tools.
    Java,
    /// kafka-python.
    KafkaPython,
    /// aiokafka.
    Aiokafka,
    /// confluent-kafka: librdkafka.
    Librdkafka,
    /// franz-go.
    FranzGo,
    /// kafkajs.
    Kafkajs,
}

impl Suite {
    /// All of them.
    pub const ALL: [Suite; 6] = [
        Suite::Java,
        Suite::KafkaPython,
        Suite::Aiokafka,
        Suite::Librdkafka,
        Suite::FranzGo,
        Suite::Kafkajs,
    ];

    fn command(self) -> Result<Command> {
        let clients = dependencies::workspace().join("tests/clients");
        Ok(match self {
            Suite::Java => {
                let classes = dependencies::part("java")?.join("classes");
                let mut java = java::java_with(&["-Xmx512m"], &[&classes])?;
                java.arg("Suite");
                java
            }
            Suite::KafkaPython => python(&clients.join("python/kafka_python_suite.py"))?,
            Suite::Aiokafka => python(&clients.join("python/aiokafka_suite.py"))?,
            Suite::Librdkafka => python(&clients.join("python/confluent_suite.py"))?,
            Suite::FranzGo => Command::new(dependencies::part("go")?.join("suite")),
            Suite::Kafkajs => {
                let mut node = Command::new("node");
                node.arg(clients.join("node/suite.js"));
                node.env("NODE_PATH", dependencies::part("node")?.join("node_modules"));
                node
            }
        })
    }

    /// Runs the suite against a broker and returns what it printed; an error holds that too.
    pub fn run(self, cluster: &dyn Cluster) -> Result<String> {
        self.run_at(cluster.bootstrap())
            .with_context(|| format!("against {}", cluster.name()))
    }

    /// Runs the suite against a cluster of as many brokers as `HOST:PORT,HOST:PORT` names, with as many replicas of every
    /// topic as there may be, up to three.
    pub fn run_at(self, bootstrap: &str) -> Result<String> {
        let mut command = self.command()?;
        command.env("BOOTSTRAP", bootstrap);
        run(&format!("{self:?}"), &mut command)
    }
}

/// A Python program in the environment that has the clients and kio.
pub fn python(program: &Path) -> Result<Command> {
    let mut command = Command::new(dependencies::part("python")?.join("venv/bin/python"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(program);
    Ok(command)
}

/// Runs a program to its end, or kills it at the deadline.
pub fn run(name: &str, command: &mut Command) -> Result<String> {
    let written = tempfile::NamedTempFile::new()?;
    let file = written.as_file();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            break child.wait()?;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let output = String::from_utf8_lossy(&std::fs::read(written.path())?).into_owned();
    if !status.success() {
        bail!("{name}: {status}\n{output}");
    }
    Ok(output)
}
