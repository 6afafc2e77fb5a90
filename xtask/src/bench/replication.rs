//! `cargo xtask bench replication`: what it costs to have every record on three nodes before it is acknowledged.

use super::figures::{median, spread};
use super::machine::{self, rounds};
use super::measuring::{Measuring, NODES, Setup};
use super::native::{self, Run};
use anyhow::{Context, Result};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// How it is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Where the table goes.
    #[arg(long, default_value = "docs/performance/replication.md")]
    output: PathBuf,
}

/// A name, which of the two makes, its settings.
type System = (&'static str, usize, &'static [(&'static str, &'static str)]);

/// What is compared. The first two are alike: neither waits for the disk.
const SYSTEMS: [System; 3] = [
    ("riverrun, os", 0, &[("riverrun.durability", "os")]),
    ("kafka", 1, &[]),
    ("riverrun, flush", 0, &[("riverrun.durability", "flush")]),
];
const OS: usize = 0;
const KAFKA: usize = 1;
const FLUSH: usize = 2;
/// How many records a core-second of Riverrun's is to carry for each of Kafka's.
const GOAL: f64 = 3.0;

/// One way to load the clusters.
struct Load {
    name: &'static str,
    what: &'static str,
    topic: &'static str,
    arguments: &'static str,
    /// How long, in seconds.
    seconds: f64,
}

/// In this order: the last two have a thousand partitions beside them, or are spread over them.
const LOADS: [Load; 5] = [
    Load {
        name: "64 KiB",
        what: "1 KiB records in batches of 64 KiB, 4 partitions, 3 connections with 5 requests under way",
        topic: "few",
        arguments: "--partitions 4 --batch-size 65536 --record-size 1024",
        seconds: 4.0,
    },
    Load {
        name: "16 KiB",
        what: "the same with 100 B records in batches of 16 KiB",
        topic: "few",
        arguments: "--partitions 4 --batch-size 16384",
        seconds: 4.0,
    },
    Load {
        name: "one record",
        what: "a 100 B record in each request, 3 connections with one request under way",
        topic: "few",
        arguments: "--partitions 4 --batch-size 100 --depth 1",
        seconds: 3.0,
    },
    Load {
        name: "16 KiB, 1,000",
        what: "as 16 KiB, spread over 1,000 partitions",
        topic: "many",
        arguments: "--partitions 1000 --batch-size 16384",
        seconds: 4.0,
    },
    Load {
        name: "one record beside 1,000",
        what: "as one record, while 1,000 other partitions have nothing to do",
        topic: "few",
        arguments: "--partitions 4 --batch-size 100 --depth 1",
        seconds: 3.0,
    },
];

/// How long each load runs before it is measured.
const SETTLING_SECONDS: f64 = 2.0;

/// By load and by system.
type Runs = BTreeMap<(usize, usize), Vec<Run>>;

impl Load {
    /// For so long.
    fn lasting(&self, seconds: f64) -> native::Load {
        let words = format!(
            "produce --topic {} --replication-factor {NODES} --connections 3 --seconds {seconds}",
            self.topic
        );
        native::Load::new(&words).with(self.arguments)
    }
}

/// Records for a CPU-second of the three nodes together.
fn records_per_core_second(run: &Run) -> f64 {
    1e6 / run.cpu_seconds_per_million()
}

/// Measures all and writes the table.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let Some(measuring) = options.setup.begin(root, "replication")? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    let mut runs = Runs::new();
    for round in 1..=measuring.rounds {
        for (number, system) in SYSTEMS.iter().enumerate() {
            for (at, run) in measure(&measuring, system, round)?.into_iter().enumerate() {
                runs.entry((at, number)).or_default().push(run);
            }
        }
    }
    measuring.end()?;
    let text = table(&runs, &measuring, &machine.sentence())?;
    machine::write(&root.join(&options.output), &text)
}

/// A new cluster under every load.
fn measure(measuring: &Measuring, (name, make, settings): &System, round: usize) -> Result<Vec<Run>> {
    let cluster = measuring.cluster_with(&measuring.makes[*make], settings)?;
    let mut runs = Vec::new();
    for load in &LOADS {
        // What a new topic of a thousand partitions still has to do is not the load's, nor is a JVM's first look at it.
        cluster.run(measuring, &load.lasting(SETTLING_SECONDS))?;
        let run = cluster.run(measuring, &load.lasting(measuring.scaled(load.seconds)));
        let run = run.with_context(|| format!("{name}, {}", load.name))?;
        println!(
            "{name:<16} round {round}, {:<24} {:>6.1} MB/s, {:>7.0} records a core-second, p50 {:.2} ms, p99 {:.2} ms",
            load.name,
            run.megabytes_per_second(),
            records_per_core_second(&run),
            run.figure("answer_ms.p50"),
            run.figure("answer_ms.p99")
        );
        runs.push(run);
    }
    cluster.kill()?;
    Ok(runs)
}

fn table(runs: &Runs, measuring: &Measuring, machine: &str) -> Result<String> {
    let mut text = format!(
        "# Three replicas\n\nMeasured by `cargo xtask bench replication` at {machine}; {}, {} times the full length. Every cluster is \
         warmed up until what a request costs stays as it is. {} Three nodes with their defaults and min.insync.replicas=2, every record on all three before it is \
         acknowledged (acks=all); nodes and generator share the machine, so the cost says more than the \
         throughput. Each cell: thousands of records for a CPU-second of the three nodes together; CPU-seconds for a GB of batches; MB a \
         second; p50 and p99 of an answer in ms. `os` and Kafka are alike: neither waits for the disk. `flush` is Riverrun's \
         default: every record is on stable storage on the leader and on all in-sync replicas before it is acknowledged.\n\n",
        rounds(measuring.rounds),
        measuring.scale,
        spread(
            runs.values()
                .map(|runs| runs.iter().map(records_per_core_second).collect())
        ),
    );
    let names: Vec<&str> = SYSTEMS.iter().map(|(name, ..)| *name).collect();
    writeln!(text, "| | {} | os / kafka | flush / kafka |", names.join(" | "))?;
    writeln!(text, "|:--|{}--:|--:|", "--:|".repeat(names.len()))?;
    let mut met = 0;
    for (at, load) in LOADS.iter().enumerate() {
        let figure = |system: usize, of: fn(&Run) -> f64| {
            median(runs.get(&(at, system)).into_iter().flatten().map(of).collect())
        };
        write!(text, "| {} |", load.name)?;
        for system in 0..SYSTEMS.len() {
            write!(
                text,
                " {:.0}; {:.2}; {:.0}; {:.2}, {:.1} |",
                figure(system, records_per_core_second) / 1e3,
                figure(system, Run::cpu_seconds_per_gigabyte),
                figure(system, Run::megabytes_per_second),
                figure(system, |run| run.figure("answer_ms.p50")),
                figure(system, |run| run.figure("answer_ms.p99")),
            )?;
        }
        let ratio = |system| figure(system, records_per_core_second) / figure(KAFKA, records_per_core_second);
        met += usize::from(ratio(OS) >= GOAL);
        writeln!(text, " {:.1}x | {:.1}x |", ratio(OS), ratio(FLUSH))?;
    }
    writeln!(
        text,
        "\nThe goal is {GOAL:.0} times Kafka's records for a CPU-second, alike (`os / kafka`): met by {met} of {}.\n\nThe loads:\n",
        LOADS.len()
    )?;
    for load in &LOADS {
        writeln!(text, "- {}: {}", load.name, load.what)?;
    }
    Ok(text)
}
