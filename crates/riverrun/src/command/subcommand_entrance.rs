//! What tools with commands have in common before their work begins: which nodes they ask first, and what becomes of a
//! command line that is none.

use super::connection::LOCAL;
use super::subcommands::{Argument, CommandLine, Given, Need, Parsed, Takes, optional};
use super::{Form, Invocation};
use client::Entrance;
use std::process::ExitCode;

/// `--bootstrap-server`
pub const SERVER: Argument = optional(
    "bootstrap-server",
    Takes::Text,
    "The brokers to ask first, as HOST:PORT,HOST:PORT.",
);
/// `--bootstrap-controller`
pub const CONTROLLER: Argument = optional(
    "bootstrap-controller",
    Takes::Text,
    "The controllers to ask first, instead of brokers.",
);

/// The addresses to ask first, and whose they are.
pub fn entrance(given: &Given) -> (&str, Entrance) {
    match given.value(CONTROLLER.name) {
        Some(controllers) => (controllers, Entrance::Controllers),
        None => (given.value(SERVER.name).unwrap_or(LOCAL), Entrance::Brokers),
    }
}

/// What was given; the exit code if that was a request for help, which is shown, or is refused, which is said.
pub fn read(line: &CommandLine, call: &Invocation, after_help: ExitCode) -> Result<Given, ExitCode> {
    let entrance = match call.form {
        Form::Script => Need::Required,
        Form::Subcommand => Need::Optional,
    };
    match line.parse(&call.args, entrance) {
        Ok(Parsed::Command(given)) => Ok(given),
        Ok(Parsed::Help(text)) => {
            print!("{text}");
            Err(after_help)
        }
        Err(refused) => {
            eprintln!("{}\n{}: error: {}", refused.usage, line.program, refused.error);
            Err(ExitCode::FAILURE)
        }
    }
}
