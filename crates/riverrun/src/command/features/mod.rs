//! `riverrun features`, Kafka's `kafka-features`: the levels of features, what they rest on, and changing them.

mod dependencies;
mod describe;
mod update;

use super::connection::{ClientProperties, block_on, cluster_behind};
use super::storage::features::version_mapping;
use super::subcommand_entrance::{CONTROLLER, SERVER, entrance};
use super::subcommands::{Argument, Arguments, Command, CommandLine, Given, Need, Parsed, Takes, optional};
use super::{Form, Invocation};
use anyhow::{Result, anyhow};
use std::process::ExitCode;

const METADATA: Argument = optional(
    "metadata",
    Takes::Text,
    "The old way to name the level of metadata.version.",
);
const RELEASE: Argument = optional(
    "release-version",
    Takes::Text,
    "Bring every feature to the level that it has in this release.",
);
const DRY_RUN: Argument = optional("dry-run", Takes::Nothing, "Only say whether it can be done.");
const UNSAFE: Argument = optional("unsafe", Takes::Nothing, "Even if metadata is lost by it.");

const LINE: CommandLine = CommandLine {
    program: "kafka-features",
    purpose: "This tool manages feature flags in Kafka.",
    arguments: Arguments {
        single: &[optional(
            "command-config",
            Takes::Text,
            "Client properties for the connection.",
        )],
        one_of: &[SERVER, CONTROLLER],
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
                METADATA,
                RELEASE,
                optional(
                    "feature",
                    Takes::Texts,
                    "A feature and its level, as metadata.version=30.",
                ),
                DRY_RUN,
            ]),
        },
        Command {
            name: "downgrade",
            help: "Lower levels.",
            arguments: Arguments::of(&[
                METADATA,
                RELEASE,
                optional(
                    "feature",
                    Takes::Texts,
                    "A feature and its level, as metadata.version=29.",
                ),
                UNSAFE,
                DRY_RUN,
            ]),
        },
        Command {
            name: "disable",
            help: "Lower features to level 0.",
            arguments: Arguments::of(&[optional("feature", Takes::Texts, "A feature."), UNSAFE, DRY_RUN]),
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
        Ok(Parsed::Command(given)) if lacks_entrance(&given, call.form) => Ok(refused(
            "You must specify either --bootstrap-controller or --bootstrap-server.",
        )),
        Ok(Parsed::Command(given)) => act(&given),
        Ok(Parsed::Help(text)) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => Ok(refused(&refusal.error)),
    }
}

/// Whether the addresses to ask first are missing. Some commands ask nobody.
fn lacks_entrance(given: &Given, form: Form) -> bool {
    let offline = matches!(given.command, "version-mapping" | "feature-dependencies");
    let said = given.has(SERVER.name) || given.has(CONTROLLER.name);
    form == Form::Script && !offline && !said
}

fn act(given: &Given) -> Result<ExitCode> {
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
    let (addresses, entrance) = entrance(given);
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
