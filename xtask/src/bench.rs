//! `cargo xtask bench quick`: our release binary beside Apache Kafka, by turns, under the same load generator.
//!
//! What counts is work, not time: the broker's CPU-seconds for each gigabyte and each million records, from
//! `/proc`. Throughput is printed beside it, but on a machine with few cores the generator takes its share.

mod broker;
mod counters;
mod durable;
mod failover;
mod figures;
mod groups;
mod instructions;
mod load;
mod machine;
mod measuring;
mod native;
mod network;
mod plot;
mod recovery;
mod replication;
mod report;
mod sweep;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use broker::{Broker, Make, Serving};
use clap::{Args, Subcommand};
use load::{Load, Measured};
use measuring::Setup;
use report::{Results, Start, median};

/// What can be measured.
#[derive(Subcommand)]
pub enum Bench {
    /// Start-up, idle memory and CPU, throughput and CPU per work, under the tools' own client, in two minutes.
    Quick(Options),
    /// Costs, speeds and latencies under the native generator, and every goal met or not.
    Table(table::Options),
    /// How costs change with one factor at a time: scaling curves.
    Sweep(sweep::Options),
    /// Offset commits, heartbeats and rebalances of many groups.
    Groups(Options),
    /// What waiting for stable storage costs: ours with and without, and Kafka's likewise.
    Durable(durable::Options),
    /// What three replicas of everything cost.
    Replication(Options),
    /// How long a start takes after kill -9 with ten thousand partitions.
    Recovery(Options),
    /// How long clients wait when a node of three is killed, frozen or cut off.
    Failover(failover::Failover),
    /// What a request costs in instructions and system calls, beside what was recorded.
    Instructions(instructions::Instructions),
}

/// How it is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Where the table goes.
    #[arg(long, default_value = "docs/performance/quick.md")]
    output: PathBuf,
}

/// How long a broker is left alone before its idle memory and CPU are read.
const IDLE: Duration = Duration::from_secs(3);
/// How much of its full load `quick` sends, to be done in two minutes.
const QUICK: f64 = 0.5;

/// Runs the command.
pub fn run(bench: &Bench) -> Result<()> {
    let root = root()?;
    let options = match bench {
        Bench::Quick(options) | Bench::Groups(options) | Bench::Replication(options) | Bench::Recovery(options) => {
            options
        }
        Bench::Failover(options) => return failover::run(options),
        Bench::Instructions(options) => return instructions::run(options),
        Bench::Durable(options) => return durable::run(options, root),
        Bench::Table(options) => return table::run(options, root),
        Bench::Sweep(options) => return sweep::run(options, root),
    };
    let binary = given_or_built(options.setup.riverrun.as_ref(), root)?;
    let jars = options.setup.jars()?;
    let home = root.join("target/bench");
    std::fs::create_dir_all(&home)?;
    let makes = [Make::Riverrun(binary.clone()), Make::Kafka(jars)];
    match bench {
        Bench::Quick(_)
        | Bench::Durable(_)
        | Bench::Failover(_)
        | Bench::Instructions(_)
        | Bench::Table(_)
        | Bench::Sweep(_) => {}
        Bench::Groups(_) => return groups::run(options, &makes, &groups::generator(root)?, root, &home),
        Bench::Replication(_) => return replication::run(options, &makes, &binary, root, &home),
        Bench::Recovery(_) => return recovery::run(options, &makes, &binary, root, &home),
    }
    let scale = options.setup.scale * QUICK;
    let mut results = Results::new(machine::describe(root)?, scale);
    measure_starts(&makes, &binary, &home, options.setup.rounds, &mut results)?;
    measure_loads(&makes, &binary, &home, options, &mut results)?;
    let text = results.markdown();
    println!("\n{text}");
    let output = root.join(&options.output);
    std::fs::create_dir_all(output.parent().context("the table goes into a folder")?)?;
    std::fs::write(&output, &text)?;
    std::fs::write(output.with_extension("json"), results.json()?)?;
    Ok(())
}

/// The workspace's folder.
fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask is a folder of the workspace")
}

/// The binary that was named, or a release build of this tree.
fn given_or_built(binary: Option<&PathBuf>, root: &Path) -> Result<PathBuf> {
    binary.map_or_else(|| build(root), |path| Ok(path.clone()))
}

fn build(root: &Path) -> Result<PathBuf> {
    build_program(root, "riverrun", "riverrun")
}

/// The native load generator.
fn load_generator(root: &Path) -> Result<PathBuf> {
    build_program(root, "bench", "bench-load")
}

/// The release build of a program.
fn build_program(root: &Path, package: &str, program: &str) -> Result<PathBuf> {
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--release", "--package", package, "--bin", program])
        .status()?;
    if !status.success() {
        bail!("the release build failed");
    }
    Ok(root.join("target/release").join(program))
}

/// From nothing to the first acknowledged record, and what the broker takes when it has nothing to do.
fn measure_starts(makes: &[Make], binary: &Path, home: &Path, rounds: usize, results: &mut Results) -> Result<()> {
    for round in 1..=rounds {
        for make in makes {
            let prepared = Broker::prepare_with(
                make,
                &home.join(format!("start-{}-{round}", make.name())),
                make.like_for_like(),
            )?;
            let started = Instant::now();
            let broker = prepared.start()?;
            load::first_record(binary, broker.address())?;
            let to_first_record = started.elapsed();
            let cpu_to_first_record = broker.cpu_seconds()?;
            std::thread::sleep(IDLE);
            let (before, since) = (broker.cpu_seconds()?, Instant::now());
            std::thread::sleep(IDLE);
            let idle_cpu = (broker.cpu_seconds()? - before) / since.elapsed().as_secs_f64();
            let start = Start {
                milliseconds: to_first_record.as_secs_f64() * 1000.0,
                cpu_seconds: cpu_to_first_record,
                idle_mebibytes: broker.resident_mebibytes()?,
                idle_cpu,
            };
            println!("{:<9} round {round}: {start}", make.name());
            results.add_start(make.name(), start);
            broker.stop()?;
        }
    }
    Ok(())
}

/// Every load on both by turns, after a warm-up that is not counted: a JVM is slow at first.
fn measure_loads(makes: &[Make], binary: &Path, home: &Path, options: &Options, results: &mut Results) -> Result<()> {
    let mut brokers = Vec::new();
    for make in makes {
        let broker =
            Broker::prepare_with(make, &home.join(format!("load-{}", make.name())), make.like_for_like())?.start()?;
        load::first_record(binary, broker.address())?;
        for warmup in Load::warmups() {
            warmup.run(binary, &broker, warmup.name, 1.0)?;
        }
        brokers.push((make.name(), broker));
    }
    for load in Load::all() {
        for round in 1..=options.setup.rounds {
            for (name, broker) in &brokers {
                let topic = format!("{}-{round}", load.name);
                for measured in load.run(binary, broker, &topic, options.setup.scale * QUICK)? {
                    println!("{name:<9} round {round}: {measured}");
                    results.add_load(name, measured);
                }
            }
        }
    }
    for (name, broker) in brokers {
        results.add_loaded_memory(name, broker.resident_mebibytes()?);
        broker.stop()?;
    }
    Ok(())
}

/// What a load is called, whichever way the records go.
fn title(measured: &Measured) -> String {
    format!("{} {}", measured.direction, measured.load)
}
