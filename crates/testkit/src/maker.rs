//! Whose program a node runs: Apache Kafka's or ours. Both are told the same, by the same files.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::dependencies;
use crate::java::{java, server};

/// What every broker's directory is formatted with.
pub const CLUSTER_ID: &str = "riverrunTestClusterAAA";

/// Who made a node's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Apache Kafka.
    Kafka,
    /// Us.
    Riverrun,
}

impl Maker {
    /// Ours, or Apache Kafka with `RIVERRUN_STORIES_OF=kafka` in the environment, which proves the test.
    #[must_use]
    pub fn chosen() -> Maker {
        match std::env::var("RIVERRUN_STORIES_OF").as_deref() {
            Ok("kafka") => Maker::Kafka,
            _ => Maker::Riverrun,
        }
    }

    /// As [`Maker::chosen`], for one node of several: with `RIVERRUN_STORIES_OF=mixed` those of even ids are Apache Kafka's,
    /// with `mixed-odd` those of odd ids, and the others ours.
    #[must_use]
    pub fn chosen_for(node: i32) -> Maker {
        let even = node % 2 == 0;
        match std::env::var("RIVERRUN_STORIES_OF").as_deref() {
            Ok("mixed") if even => Maker::Kafka,
            Ok("mixed-odd") if !even => Maker::Kafka,
            _ => Maker::chosen(),
        }
    }

    /// For messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Maker::Kafka => "kafka",
            Maker::Riverrun => "riverrun",
        }
    }

    /// Its storage tool, formatting what the file of properties names; `home` holds what else the program reads.
    pub fn format(self, home: &Path, properties: &Path, arguments: &[String]) -> Result<()> {
        let mut command = match self {
            Maker::Kafka => {
                let mut command = java(&["-Xmx256m"], home)?;
                command.args(["kafka.tools.StorageTool", "format"]);
                command
            }
            Maker::Riverrun => {
                let mut riverrun = Command::new(dependencies::riverrun()?);
                riverrun.args(["storage", "format"]);
                riverrun
            }
        };
        command.args(["--cluster-id", CLUSTER_ID, "--config"]).arg(properties);
        let output = command.args(arguments).output()?;
        if !output.status.success() {
            bail!(
                "cannot format: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    /// Its server, reading the file of properties.
    pub fn serve(self, home: &Path, properties: &Path, environment: &[(String, String)]) -> Result<Command> {
        let mut command = match self {
            Maker::Kafka => {
                let mut command = server(home)?;
                command.arg("kafka.Kafka");
                command
            }
            Maker::Riverrun => {
                let mut riverrun = Command::new(dependencies::riverrun()?);
                riverrun.args(["serve", "--config"]);
                // The tests' own variables look like configuration.
                for (name, _) in std::env::vars_os().filter(|(name, _)| is_the_tests_own(name)) {
                    riverrun.env_remove(name);
                }
                riverrun
            }
        };
        command.arg(properties);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }
}

fn is_the_tests_own(name: &OsString) -> bool {
    [
        "RIVERRUN_TEST_DEPS",
        "RIVERRUN_BIN",
        "RIVERRUN_STORIES_OF",
        "RIVERRUN_NODES",
        "RIVERRUN_KAFKA_AS_SHIPPED",
    ]
    .iter()
    .any(|own| name == own)
}
