//! Riverrun: one program that is a Kafka broker and Kafka's everyday tools.

use std::process::ExitCode;

mod command;

fn main() -> ExitCode {
    command::main()
}
