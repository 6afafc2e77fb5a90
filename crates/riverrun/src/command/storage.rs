//! `riverrun storage`: formats log directories, shows what is in them, and makes ids, as `kafka-storage` does.

mod arguments;
pub(super) mod features;
mod format;
mod info;
mod voters;

pub(super) use voters::standalone;

use super::{config_providers, environment};
use anyhow::{Context, Result};
use arguments::{Arguments, Command, Parsed};
use base::{Rng, Uuid};
use config::{BrokerConfig, Layered, Properties};
use std::process::ExitCode;

/// Runs the command. Like Kafka's tool it says in one line why it refuses, and fails with 1.
pub fn run(args: Vec<String>) -> Result<ExitCode> {
    let arguments = match arguments::parse(args) {
        Ok(Parsed::Run(arguments)) => arguments,
        Ok(Parsed::Help(text)) => {
            print!("{text}");
            return Ok(ExitCode::SUCCESS);
        }
        Err(refusal) => {
            eprint!("{refusal}");
            return Ok(ExitCode::FAILURE);
        }
    };
    match execute(&arguments) {
        Ok(code) => Ok(code),
        Err(error) => {
            eprintln!("{error:#}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn execute(arguments: &Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Info => info::run(&load(arguments)?),
        Command::Format => format::run(arguments, &load(arguments)?),
        Command::VersionMapping => features::version_mapping(arguments.value("release-version")),
        Command::FeatureDependencies => features::dependencies(&arguments.values("feature")),
        Command::RandomUuid => {
            println!("{}", Uuid::random(&mut Rng::from_os()));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The node's settings: the file's, under those of the environment. Only what Kafka refuses is refused here, so that
/// directories can be prepared for nodes that Riverrun cannot be yet.
fn load(arguments: &Arguments) -> Result<BrokerConfig> {
    let file = arguments.value("config").unwrap_or_default();
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
    let mut layered = Layered::new();
    layered.add_file(file, &Properties::parse(file, &bytes)?);
    layered.add_environment(environment::variables());
    config_providers::apply(&mut layered)?;
    Ok(BrokerConfig::as_kafka_reads(&layered)?)
}
