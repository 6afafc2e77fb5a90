//! `cargo xtask bench groups`: offset commits, heartbeats and the rebalance of a thousand groups, on ours and on Kafka by
//! turns.

use super::broker::Broker;
use super::figures::median;
use super::machine::{self, rounds};
use super::measuring::Setup;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How it is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Where the table goes.
    #[arg(long, default_value = "docs/performance/groups.md")]
    output: PathBuf,
}

/// One phase of one run.
#[derive(Clone, Copy, Debug)]
struct Phase {
    operations: f64,
    seconds: f64,
    cpu_seconds: f64,
}

/// The runs of one broker: by phase, and its memory with all members joined.
#[derive(Debug, Default)]
struct Runs {
    phases: BTreeMap<String, Vec<Phase>>,
    mebibytes: Vec<f64>,
}

/// Measures both and writes the table.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let program = options.setup.programs.generator(root, "bench-groups")?;
    let Some(measuring) = options.setup.begin(root, "groups")? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    let mut runs: BTreeMap<&str, Runs> = BTreeMap::new();
    for round in 1..=measuring.rounds {
        for make in &measuring.makes {
            let home = measuring.home.join(format!("{}-{round}", make.name()));
            let broker = Broker::prepare(make, &home)?.start()?;
            measuring.generator.first_record(&[&broker])?;
            measure(&program, &broker, measuring.scale, runs.entry(make.name()).or_default())?;
            broker.stop()?;
        }
    }
    let mut text = format!(
        "# Groups on one broker, beside Apache Kafka 4.3.1\n\n\
         Measured by `cargo xtask bench groups` at {}; {} at {} of the full load, both with their defaults (Riverrun syncs before \
         it answers a commit, Kafka does not), generator and \
         broker on the same machine. Commits: 16 connections with 4 under way each, 100 groups without members. Heartbeats: 64 \
         groups of one member, one at a time each. Rebalance: groups of 10 members on connections of their own, all joining at \
         once, until everyone has an assignment; half of the time is `group.initial.rebalance.delay.ms`.\n\n\
         | | Riverrun | Kafka | ratio |\n|:--|--:|--:|--:|\n",
        machine.sentence(),
        rounds(measuring.rounds),
        measuring.scale,
    );
    rows(&mut text, &runs)?;
    measuring.end()?;
    machine::write(&root.join(&options.output), &text)
}

fn rows(text: &mut String, runs: &BTreeMap<&str, Runs>) -> Result<()> {
    let [ours, kafkas] = ["riverrun", "kafka"].map(|name| runs.get(name));
    let (ours, kafkas) = (
        ours.context("ours were measured")?,
        kafkas.context("Kafka's were measured")?,
    );
    let figure = |runs: &Runs, phase: &str, of: fn(&Phase) -> f64| {
        median(runs.phases.get(phase).into_iter().flatten().map(of).collect())
    };
    let mut row = |title: &str, digits: usize, ours: f64, kafkas: f64, ratio: f64| {
        writeln!(text, "| {title} | {ours:.digits$} | {kafkas:.digits$} | {ratio:.1}x |")
    };
    for phase in ["commits", "heartbeats", "rebalance"] {
        let per_second = |runs| figure(runs, phase, |phase| phase.operations / phase.seconds);
        let cpu = |runs| figure(runs, phase, |phase| phase.cpu_seconds / phase.operations * 1e6);
        let seconds = |runs| figure(runs, phase, |phase| phase.seconds);
        let (left, right) = (cpu(ours), cpu(kafkas));
        row(&format!("{phase}: broker CPU-us each"), 1, left, right, right / left)?;
        if phase == "rebalance" {
            let (left, right) = (seconds(ours), seconds(kafkas));
            row("rebalance of all groups, s", 2, left, right, right / left)?;
        } else {
            let (left, right) = (per_second(ours), per_second(kafkas));
            row(&format!("{phase} per second"), 0, left, right, left / right)?;
        }
    }
    let (left, right) = (median(ours.mebibytes.clone()), median(kafkas.mebibytes.clone()));
    row("memory with all members joined, MiB", 0, left, right, right / left)?;
    Ok(())
}

/// Runs the generator and reads the broker's CPU time between its lines.
fn measure(generator: &Path, broker: &Broker, scale: f64, runs: &mut Runs) -> Result<()> {
    let scaled = |full: f64| ((full * scale) as usize).max(1).to_string();
    let mut child = Command::new(generator)
        .args(["--bootstrap", broker.address()])
        .args(["--groups", &scaled(1_000.0), "--members", "10"])
        .args(["--commits", &scaled(200_000.0), "--heartbeats", &scaled(200_000.0)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut go = child.stdin.take().context("its stdin is piped")?;
    let lines = BufReader::new(child.stdout.take().context("its stdout is piped")?).lines();
    let mut before = 0.0;
    for line in lines {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["begin", _] => before = broker.cpu_seconds()?,
            ["end", name, operations, seconds] => {
                let phase = Phase {
                    operations: operations.parse()?,
                    seconds: seconds.parse()?,
                    cpu_seconds: broker.cpu_seconds()? - before,
                };
                println!("{name}: {phase:?}, {:.0} MiB", broker.resident_mebibytes()?);
                runs.phases.entry((*name).to_owned()).or_default().push(phase);
                if *name == "rebalance" {
                    runs.mebibytes.push(broker.resident_mebibytes()?);
                }
            }
            _ => bail!("the generator says {line:?}"),
        }
        writeln!(go)?;
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "the generator failed: {status}");
    Ok(())
}
