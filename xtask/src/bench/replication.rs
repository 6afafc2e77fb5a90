//! `cargo xtask bench replication`: what it costs to have every record on three nodes before it is acknowledged.

use super::broker::{Broker, Make, Serving};
use super::load::{self, Load, Measured};
use super::{Options, machine, median, title};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// A name, which of the two makes, its settings.
type System = (&'static str, usize, &'static [(&'static str, &'static str)]);

/// What is compared.
const SYSTEMS: [System; 3] = [
    ("riverrun, os", 0, &[("riverrun.durability", "os"), MIN_IN_SYNC]),
    ("kafka", 1, &[MIN_IN_SYNC]),
    ("riverrun, flush", 0, &[("riverrun.durability", "flush"), MIN_IN_SYNC]),
];
const MIN_IN_SYNC: (&str, &str) = ("min.insync.replicas", "2");
const NODES: u16 = 3;
/// How long a new cluster may take until it has a topic with three replicas.
const FORMING: Duration = Duration::from_secs(120);

/// Nodes that are measured as one.
struct Cluster {
    nodes: Vec<Broker>,
}

impl Serving for Cluster {
    fn address(&self) -> &str {
        self.nodes[0].address()
    }

    fn cpu_seconds(&self) -> Result<f64> {
        self.nodes.iter().map(Broker::cpu_seconds).sum()
    }
}

impl Cluster {
    fn start(make: &Make, home: &Path, settings: &[(&str, &str)], binary: &Path) -> Result<Self> {
        let prepared = Broker::prepare_cluster(make, home, NODES, settings)?;
        let nodes = prepared.into_iter().map(|node| node.start()).collect::<Result<_>>()?;
        let cluster = Self { nodes };
        let begun = Instant::now();
        while let Err(error) = load::first_record(binary, cluster.address()) {
            if begun.elapsed() > FORMING {
                return Err(error.context("the cluster takes no record"));
            }
        }
        Ok(cluster)
    }
}

/// Measures all and writes the table.
pub fn run(options: &Options, makes: &[Make; 2], binary: &Path, root: &Path, home: &Path) -> Result<()> {
    let machine = machine::describe(root)?;
    let mut runs: Vec<(usize, Measured)> = Vec::new();
    for round in 1..=options.rounds {
        for (system, (name, make, settings)) in SYSTEMS.iter().enumerate() {
            let cluster = Cluster::start(&makes[*make], &home.join("replication"), settings, binary)?;
            for warmup in Load::warmups() {
                warmup.run(binary, &cluster, warmup.name, options.scale.min(1.0))?;
            }
            for load in Load::all() {
                let measured = load.run(binary, &cluster, load.name, options.scale);
                for measured in measured.with_context(|| format!("{name}, {}", load.name))? {
                    println!("{name:<16} round {round}: {measured}");
                    runs.push((system, measured));
                }
            }
            for node in cluster.nodes {
                node.kill()?;
            }
        }
    }
    let mut text = format!(
        "# Three replicas\n\nMeasured by `cargo xtask bench replication` at {}; medians of {} rounds by turns, at {} of the \
         full load. Three nodes, all of them and the generator on this machine; topics of 4 partitions with 3 replicas, \
         min.insync.replicas=2, acks=all, one idempotent producer. Each cell: MiB a second; CPU-seconds of the three nodes for \
         a GB; for a million records. The ratio is that of the CPU-seconds of Kafka to those of Riverrun under \
         `riverrun.durability=os`, where neither waits for the disk.\n\n",
        machine.sentence(),
        options.rounds,
        options.scale,
    );
    table(&mut text, &runs)?;
    println!("\n{text}");
    let output = root.join("docs/performance/replication.md");
    std::fs::write(&output, text)?;
    println!("written to {}", output.display());
    Ok(())
}

fn table(text: &mut String, runs: &[(usize, Measured)]) -> Result<()> {
    let names: Vec<&str> = SYSTEMS.iter().map(|(name, ..)| *name).collect();
    writeln!(text, "| | {} | ratio |", names.join(" | "))?;
    writeln!(text, "|:--|{}--:|", "--:|".repeat(names.len()))?;
    let mut titles: Vec<String> = Vec::new();
    for (_, measured) in runs {
        if !titles.contains(&title(measured)) {
            titles.push(title(measured));
        }
    }
    for row in titles {
        let figure = |system: usize, of: fn(&Measured) -> f64| {
            let own = runs
                .iter()
                .filter(|(ran, measured)| *ran == system && title(measured) == row);
            median(own.map(|(_, measured)| of(measured)).collect())
        };
        write!(text, "| {row} |")?;
        for system in 0..SYSTEMS.len() {
            let rate = figure(system, Measured::mebibytes_per_second);
            let per_gigabyte = figure(system, Measured::cpu_seconds_per_gigabyte);
            let per_million = figure(system, Measured::cpu_seconds_per_million);
            write!(text, " {rate:.1}; {per_gigabyte:.2}; {per_million:.2} |")?;
        }
        let cost = |system| figure(system, Measured::cpu_seconds_per_gigabyte);
        writeln!(text, " {:.1}x |", cost(1) / cost(0))?;
    }
    text.push_str("\nThe loads:\n\n");
    for (name, what) in Load::descriptions() {
        writeln!(text, "- {name}: {what}")?;
    }
    Ok(())
}
