//! Whose members churn: the programs below `tests/clients` that host them, and a process of them.

use anyhow::{Context, Result, bail};
use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command};
use testkit::process::Process;
use testkit::{dependencies, java, suite};

/// Which of the two group protocols a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JoinGroup, SyncGroup and Heartbeat.
    Classic,
    /// KIP-848's ConsumerGroupHeartbeat.
    Consumer,
}

/// How a member comes back under its `group.instance.id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Static {
    /// Its process is killed, and another one takes its place at once.
    Killed,
    /// It goes, without leaving the group, and comes back. A KIP-848 group refuses the place of one that did not say so.
    Restarted,
    /// The client has no static members.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Java,
    Librdkafka,
    Aiokafka,
    FranzGo,
    Kafkajs,
}

/// A stock client with one way of sharing partitions.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub name: &'static str,
    pub protocol: Protocol,
    pub static_member: Static,
    program: Program,
    arguments: &'static [&'static str],
}

impl Client {
    pub const ALL: [Client; 11] = [
        classic(
            "java-range",
            Program::Java,
            &["partition.assignment.strategy=org.apache.kafka.clients.consumer.RangeAssignor"],
        ),
        classic(
            "java-cooperative",
            Program::Java,
            &["partition.assignment.strategy=org.apache.kafka.clients.consumer.CooperativeStickyAssignor"],
        ),
        classic(
            "librdkafka-range",
            Program::Librdkafka,
            &["partition.assignment.strategy=range"],
        ),
        classic(
            "librdkafka-cooperative",
            Program::Librdkafka,
            &["partition.assignment.strategy=cooperative-sticky"],
        ),
        classic("aiokafka-roundrobin", Program::Aiokafka, &["assignor=roundrobin"]),
        classic("franz-range", Program::FranzGo, &["range"]),
        classic("franz-cooperative", Program::FranzGo, &["cooperative-sticky"]),
        Client {
            static_member: Static::Never,
            ..classic("kafkajs", Program::Kafkajs, &[])
        },
        consumer("java-consumer", Program::Java, &["group.protocol=consumer"]),
        consumer("librdkafka-consumer", Program::Librdkafka, &["group.protocol=consumer"]),
        // Of KIP-848 its 1.22.2 says that a static member goes without saying which one, which Kafka refuses.
        Client {
            static_member: Static::Never,
            ..consumer("franz-consumer", Program::FranzGo, &["consumer"])
        },
    ];

    fn command(&self) -> Result<Command> {
        let clients = dependencies::workspace().join("tests/clients");
        Ok(match self.program {
            Program::Java => {
                let classes = dependencies::part("java")?.join("classes");
                let mut java = java::java_with(&["-Xmx128m"], &[&classes])?;
                java.arg("ChurnMember");
                java
            }
            Program::Librdkafka => suite::python(&clients.join("python/churn_confluent.py"))?,
            Program::Aiokafka => suite::python(&clients.join("python/churn_aiokafka.py"))?,
            Program::FranzGo => {
                let mut go = Command::new(dependencies::part("go")?.join("suite"));
                go.arg("churn");
                go
            }
            Program::Kafkajs => {
                let mut node = Command::new("node");
                node.arg(clients.join("node/churn.js"));
                node.env("NODE_PATH", dependencies::part("node")?.join("node_modules"));
                node
            }
        })
    }

    /// A process without members yet; what happens to those it gets is appended to the file `history`.
    pub fn start(&self, bootstrap: &str, group: &str, topic: &str, history: &Path) -> Result<Members> {
        let mut command = self.command()?;
        command
            .args([group, topic])
            .args(self.arguments)
            .env("BOOTSTRAP", bootstrap);
        let (process, input) = Process::start_told(&mut command, history, &history.with_extension("complaints"))?;
        Ok(Members {
            process,
            input,
            names: Vec::new(),
        })
    }
}

const fn classic(name: &'static str, program: Program, arguments: &'static [&'static str]) -> Client {
    Client {
        name,
        protocol: Protocol::Classic,
        static_member: Static::Killed,
        program,
        arguments,
    }
}

const fn consumer(name: &'static str, program: Program, arguments: &'static [&'static str]) -> Client {
    Client {
        name,
        protocol: Protocol::Consumer,
        static_member: Static::Restarted,
        program,
        arguments,
    }
}

/// A process that hosts members of one group.
pub struct Members {
    process: Process,
    input: ChildStdin,
    names: Vec<String>,
}

impl Members {
    /// A dynamic member joins.
    pub fn join(&mut self, name: &str) -> Result<()> {
        self.names.push(name.to_owned());
        self.tell(&format!("join {name}"))
    }

    /// A static member joins, whose place is kept for longer than any test waits where the client may say so.
    pub fn join_as(&mut self, name: &str, instance: &str) -> Result<()> {
        self.names.push(name.to_owned());
        self.tell(&format!("join {name} {instance} 60000"))
    }

    /// A member closes its client; a dynamic one leaves the group with that.
    pub fn leave(&mut self, name: &str) -> Result<()> {
        self.names.retain(|present| present != name);
        self.tell(&format!("leave {name}"))
    }

    /// Kills the process; answers whose members died.
    pub fn kill9(self) -> Result<Vec<String>> {
        self.process.kill9()?;
        Ok(self.names)
    }

    /// An error when the process has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.process.ended()? {
            bail!("the process of {:?} ended with {status}", self.names);
        }
        Ok(())
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}").with_context(|| format!("telling {line:?}"))
    }
}
