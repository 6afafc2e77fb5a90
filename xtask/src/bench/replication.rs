//! `cargo xtask bench replication`: what it costs to have every record on three nodes before it is acknowledged.

use super::broker::{Broker, Make, Serving};
use super::native::{self, Generator, Run};
use super::{Options, load, machine, median};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// A name, which of the two makes, its settings.
type System = (&'static str, usize, &'static [(&'static str, &'static str)]);

/// What is compared. The first two are alike: neither waits for the disk.
const SYSTEMS: [System; 3] = [
    ("riverrun, os", 0, &[("riverrun.durability", "os"), MIN_IN_SYNC]),
    ("kafka", 1, &[MIN_IN_SYNC]),
    ("riverrun, flush", 0, &[("riverrun.durability", "flush"), MIN_IN_SYNC]),
];
const OS: usize = 0;
const KAFKA: usize = 1;
const FLUSH: usize = 2;
const MIN_IN_SYNC: (&str, &str) = ("min.insync.replicas", "2");
const NODES: u16 = 3;
/// How long a new cluster may take until it has a topic with three replicas.
const FORMING: Duration = Duration::from_secs(120);
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
    /// About how many bytes are written to the three logs: that much memory is touched before.
    writes: u64,
}

/// In this order: the last two have a thousand partitions beside them, or are spread over them.
const LOADS: [Load; 5] = [
    Load {
        name: "64 KiB",
        what: "1 KiB records in batches of 64 KiB, 4 partitions, 3 connections with 5 requests under way",
        topic: "few",
        arguments: "--partitions 4 --batch-size 65536 --record-size 1024",
        seconds: 4.0,
        writes: 3_000_000_000,
    },
    Load {
        name: "16 KiB",
        what: "the same with 100 B records in batches of 16 KiB",
        topic: "few",
        arguments: "--partitions 4 --batch-size 16384",
        seconds: 4.0,
        writes: 3_000_000_000,
    },
    Load {
        name: "one record",
        what: "a 100 B record in each request, 3 connections with one request under way",
        topic: "few",
        arguments: "--partitions 4 --batch-size 100 --depth 1",
        seconds: 3.0,
        writes: 100_000_000,
    },
    Load {
        name: "16 KiB, 1,000",
        what: "as 16 KiB, spread over 1,000 partitions",
        topic: "many",
        arguments: "--partitions 1000 --batch-size 16384",
        seconds: 4.0,
        writes: 3_000_000_000,
    },
    Load {
        name: "one record beside 1,000",
        what: "as one record, while 1,000 other partitions have nothing to do",
        topic: "few",
        arguments: "--partitions 4 --batch-size 100 --depth 1",
        seconds: 3.0,
        writes: 100_000_000,
    },
];

/// What a JVM is warmed up with: some hundred thousand requests' worth of every shape.
const WARM_UP: [usize; 3] = [0, 1, 2];
const WARM_UP_SECONDS: f64 = 5.0;
/// How long each load runs before it is measured.
const SETTLING_SECONDS: f64 = 2.0;

/// By load and by system.
type Runs = BTreeMap<(usize, usize), Vec<Run>>;

/// Nodes that are measured as one.
struct Cluster {
    nodes: Vec<Broker>,
}

impl Cluster {
    fn start(make: &Make, home: &Path, settings: &[(&str, &str)], binary: &Path) -> Result<Self> {
        let prepared = Broker::prepare_cluster(make, home, NODES, settings)?;
        let nodes = prepared.into_iter().map(|node| node.start()).collect::<Result<_>>()?;
        let cluster = Self { nodes };
        let begun = Instant::now();
        while let Err(error) = load::first_record(binary, cluster.nodes[0].address()) {
            if begun.elapsed() > FORMING {
                return Err(error.context("the cluster takes no record"));
            }
        }
        Ok(cluster)
    }

    /// Loads it for so long, once its topic is there.
    fn run(&self, generator: &Generator, load: &Load, seconds: f64) -> Result<Run> {
        let processes: Vec<u32> = self.nodes.iter().map(Broker::id).collect();
        let words = format!(
            "produce --topic {} --replication-factor {NODES} --connections 3 --seconds {seconds}",
            load.topic
        );
        let words = native::Load::new(&words).with(load.arguments).writing(load.writes);
        generator.run(self.nodes[0].address(), &processes, &words)
    }
}

/// Records for a CPU-second of the three nodes together.
fn records_per_core_second(run: &Run) -> f64 {
    1e6 / run.cpu_seconds_per_million()
}

/// Measures all and writes the table.
pub fn run(options: &Options, makes: &[Make; 2], binary: &Path, root: &Path, home: &Path) -> Result<()> {
    let machine = machine::describe(root)?;
    let generator = options.setup.generator(root)?;
    let home = home.join("replication");
    let mut runs = Runs::new();
    for round in 1..=options.setup.rounds {
        for (system, (name, make, settings)) in SYSTEMS.iter().enumerate() {
            let cluster = Cluster::start(&makes[*make], &home, settings, binary)?;
            let warm_up = WARM_UP.iter().filter(|_| matches!(makes[*make], Make::Kafka(_)));
            for load in warm_up {
                cluster.run(&generator, &LOADS[*load], WARM_UP_SECONDS)?;
            }
            for (at, load) in LOADS.iter().enumerate() {
                // What a new topic of a thousand partitions still has to do is not the load's, nor is a JVM's first look at it.
                cluster.run(&generator, load, SETTLING_SECONDS)?;
                let run = cluster.run(&generator, load, load.seconds * options.setup.scale);
                let run = run.with_context(|| format!("{name}, {}", load.name))?;
                println!(
                    "{name:<16} round {round}, {:<24} {:>6.1} MB/s, {:>7.0} records a core-second, p50 {:.2} ms, p99 {:.2} ms",
                    load.name,
                    run.megabytes_per_second(),
                    records_per_core_second(&run),
                    run.figure("answer_ms.p50"),
                    run.figure("answer_ms.p99")
                );
                runs.entry((at, system)).or_default().push(run);
            }
            for node in cluster.nodes {
                node.kill()?;
            }
            std::fs::remove_dir_all(&home)?;
        }
    }
    let text = table(&runs, options, &machine.sentence())?;
    println!("\n{text}");
    let output = root.join("docs/performance/replication.md");
    std::fs::write(&output, text)?;
    println!("written to {}", output.display());
    Ok(())
}

fn table(runs: &Runs, options: &Options, machine: &str) -> Result<String> {
    let mut text = format!(
        "# Three replicas\n\nMeasured by `cargo xtask bench replication` at {machine}; medians of {} rounds by turns, {} times the \
         full length. Three nodes with their defaults and min.insync.replicas=2, every record on all three before it is \
         acknowledged (acks=all); nodes and generator share the machine, so the cost says more than the \
         throughput. Each cell: thousands of records for a CPU-second of the three nodes together; CPU-seconds for a GB of batches; MB a \
         second; p50 and p99 of an answer in ms. `os` and Kafka are alike: neither waits for the disk. `flush` is Riverrun's \
         default: every record is on stable storage on the leader and on all in-sync replicas before it is acknowledged.\n\n",
        options.setup.rounds, options.setup.scale,
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
