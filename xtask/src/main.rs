//! The project's own chores: `cargo xtask <command>`. One command per file; this file only lists them.

mod codegen;
mod test;
mod tidy;
mod vectors;

use clap::Parser;

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Write the protocol crate's generated code from its schema tables.
    Codegen {
        /// Only fail if the generated code is not what the tables say.
        #[arg(long)]
        check: bool,
    },
    /// Install what the tests need, build, and run every test.
    Test(test::Options),
    /// Check the rules of the house: layers, file sizes, import circles, the compatibility table.
    Tidy,
    /// Have Apache Kafka encode every message in every version, for the protocol crate's tests.
    Vectors,
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Codegen { check } => codegen::run(check),
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Vectors => vectors::run(),
    }
}
