//! `cargo xtask power-cut`: the power-cut rig with as many cuts as one likes.

mod ledger;

use super::test;
use anyhow::{Result, bail};
use clap::Args;
use std::path::Path;

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
    /// Adds what it came to, as of the commit that is checked out, to docs/performance/power-cuts.md.
    #[arg(long)]
    note: bool,
    /// Only writes that document anew.
    #[arg(long)]
    document: bool,
}

/// Builds everything and runs the rig.
pub fn run(options: &Options) -> Result<()> {
    let root = test::workspace_root();
    if options.document {
        return ledger::write_document(&root);
    }
    let (name, of_kafka) = match options.nodes {
        1 => ("nothing_acknowledged_is_lost_by_riverrun", "kafka_for_comparison"),
        3 => (
            "nothing_acknowledged_is_lost_by_three_nodes_at_once",
            "three_nodes_of_kafka_for_comparison",
        ),
        other => bail!("one node or three, not {other}"),
    };
    let results = root.join(format!("target/power-cuts-{}", std::process::id()));
    let mut outcome = run_test(options.cuts, options.seed, name, &results);
    if options.kafka {
        let cuts = (options.cuts / 100).max(10);
        outcome = outcome.and(run_test(cuts, options.seed, of_kafka, &results));
    }
    // What was lost is noted too.
    if options.note {
        ledger::note(&root, &results)?;
    }
    // Nothing is there if the rig did not come so far.
    let _ = std::fs::remove_file(&results);
    outcome
}

fn run_test(cuts: u64, seed: u64, name: &str, results: &Path) -> Result<()> {
    let environment = [
        ("POWER_CUTS", cuts.to_string()),
        ("POWER_CUT_SEED", seed.to_string()),
        ("POWER_CUT_RESULTS", results.display().to_string()),
    ];
    test::one("testkit", "power_cut", name, &environment)
}
