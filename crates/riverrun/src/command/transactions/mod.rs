//! `riverrun transactions`, Kafka's `kafka-transactions`: transactional ids, the producers of partitions, and transactions
//! that hang because their coordinator has forgotten them.

mod abort;
mod command_line;
mod describe;
mod find_hanging;
mod list;

use super::connection::{ClientProperties, LOCAL, block_on};
use super::java_exception::message;
use super::{Form, Invocation};
use client::{ClientError, Cluster, Settings};
use command_line::{Argument, Command, Kind, Parsed, Values, parse};
use std::process::ExitCode;

const COMMANDS: &[Command] = &[
    Command {
        name: "list",
        help: "List transactional ids and what they are doing.",
        arguments: &[
            Argument::optional(
                "duration-filter",
                Kind::Long,
                "Only transactions that last longer, in milliseconds; all if negative.",
            ),
            Argument::optional(
                "transactional-id-pattern",
                Kind::Text,
                "Only ids that match this regular expression.",
            ),
        ],
    },
    Command {
        name: "describe",
        help: "Show what a transactional id is doing.",
        arguments: &[Argument::required("transactional-id", Kind::Text, "The id.")],
    },
    Command {
        name: "describe-producers",
        help: "Show the producers that a partition remembers.",
        arguments: &[
            Argument::optional("broker-id", Kind::Integer, "Ask this broker, not the leader."),
            Argument::required("topic", Kind::Text, "The topic."),
            Argument::required("partition", Kind::Integer, "The partition."),
        ],
    },
    Command {
        name: "abort",
        help: "Abort a hanging transaction in a partition.",
        arguments: &[
            Argument::required("topic", Kind::Text, "The topic."),
            Argument::required("partition", Kind::Integer, "The partition."),
            Argument::optional(
                "start-offset",
                Kind::Long,
                "Where the transaction begins; the rest is not needed.",
            ),
            Argument::optional("producer-id", Kind::Long, "The producer's id."),
            Argument::optional("producer-epoch", Kind::Short, "The producer's epoch."),
            Argument::optional("coordinator-epoch", Kind::Integer, "The coordinator's epoch."),
        ],
    },
    Command {
        name: "find-hanging",
        help: "Find transactions that no coordinator will end.",
        arguments: &[
            Argument::optional("broker-id", Kind::Integer, "Look on this broker."),
            Argument::optional(
                "max-transaction-timeout",
                Kind::Integer,
                "How old a transaction must be, in minutes (15).",
            ),
            Argument::optional("topic", Kind::Text, "Look in this topic."),
            Argument::optional("partition", Kind::Integer, "Look in this partition of the topic."),
        ],
    },
    Command {
        name: "forceTerminateTransaction",
        help: "Abort what a transactional id is doing, and fence its producer.",
        arguments: &[Argument::required("transactionalId", Kind::Text, "The id.")],
    },
];

/// Why a command did not do its work.
enum Failure {
    /// Said as it is.
    Plain(String),
    /// What was to be done, and what the cluster said.
    Of(String, ClientError),
}

impl Failure {
    fn of(what: impl Into<String>) -> impl FnOnce(ClientError) -> Self {
        let what = what.into();
        |error| Self::Of(what, error)
    }
}

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    let (command, values) = match parse(COMMANDS, &call.args) {
        Ok(Parsed::Command(command, values)) => (command, values),
        Ok(Parsed::Shown(text)) => {
            println!("{text}");
            return Ok(match call.form {
                Form::Subcommand => ExitCode::SUCCESS,
                // As Kafka's script.
                Form::Script => ExitCode::FAILURE,
            });
        }
        Ok(Parsed::Version) => {
            println!("{}", env!("CARGO_PKG_VERSION"));
            return Ok(ExitCode::SUCCESS);
        }
        Err(usage) => {
            eprintln!("{usage}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let addresses = match (values.text("bootstrap-server"), call.form) {
        (Some(addresses), _) => addresses,
        (None, Form::Subcommand) => LOCAL,
        (None, Form::Script) => {
            eprintln!("{}", command_line::missing(COMMANDS, "bootstrap-server"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut settings = Settings::new(addresses)?;
    "adminclient-1".clone_into(&mut settings.client_id);
    if let Some(path) = values.text("command-config") {
        match ClientProperties::from_file(path) {
            Ok(properties) => properties.apply(|key, value| match key {
                "bootstrap.servers" => Ok(client::Applied::Yes),
                key => settings.apply(key, value),
            })?,
            Err(_) => {
                let what = "Failed to load admin client properties";
                eprintln!("{what}: {path}. Enable debug logging for additional detail.");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let cluster = Cluster::new(settings);
    let done = block_on(&format!("waiting for {addresses}"), act(&cluster, command, &values))?;
    Ok(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Plain(text)) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
        Err(Failure::Of(what, error)) => {
            eprintln!(
                "{what}: {}. Enable debug logging for additional detail.",
                message(&error)
            );
            ExitCode::FAILURE
        }
    })
}

async fn act(cluster: &Cluster, command: &Command, values: &Values) -> Result<(), Failure> {
    match command.name {
        "list" => list::list(cluster, values).await,
        "describe" => describe::transaction(cluster, values).await,
        "describe-producers" => describe::producers(cluster, values).await,
        "abort" => abort::abort(cluster, values).await,
        "find-hanging" => find_hanging::find_hanging(cluster, values).await,
        _ => abort::force_terminate(cluster, values).await,
    }
}
