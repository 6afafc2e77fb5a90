//! `cargo xtask chaos`: a cluster of real processes, stock clients, faults from a seed, and a checker of what the clients
//! were promised.

use super::test;
use anyhow::{Result, ensure};
use clap::Args;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// What `cargo xtask chaos` can be told.
#[derive(Args)]
pub struct Options {
    /// How long things go wrong; healing and judging come on top.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// How many nodes there are.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=9))]
    nodes: u8,
    /// What goes wrong; drawn from the time if not given, and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Producers with acks=1 and leaders cut off: the harness must find records lost.
    #[arg(long)]
    careless: bool,
    /// Nothing goes wrong, but every node of a cluster of Kafka's is handed over to us, one after the other, and then back.
    #[arg(long, conflicts_with = "careless")]
    swap: bool,
    /// Apache Kafka suffers instead of us.
    #[arg(long)]
    kafka: bool,
    /// Apache Kafka's nodes and ours are one cluster: those of even ids are Kafka's, or with an odd seed those of odd ids.
    #[arg(long, conflicts_with = "kafka")]
    mixed: bool,
    /// A folder for the history and the nodes' output of a run that found something.
    #[arg(long, default_value = "target/chaos")]
    keep: String,
    /// Our binary; with it must lie `libfault_shim.so`. The debug build of this tree if not given.
    #[arg(long)]
    riverrun: Option<String>,
}

/// Builds everything and runs; needs the rights of root.
pub fn run(options: &Options) -> Result<()> {
    let id = Command::new("id").arg("-u").output()?;
    ensure!(
        id.stdout.trim_ascii() == b"0",
        "networks are made with the rights of root: unshare --user --map-root-user --net cargo xtask chaos"
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let seed = options.seed.unwrap_or(now.as_secs());
    println!("seed {seed}");
    let keep = std::env::current_dir()?.join(&options.keep).join(seed.to_string());
    let mut environment = vec![
        ("CHAOS_SECONDS", (options.minutes * 60).to_string()),
        ("CHAOS_NODES", options.nodes.to_string()),
        ("CHAOS_SEED", seed.to_string()),
        ("CHAOS_KEEP", keep.display().to_string()),
        ("CHAOS_FORWARDING", "everybody".to_owned()),
    ];
    if options.kafka {
        environment.push(("RIVERRUN_STORIES_OF", "kafka".to_owned()));
    }
    if options.mixed {
        let who = ["mixed", "mixed-odd"][usize::from(seed % 2 == 1)];
        environment.push(("RIVERRUN_STORIES_OF", who.to_owned()));
    }
    if let Some(binary) = &options.riverrun {
        environment.push(("RIVERRUN_BIN", binary.clone()));
    }
    let name = if options.careless {
        "careless_producers_lose_records"
    } else if options.swap {
        "a_live_cluster_changes_hands_node_by_node_and_back"
    } else {
        "nothing_that_was_promised_is_broken"
    };
    test::one("testkit", "chaos", name, &environment)
}
