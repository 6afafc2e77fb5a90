//! The project's own chores: `cargo xtask <command>`. One command per file; this file only lists them.

mod bench;
mod chaos;
mod codegen;
mod power_cut;
mod sim;
mod test;
mod tidy;
mod vectors;

use clap::Parser;

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Measure our release build beside Apache Kafka.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Let whatever can go wrong with a cluster go wrong while clients write and read.
    Chaos(chaos::Options),
    /// Write the protocol crate's generated code from its schema tables.
    Codegen {
        /// Only fail if the generated code is not what the tables say.
        #[arg(long)]
        check: bool,
    },
    /// Cut the power of a recorded broker at many moments and look what is left.
    PowerCut(power_cut::Options),
    /// Run the seeded simulations of the machines, or count the planted bugs that they find.
    Sim(sim::Options),
    /// Install what the tests need, build, and run every test.
    Test(test::Options),
    /// Check the rules of the house: layers, file sizes, import circles, the compatibility table.
    Tidy,
    /// Have Apache Kafka encode every message in every version, for the protocol crate's tests.
    Vectors,
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Bench(bench) => bench::run(&bench),
        Command::Chaos(options) => chaos::run(&options),
        Command::Codegen { check } => codegen::run(check),
        Command::PowerCut(options) => power_cut::run(&options),
        Command::Sim(options) => sim::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Vectors => vectors::run(),
    }
}
