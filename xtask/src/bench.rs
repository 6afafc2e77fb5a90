//! `cargo xtask bench`: our release binary beside Apache Kafka, and beside other makes of broker, under the same load.
//!
//! What counts is work, not time: the broker's CPU-seconds for each gigabyte and each million records, from
//! `/proc`. Throughput is printed beside it, but on a machine with few cores the generator takes its share.

mod broker;
mod callgrind;
mod counters;
mod durable;
mod failover;
mod figures;
mod first_client;
mod groups;
mod hot_functions;
mod instructions;
mod load;
mod machine;
mod measuring;
mod memory;
mod native;
mod network;
mod plot;
mod programs;
mod quick;
mod readme;
mod recovery;
mod replication;
mod strace;
mod sweep;
mod table;

use std::path::Path;

use anyhow::{Context, Result};
use clap::Subcommand;

/// What can be measured.
#[derive(Subcommand)]
pub enum Bench {
    /// Start-up, idle memory and CPU, throughput and CPU per work, under the tools' own client, in two minutes.
    Quick(quick::Options),
    /// Costs, speeds and latencies under the native generator, and every goal met or not.
    Table(table::Options),
    /// How costs change with one factor at a time: scaling curves.
    Sweep(sweep::Options),
    /// Offset commits, heartbeats and rebalances of many groups.
    Groups(groups::Options),
    /// What waiting for stable storage costs: ours with and without, and Kafka's likewise.
    Durable(durable::Options),
    /// What three replicas of everything cost.
    Replication(replication::Options),
    /// How long a start takes after kill -9 with ten thousand partitions.
    Recovery(recovery::Options),
    /// How long clients wait when a node of three is killed, frozen or cut off.
    Failover(failover::Options),
    /// What a request costs in instructions and system calls, beside what was recorded.
    Instructions(instructions::Options),
    /// Writes down what runs for every record, for the linker to put side by side.
    HotFunctions(hot_functions::Options),
}

/// Runs the command.
pub fn run(bench: &Bench) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.context("xtask is a folder of the workspace")?;
    match bench {
        Bench::Quick(options) => quick::run(options, root),
        Bench::Table(options) => table::run(options, root),
        Bench::Sweep(options) => sweep::run(options, root),
        Bench::Groups(options) => groups::run(options, root),
        Bench::Durable(options) => durable::run(options, root),
        Bench::Replication(options) => replication::run(options, root),
        Bench::Recovery(options) => recovery::run(options, root),
        Bench::Failover(options) => failover::run(options, root),
        Bench::Instructions(options) => instructions::run(options, root),
        Bench::HotFunctions(options) => hot_functions::run(options, root),
    }
}
