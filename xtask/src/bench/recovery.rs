//! `cargo xtask bench recovery`: from kill -9 to the next acknowledged record, with ten thousand partitions.

use super::broker::{Broker, Make, Prepared};
use super::figures::median;
use super::machine::{self, rounds};
use super::measuring::{Measuring, Setup};
use super::native::Load;
use anyhow::{Context, Result};
use clap::Args;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How it is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Where the table goes.
    #[arg(long, default_value = "docs/performance/recovery.md")]
    output: PathBuf,
}

/// At full scale; in topics of a thousand.
const TOPICS: f64 = 10.0;
const PARTITIONS: &str = "1000";
/// Records in each topic before the first kill, so that most partitions have some.
const RECORDS: &str = "20000";

/// Measures both and writes the table. Kafka goes on with the directory that ours left, killed as well.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let Some(measuring) = options.setup.begin(root, "recovery")? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    let home = measuring.home.join("node");
    let topics = (measuring.scaled(TOPICS).ceil() as usize).max(1);
    let mut broker = Broker::prepare(&measuring.makes[0], &home)?.start()?;
    let creation = fill(&measuring, &broker, topics)?;
    let mut rows = String::from("| broker | s | CPU-s |\n|:--|--:|--:|\n");
    for make in &measuring.makes {
        let (mut seconds, mut cpu) = (Vec::new(), Vec::new());
        for round in 1..=kills(make, &measuring) {
            broker.kill()?;
            let prepared = Prepared::left_at(make, &home)?;
            let began = Instant::now();
            broker = prepared.start()?;
            let first = measuring.generator.first_record(&[&broker]);
            first.with_context(|| format!("{} after a kill", make.name()))?;
            let took = began.elapsed().as_secs_f64();
            println!("{:<9} round {round}: {took:.2} s", make.name());
            seconds.push(took);
            // The threads that open the logs have ended by now.
            cpu.push(broker.cpu_seconds_with_ended_threads()?);
        }
        let (seconds, cpu) = (median(seconds), median(cpu));
        writeln!(rows, "| {} | {seconds:.2} | {cpu:.2} |", make.name())?;
    }
    broker.kill()?;
    let text = format!(
        "# Starting after kill -9\n\n\
         Measured by `cargo xtask bench recovery` at {}; {} of kills, {} of Kafka, on the directory that Riverrun left. \
         {topics} topics of {PARTITIONS} partitions with {RECORDS} records each (created in {creation:.1} s). Time from the start \
         of the process to the first acknowledged record.\n\n{rows}",
        machine.sentence(),
        rounds(measuring.rounds),
        kills(&measuring.makes[1], &measuring),
    );
    measuring.end()?;
    machine::write(&root.join(&options.output), &text)
}

/// Creates the topics, in so many seconds, and writes to all of them.
fn fill(measuring: &Measuring, broker: &Broker, topics: usize) -> Result<f64> {
    measuring.generator.first_record(&[broker])?;
    let began = Instant::now();
    for topic in 0..topics {
        let create = ["create", "--topic", &name(topic), "--partitions", PARTITIONS];
        measuring.generator.quietly(broker.address(), &create)?;
    }
    let creation = began.elapsed().as_secs_f64();
    for topic in 0..topics {
        let load = format!(
            "produce --topic {} --partitions {PARTITIONS} --batch-size 1",
            name(topic)
        );
        let load = Load::new(&load).with(&format!("--records {RECORDS} --seconds 600"));
        measuring.generator.run(broker.address(), &[broker.id()], &load)?;
    }
    Ok(creation)
}

fn name(topic: usize) -> String {
    format!("many-{topic}")
}

/// Kafka's starts take so long that a third of the kills must do.
fn kills(make: &Make, measuring: &Measuring) -> usize {
    match make {
        Make::Riverrun(_) => measuring.rounds,
        Make::Kafka(_) => measuring.rounds.div_ceil(3),
    }
}
