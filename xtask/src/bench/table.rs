//! `cargo xtask bench table`: Riverrun beside Apache Kafka under the native generator, and beside other makes of broker,
//! with every goal said to be met or not.
//!
//! Both are up at once and loaded by turns, so that whatever the machine does in between happens to both; rivals are started
//! one at a time.

mod calls;
mod clients;
mod control;
mod durable;
mod fetch;
mod flat;
mod goals;
mod latency;
mod one_core;
mod plots;
mod produce;
mod replicas;
mod rivals;
pub mod start;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

pub(super) use latency::promptly;

use super::machine::{self, Machine, rounds};
use super::measuring::{BARE, Contestant, Measuring, Setup};
use super::{programs, readme};

/// How the table is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Only these parts; they are shown, and written only if it is said where to.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Where the table goes, and beside it its figures as JSON and its plots; `docs/performance/table.md` for all of it.
    #[arg(long)]
    output: Option<PathBuf>,
}

const OUTPUT: &str = "docs/performance/table.md";

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
    /// What one core carries.
    OneCore,
    /// Other people's perf tools: librdkafka's and Kafka's own.
    Clients,
    /// A request's cost with many partitions.
    Flat,
    /// Three replicas.
    Replicas,
    /// Each make beside itself.
    Control,
    /// Other makes of broker.
    Rivals,
}

/// What is measured of the same two brokers, in this order: what leaves much behind comes late.
const OF_BOTH: [Part; 9] = [
    Part::Produce,
    Part::Fetch,
    Part::Latency,
    Part::OneCore,
    Part::Clients,
    Part::Durable,
    Part::Calls,
    Part::Control,
    Part::Flat,
];

/// Measures, and writes the table.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    // Before the network is left from which they come.
    let rivals = wanted(Part::Rivals).then(|| rivals::install(root)).transpose()?;
    let clients = wanted(Part::Clients).then(|| clients::install(root)).transpose()?;
    let strace = wanted(Part::Calls) && programs::provide("strace", "strace");
    let Some(mut measuring) = options.setup.begin(root, "table")? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    let begun = Instant::now();
    let tell = |part: Part| eprintln!("{part:?} after {:.0} s", begun.elapsed().as_secs_f64());
    if wanted(Part::Start) {
        tell(Part::Start);
        start::measure(&mut measuring)?;
    }
    if OF_BOTH.into_iter().any(wanted) {
        let mut contestants = measuring.contestants()?;
        contestants.push(measuring.bare()?);
        let possible = |part: &Part| wanted(*part) && (strace || *part != Part::Calls);
        for part in OF_BOTH.into_iter().filter(possible) {
            tell(part);
            // The bare loop is no broker: it has no settings and serves no client but the generator.
            let brokers = match part {
                Part::Durable | Part::Clients | Part::Control => 2,
                _ => contestants.len(),
            };
            measure(part, &mut measuring, &contestants[..brokers], clients.as_ref())?;
        }
        for contestant in contestants {
            contestant.broker.kill()?;
        }
    }
    if wanted(Part::Replicas) {
        tell(Part::Replicas);
        replicas::measure(&mut measuring)?;
    }
    if let Some(rivals) = &rivals {
        tell(Part::Rivals);
        rivals::measure(&mut measuring, rivals)?;
    }
    measuring.end()?;
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let versions = versions(rivals.as_ref());
    let text = text(&measuring, &machine, &versions, minutes);
    let place = machine::place(root, options.output.as_deref(), options.only.len(), OUTPUT);
    let Some(output) = place else {
        println!("\n{text}");
        return Ok(());
    };
    write(&measuring, &machine, &versions, &output, &text)?;
    if output == root.join(OUTPUT) {
        readme::write(root, &measuring.figures, &sentence(&measuring, &machine))?;
    }
    Ok(())
}

fn measure(
    part: Part,
    measuring: &mut Measuring,
    contestants: &[Contestant],
    clients: Option<&clients::Installed>,
) -> Result<()> {
    match part {
        Part::Produce => produce::measure(measuring, contestants),
        Part::Fetch => fetch::measure(measuring, contestants),
        Part::Latency => latency::measure(measuring, contestants),
        Part::Durable => durable::measure(measuring, contestants),
        Part::Calls => calls::measure(measuring, contestants),
        Part::Control => {
            control::measure(measuring, contestants)?;
            start::after_all(measuring, contestants)
        }
        Part::Flat => flat::measure(measuring, contestants),
        Part::OneCore => one_core::measure(measuring, contestants),
        Part::Clients => clients.map_or(Ok(()), |clients| clients::measure(measuring, contestants, clients)),
        Part::Start | Part::Replicas | Part::Rivals => Ok(()),
    }
}

/// What the README says of the run.
fn sentence(measuring: &Measuring, machine: &Machine) -> String {
    format!(
        "Measured by `cargo xtask bench table` at {}; {} at {} of the full load.",
        machine.sentence(),
        rounds(measuring.rounds),
        measuring.scale
    )
}

/// What was measured, and on what it ran.
fn versions(rivals: Option<&rivals::Installed>) -> String {
    let mut versions = format!("Apache Kafka 4.3.1 on {}", machine::java());
    for version in rivals.into_iter().flat_map(rivals::Installed::versions) {
        versions += ", ";
        versions += &version;
    }
    versions
}

fn text(measuring: &Measuring, machine: &Machine, versions: &str, minutes: f64) -> String {
    let figures = &measuring.figures;
    let both = figures.table(
        &figures.rows(),
        &["riverrun", "kafka", BARE],
        Some(("riverrun", "kafka")),
    );
    format!(
        "# Riverrun beside Apache Kafka 4.3.1\n\n{} Cells have the median, and the smallest and largest in brackets. {} It took \
         {minutes:.0} minutes. Versions: {versions}.\n\n{}\n## Goals\n\n{}{}\n{}## Figures\n\n{both}{}",
        sentence(measuring, machine),
        figures.spread(),
        include_str!("table/how.md"),
        goals::table(figures),
        rivals::goals(figures),
        plots::section(figures),
        rivals::section(figures),
    )
}

fn write(measuring: &Measuring, machine: &Machine, versions: &str, output: &Path, text: &str) -> Result<()> {
    machine::write(output, text)?;
    let figures = measuring.figures.json();
    let all = json!({
        "machine": machine,
        "versions": versions,
        "rounds": measuring.rounds,
        "scale": measuring.scale,
        "figures": figures,
    });
    machine::write_json(output, &all)?;
    plots::write(&measuring.figures, output)
}
