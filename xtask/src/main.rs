//! The project's own chores: `cargo xtask <command>`. One command per file; this file only lists them.

mod test;

use clap::Parser;

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Install what the tests need, build, and run every test.
    Test(test::Options),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Test(options) => test::run(&options),
    }
}
