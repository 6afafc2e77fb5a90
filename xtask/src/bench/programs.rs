//! The programs that are measured and those that measure: given, or built and installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::native::Generator;
use crate::test::install;

/// Where they are.
#[derive(Args)]
pub struct Programs {
    /// A folder with Apache Kafka's jars; installed with the tests' dependencies if not given.
    #[arg(long, value_parser = absolute)]
    kafka_jars: Option<PathBuf>,
    /// The binary to measure; a release build of this tree if not given.
    #[arg(long, value_parser = absolute)]
    riverrun: Option<PathBuf>,
    /// A folder with the generators' binaries; a release build of this tree if not given.
    #[arg(long, value_parser = absolute)]
    generators: Option<PathBuf>,
}

/// Brokers run in folders of their own, where a path that begins here would lead nowhere.
fn absolute(text: &str) -> Result<PathBuf, String> {
    let said = |error| format!("{text}: {error}");
    std::fs::canonicalize(text).map_err(said)
}

impl Programs {
    /// Kafka's jars.
    pub fn jars(&self) -> Result<PathBuf> {
        self.kafka_jars.clone().map_or_else(crate::test::kafka_jars, Ok)
    }

    /// Our binary.
    pub fn riverrun(&self, root: &Path) -> Result<PathBuf> {
        self.riverrun
            .clone()
            .map_or_else(|| build(root, "riverrun").map(|folder| folder.join("riverrun")), Ok)
    }

    /// One of the generators.
    pub fn generator(&self, root: &Path, name: &str) -> Result<PathBuf> {
        Ok(self.generators(root)?.join(name))
    }

    /// The native generators of load.
    pub fn native(&self, root: &Path) -> Result<Generator> {
        let scratch = root.join("target/bench");
        Ok(Generator::of(self.generators(root)?, scratch))
    }

    fn generators(&self, root: &Path) -> Result<PathBuf> {
        self.generators.clone().map_or_else(|| build(root, "bench"), Ok)
    }
}

/// Whether a program of the system is there that a measurement needs, installed from its Debian package if need be and if we
/// may; says so if it is not.
pub fn provide(program: &str, package: &str) -> bool {
    match install::programs(&[(program, package)]) {
        Ok(()) => true,
        Err(error) => {
            println!("not measured, since {program} is not there: {error:#}");
            false
        }
    }
}

/// The folder of a package's release build.
fn build(root: &Path, package: &str) -> Result<PathBuf> {
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--release", "--package", package])
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "{package} cannot be built");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release"))
}
