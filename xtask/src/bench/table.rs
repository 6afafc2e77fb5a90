//! `cargo xtask bench table`: Riverrun beside Apache Kafka under the native generator, and beside other makes of broker,
//! with every goal said to be met or not.
//!
//! Both are up at once and loaded by turns, so that whatever the machine does in between happens to both; rivals are started
//! one at a time.

mod calls;
mod control;
mod durable;
mod fetch;
mod flat;
mod goals;
mod latency;
mod produce;
mod replicas;
mod rivals;
mod start;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::json;

pub(super) use latency::promptly;

use super::figures::Figures;
use super::machine::{self, Machine};
use super::measuring::{Contestant, Measuring, Setup};
use super::plot;

/// How the table is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Where the table goes, and beside it its figures as JSON and its plots.
    #[arg(long, default_value = "docs/performance/table.md")]
    output: PathBuf,
}

/// What can be measured for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// From nothing to the first acknowledged record; memory and CPU with nothing to do, for a partition, for a connection.
    Start,
    /// Producing in batches of several sizes.
    Produce,
    /// Reading what is in the page cache.
    Fetch,
    /// From the time a record is due until it is read.
    Latency,
    /// The same and throughput, on stable storage before the acknowledgement.
    Durable,
    /// System calls of a request.
    Calls,
    /// A request's cost with many partitions.
    Flat,
    /// Three replicas.
    Replicas,
    /// Each make beside itself.
    Control,
    /// Other makes of broker.
    Rivals,
}

/// The order in which they are measured.
const PARTS: [Part; 9] = [
    Part::Start,
    Part::Produce,
    Part::Fetch,
    Part::Latency,
    Part::Durable,
    Part::Calls,
    Part::Control,
    Part::Flat,
    Part::Replicas,
];

/// Measures, and writes the table.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    // Before the network is left from which they come.
    let rivals = match wanted(Part::Rivals) {
        true => Some(rivals::install(root)?),
        false => None,
    };
    let Some(mut measuring) = options.setup.begin(root, "table")? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    let begun = Instant::now();
    let both = [
        Part::Produce,
        Part::Fetch,
        Part::Latency,
        Part::Durable,
        Part::Calls,
        Part::Control,
    ];
    if wanted(Part::Start) {
        start::measure(&mut measuring)?;
    }
    if both.into_iter().any(wanted) {
        let contestants = measuring.contestants()?;
        for part in PARTS.into_iter().filter(|part| both.contains(part) && wanted(*part)) {
            eprintln!("{part:?} after {:.0} s", begun.elapsed().as_secs_f64());
            measure(part, &mut measuring, &contestants)?;
        }
        start::after_all(&mut measuring, &contestants)?;
        for contestant in contestants {
            contestant.broker.stop()?;
        }
    }
    if wanted(Part::Flat) {
        flat::measure(&mut measuring)?;
    }
    if wanted(Part::Replicas) {
        replicas::measure(&mut measuring)?;
    }
    if let Some(rivals) = &rivals {
        rivals::measure(&mut measuring, rivals)?;
    }
    measuring.end()?;
    write(&measuring, &machine, &root.join(&options.output))
}

fn measure(part: Part, measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    match part {
        Part::Produce => produce::measure(measuring, contestants),
        Part::Fetch => fetch::measure(measuring, contestants),
        Part::Latency => latency::measure(measuring, contestants),
        Part::Durable => durable::measure(measuring, contestants),
        Part::Calls => calls::measure(measuring, contestants),
        Part::Control => control::measure(measuring, contestants),
        Part::Start | Part::Flat | Part::Replicas | Part::Rivals => Ok(()),
    }
}

fn write(measuring: &Measuring, machine: &Machine, output: &Path) -> Result<()> {
    let figures = &measuring.figures;
    let text = format!(
        "# Riverrun beside Apache Kafka 4.3.1\n\nMeasured by `cargo xtask bench table` at {}; TCP {}; {} rounds by turns at {} \
         of the full load: the median, and the smallest and largest in brackets.\n\n{}\n## Goals\n\n{}\n## Figures\n\n{}",
        machine.sentence(),
        machine.congestion_control,
        measuring.rounds,
        measuring.scale,
        include_str!("table/how.md"),
        goals::table(figures),
        figures.table(&figures.rows(), &["riverrun", "kafka"], Some(("riverrun", "kafka"))),
    ) + &rivals::section(figures);
    println!("\n{text}");
    fs::create_dir_all(output.parent().context("the table goes into a folder")?)?;
    fs::write(output, &text)?;
    let all =
        json!({ "machine": machine, "rounds": measuring.rounds, "scale": measuring.scale, "figures": figures.json() });
    fs::write(output.with_extension("json"), serde_json::to_string(&all)? + "\n")?;
    plots(figures, output)
}

/// Costs and times side by side.
fn plots(figures: &Figures, output: &Path) -> Result<()> {
    let systems = ["riverrun", "kafka"];
    let draw = |name: &str, title: &str, rows: &[(&str, &str)]| -> Result<()> {
        let groups: Vec<String> = rows.iter().map(|(group, _)| (*group).to_owned()).collect();
        let values = |system: &str| rows.iter().map(|(_, row)| figures.median(system, row)).collect();
        let series: Vec<(String, Vec<f64>)> = systems.iter().map(|name| ((*name).to_owned(), values(name))).collect();
        let svg = plot::bars(title, &groups, &series);
        let stem = output.file_stem().context("the table has a name")?.to_string_lossy();
        Ok(fs::write(output.with_file_name(format!("{stem}-{name}.svg")), svg)?)
    };
    let per_gigabyte = [
        ("1 record", "produce, one record of 100 B a request: CPU-s per GB"),
        ("16 KiB", "produce, 100 B in 16 KiB: CPU-s per GB"),
        ("64 KiB", "produce, 1 KiB in 64 KiB: CPU-s per GB"),
        ("1 MiB", "produce, 1 KiB in 1 MiB: CPU-s per GB"),
        ("fetch", "fetch, 100 B in 16 KiB, 1 readers: CPU-s per GB"),
        ("10 readers", "fetch, 100 B in 16 KiB, 10 readers: CPU-s per GB"),
    ];
    draw(
        "cost",
        "broker CPU-seconds for a GB, by batch; and for a GB read",
        &per_gigabyte,
    )?;
    let latency = [
        ("p50", "end to end at 5000/s: p50 ms"),
        ("p99", "end to end at 5000/s: p99 ms"),
        ("p99.9", "end to end at 5000/s: p99.9 ms"),
        ("durable p50", "durable end to end at 1000/s: p50 ms"),
        ("durable p99", "durable end to end at 1000/s: p99 ms"),
    ];
    draw(
        "latency",
        "ms from due to read, at 5,000/s; at 1,000/s durable",
        &latency,
    )
}
