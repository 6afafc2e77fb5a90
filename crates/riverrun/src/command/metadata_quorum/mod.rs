//! `riverrun metadata-quorum`, Kafka's `kafka-metadata-quorum`: the controllers' quorum, and who votes in it.

mod describe;
mod voters;

use super::Invocation;
use super::connection::{ClientProperties, LOCAL, block_on, cluster_behind};
use super::java_exception::thrown;
use super::subcommand_entrance::{CONTROLLER, SERVER, entrance, read};
use super::subcommands::{Arguments, Command, CommandLine, Given, Need, Takes, optional};
use anyhow::{Result, anyhow, bail, ensure};
use std::path::Path;
use std::process::ExitCode;

const LINE: CommandLine = CommandLine {
    program: "kafka-metadata-quorum",
    purpose: "This tool describes kraft metadata quorum status.",
    arguments: Arguments {
        single: &[optional(
            "command-config",
            Takes::Text,
            "Client properties for the connection; for add-controller the controller's own properties, too.",
        )],
        one_of: &[SERVER, CONTROLLER],
        need: Need::Required,
    },
    commands: &[
        Command {
            name: "describe",
            help: "Show the quorum.",
            arguments: Arguments::of(&[
                optional("status", Takes::Nothing, "Its leader, voters and observers."),
                optional("replication", Takes::Nothing, "How far each node is."),
                optional("human-readable", Takes::Nothing, "Moments as how long ago they were."),
            ]),
        },
        Command {
            name: "add-controller",
            help: "Give a controller a vote.",
            arguments: Arguments::of(&[optional("dry-run", Takes::Nothing, "Only say what would be done.")]),
        },
        Command {
            name: "remove-controller",
            help: "Take a controller's vote away.",
            arguments: Arguments::of(&[
                optional("controller-id", Takes::Integer, "The controller's id.")
                    .or('i')
                    .required(),
                optional(
                    "controller-directory-id",
                    Takes::Text,
                    "The id of the directory of its metadata.",
                )
                .or('d')
                .required(),
                optional("dry-run", Takes::Nothing, "Only say what would be done."),
            ]),
        },
    ],
};

/// Runs the tool.
pub fn run(call: Invocation) -> Result<ExitCode> {
    let given = match read(&LINE, &call, ExitCode::SUCCESS) {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    act(&given)?;
    Ok(ExitCode::SUCCESS)
}

fn act(given: &Given) -> Result<()> {
    let properties = match given.value("command-config") {
        None => None,
        Some(path) => {
            ensure!(Path::new(path).exists(), "Properties file {path} does not exists!");
            Some(ClientProperties::from_file(path)?)
        }
    };
    let (addresses, entrance) = entrance(given);
    match given.command {
        "describe" => {
            let shown = shown(given)?;
            let cluster = cluster_behind(addresses, entrance, &properties.unwrap_or_default(), CLIENT)?;
            wait(addresses, describe::describe(&cluster, shown))
        }
        "add-controller" => {
            let Some(properties) = properties else {
                bail!(
                    "You must supply the configuration file of the controller you are adding when using add-controller."
                );
            };
            let newcomer = voters::Newcomer::from_properties(&properties)?;
            let cluster = cluster_behind(addresses, entrance, &of_client(&properties), CLIENT)?;
            wait(addresses, newcomer.add(&cluster, dry_run(given)))
        }
        _ => {
            let leaver = voters::Leaver::of(given)?;
            let cluster = cluster_behind(addresses, entrance, &properties.unwrap_or_default(), CLIENT)?;
            wait(addresses, leaver.remove(&cluster, dry_run(given)))
        }
    }
}

const CLIENT: &str = "adminclient-1";

fn wait(addresses: &str, work: impl Future<Output = Result<(), describe::Failure>>) -> Result<()> {
    let done = block_on(&format!("waiting for {addresses}"), work)?;
    done.map_err(|failure| match failure {
        describe::Failure::Refused(error) => anyhow!(thrown(&error)),
        describe::Failure::Said(text) => anyhow!(text),
    })
}

/// What of a controller's properties is a client's, too: the rest is no reason for a warning.
fn of_client(properties: &ClientProperties) -> ClientProperties {
    let mut kept = ClientProperties::default();
    for (key, value) in properties.pairs() {
        let mut settings = match client::Settings::new(LOCAL) {
            Ok(settings) => settings,
            Err(_) => return kept,
        };
        if !matches!(settings.apply(key, value), Ok(client::Applied::Unknown)) {
            kept.set(key, value);
        }
    }
    kept
}

fn shown(given: &Given) -> Result<describe::Shown> {
    match (
        given.has("status"),
        given.has("replication"),
        given.has("human-readable"),
    ) {
        (true, true, _) => {
            bail!("Only one of --status or --replication should be specified with describe sub-command")
        }
        (false, true, false) => Ok(describe::Shown::Replication(describe::Moments::Numbers)),
        (false, true, true) => Ok(describe::Shown::Replication(describe::Moments::Ago)),
        (true, false, true) => bail!("The option --human-readable is only supported along with --replication"),
        (true, false, false) => Ok(describe::Shown::Status),
        (false, false, _) => bail!("One of --status or --replication must be specified with describe sub-command"),
    }
}

/// Whether it is only said what would be done.
fn dry_run(given: &Given) -> client::admin::DryRun {
    match given.has("dry-run") {
        true => client::admin::DryRun::Yes,
        false => client::admin::DryRun::No,
    }
}
