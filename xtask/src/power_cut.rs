//! `cargo xtask power-cut`: the power-cut rig with as many cuts as one likes.

use super::test;
use anyhow::{Result, bail};
use clap::Args;

/// What `cargo xtask power-cut` can be told.
#[derive(Args)]
pub struct Options {
    /// How many times the power is cut.
    #[arg(long, default_value_t = 1_000)]
    cuts: u64,
    /// Where randomness begins; a failure prints its own.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many nodes lose their power at once: 1, or 3 with every partition on all of them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    nodes: u8,
    /// Apache Kafka too, as it comes and flushing every message; its starts are slow, so with a hundredth of the cuts.
    #[arg(long)]
    kafka: bool,
}

/// Builds everything and runs the rig.
pub fn run(options: &Options) -> Result<()> {
    let name = match options.nodes {
        1 => "nothing_acknowledged_is_lost_by_riverrun",
        3 => "nothing_acknowledged_is_lost_by_three_nodes_at_once",
        other => bail!("one node or three, not {other}"),
    };
    run_test(options.cuts, options.seed, name)?;
    if options.kafka {
        run_test((options.cuts / 100).max(10), options.seed, "kafka_for_comparison")?;
    }
    Ok(())
}

fn run_test(cuts: u64, seed: u64, name: &str) -> Result<()> {
    let environment = [("POWER_CUTS", cuts.to_string()), ("POWER_CUT_SEED", seed.to_string())];
    test::one("testkit", "power_cut", name, &environment)
}
