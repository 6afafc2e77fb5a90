//! `riverrun features`, Kafka's `kafka-features`: the levels of features, what they rest on, and changing them.

mod dependencies;
mod describe;
mod update;

use super::connection::{ClientProperties, LOCAL, block_on, cluster_behind};
use super::storage::features::version_mapping;
use super::subcommands::{Arguments, Command, CommandLine, Given, Need, Parsed, Takes, optional};
use super::{Form, Invocation};
use anyhow::{Result, anyhow};
use client::Entrance;
use std::process::ExitCode;

const LINE: CommandLine = CommandLine {
    program: "kafka-features",
    purpose: "This tool manages feature flags in Kafka.",
    arguments: Arguments {
        single: &[optional(
            "command-config",
            Takes::Text,
            "Client properties for the connection.",
        )],
        one_of: &[
            optional(
                "bootstrap-server",
                Takes::Text,
                "The brokers to ask first, as HOST:PORT,HOST:PORT.",
            ),
            optional(
                "bootstrap-controller",
                Takes::Text,
                "The controllers to ask first, instead of brokers.",
            ),
        ],
        need: Need::Optional,
    },
    commands: &[
        Command {
            name: "describe",
            help: "Show the levels that are supported and in force.",
            arguments: Arguments::of(&[optional("node-id", Takes::Integer, "Ask this node, not any.")]),
        },
        Command {
            name: "upgrade",
            help: "Raise levels.",
            arguments: Arguments::of(&[
                optional(
                    "metadata",
                    Takes::Text,
                    "The old way to name the level of metadata.version.",
                ),
                optional(
                    "release-version",
                    Takes::Text,
                    "Bring every feature to the level that it has in this release.",
                ),
                optional(
                    "feature",
                    Takes::Texts,
                    "A feature and its level, as metadata.version=30.",
                ),
                optional("dry-run", Takes::Nothing, "Only say whether it can be done."),
            ]),
        },
        Command {
            name: "downgrade",
            help: "Lower levels.",
            arguments: Arguments::of(&[
                optional(
                    "metadata",
                    Takes::Text,
                    "The old way to name the level of metadata.version.",
                ),
                optional(
                    "release-version",
                    Takes::Text,
                    "Bring every feature to the level that it has in this release.",
                ),
                optional(
                    "feature",
                    Takes::Texts,
                    "A feature and its level, as metadata.version=29.",
                ),
                optional("unsafe", Takes::Nothing, "Even if metadata is lost by it."),
                optional("dry-run", Takes::Nothing, "Only say whether it can be done."),
            ]),
        },
        Command {
            name: "disable",
            help: "Lower features to level 0.",
            arguments: Arguments::of(&[
                optional("feature", Takes::Texts, "A feature."),
                optional("unsafe", Takes::Nothing, "Even if metadata is lost by it."),
                optional("dry-run", Takes::Nothing, "Only say whether it can be done."),
            ]),
        },
        Command {
            name: "version-mapping",
            help: "Show the levels that a release begins with.",
            arguments: Arguments::of(&[optional(
                "release-version",
                Takes::Text,
                "The release; the latest if not given.",
            )]),
        },
        Command {
            name: "feature-dependencies",
            help: "Show which other levels a feature's level rests on.",
            arguments: Arguments::of(&[optional(
                "feature",
                Takes::Texts,
                "A feature and its level, as group.version=1.",
            )
            .required()]),
        },
    ],
};

/// Runs the tool.
pub fn run(call: Invocation) -> Result<ExitCode> {
    let refused = |error: &str| {
        // Without the end of the line, as Kafka's.
        eprint!("Command line error: {error}. Type --help for help.");
        ExitCode::FAILURE
    };
    match LINE.parse(&call.args, Need::Optional) {
        Ok(Parsed::Command(given)) => match entrance(&given, call.form) {
            Some((addresses, entrance)) => act(&given, addresses, entrance),
            None => Ok(refused(
                "You must specify either --bootstrap-controller or --bootstrap-server.",
            )),
        },
        Ok(Parsed::Help(text)) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => Ok(refused(&refusal.error)),
    }
}

/// The addresses to ask first. Some commands ask nobody.
fn entrance(given: &Given, form: Form) -> Option<(&str, Entrance)> {
    let offline = matches!(given.command, "version-mapping" | "feature-dependencies");
    match (given.value("bootstrap-server"), given.value("bootstrap-controller")) {
        (Some(brokers), _) => Some((brokers, Entrance::Brokers)),
        (None, Some(controllers)) => Some((controllers, Entrance::Controllers)),
        (None, None) if form == Form::Subcommand || offline => Some((LOCAL, Entrance::Brokers)),
        (None, None) => None,
    }
}

fn act(given: &Given, addresses: &str, entrance: Entrance) -> Result<ExitCode> {
    match given.command {
        "version-mapping" => return version_mapping(given.value("release-version")),
        "feature-dependencies" => {
            dependencies::print(&given.values("feature"))?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let properties = match given.value("command-config") {
        Some(path) => ClientProperties::from_file(path)?,
        None => ClientProperties::default(),
    };
    let cluster = cluster_behind(addresses, entrance, &properties, "adminclient-1")?;
    let waiting = format!("waiting for {addresses}");
    match given.command {
        "describe" => {
            let node = describe::node(given.number("node-id"))?;
            block_on(&waiting, describe::describe(&cluster, node))??;
        }
        _ => {
            let change = update::Change::of(given)?;
            block_on(&waiting, change.make(&cluster))?.map_err(|failed| anyhow!(failed))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
