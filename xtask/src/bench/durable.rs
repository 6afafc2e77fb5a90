//! `cargo xtask bench durable`: what it costs to acknowledge only what is on stable storage.

use super::broker::{Broker, Make};
use super::{Options, load, machine, median};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A name, which of the two brokers, its settings.
type System = (&'static str, usize, &'static [(&'static str, &'static str)]);

/// What is compared.
const SYSTEMS: [System; 4] = [
    ("riverrun, flush", 0, &[("riverrun.durability", "flush")]),
    ("riverrun, os", 0, &[("riverrun.durability", "os")]),
    ("kafka", 1, &[]),
    ("kafka, flush.messages=1", 1, &[("log.flush.interval.messages", "1")]),
];
const PARTITIONS: [u32; 3] = [1, 100, 1_000];
const PRODUCERS: [u64; 2] = [1, 64];
/// Records of a run at full scale, of a kibibyte each.
const RECORDS: u64 = 400_000;
const RECORD_SIZE: u64 = 1024;

/// One run.
#[derive(Clone, Copy, Debug)]
struct Run {
    mebibytes_per_second: f64,
    /// Of the slowest producer, in milliseconds.
    p99: f64,
    cpu_seconds: f64,
}

/// A row of the table: partitions and producers.
type Shape = (u32, u64);

/// Measures all and writes the table.
pub fn run(options: &Options, makes: &[Make; 2], binary: &Path, root: &Path, home: &Path) -> Result<()> {
    let machine = machine::describe(root)?;
    let flush = flush_times(home)?;
    let mut runs: BTreeMap<(Shape, usize), Vec<Run>> = BTreeMap::new();
    for round in 1..=options.rounds {
        for (system, (name, make, settings)) in SYSTEMS.iter().enumerate() {
            let broker = Broker::prepare_with(&makes[*make], &home.join("durable"), settings)?.start()?;
            load::first_record(binary, broker.address())?;
            for warmup in load::Load::warmups() {
                warmup.run(binary, &broker, "warmup", options.scale.min(1.0))?;
            }
            for partitions in PARTITIONS {
                for producers in PRODUCERS {
                    let run = measure(binary, &broker, (partitions, producers), options.scale)
                        .with_context(|| format!("{name}, {partitions} partitions, {producers} producers"))?;
                    println!(
                        "round {round}: {name:<24} {partitions:>5} partitions {producers:>3} producers: {run:.2?}"
                    );
                    runs.entry(((partitions, producers), system)).or_default().push(run);
                }
            }
            broker.stop()?;
        }
    }
    let mut text = format!(
        "# Waiting for stable storage\n\n\
         Measured by `cargo xtask bench durable` at {}; medians of \
         {} rounds by turns. Records of 1 KiB in batches of up to 16 KiB, acks=all, brokers and producers on the same machine. A \
         single `fdatasync` after 16 KiB took {:.2} ms in the median and {:.2} ms at its 99th percentile. Each cell: MiB a second, the \
         99th percentile of the latency of the slowest producer in ms, the broker's CPU-seconds for a GB.\n\n",
        machine.sentence(),
        options.rounds,
        flush.0,
        flush.1,
    );
    table(&mut text, &runs, options.scale)?;
    println!("\n{text}");
    let output = root.join("docs/performance/durable.md");
    std::fs::write(&output, text)?;
    println!("written to {}", output.display());
    Ok(())
}

fn table(text: &mut String, runs: &BTreeMap<(Shape, usize), Vec<Run>>, scale: f64) -> Result<()> {
    let names: Vec<&str> = SYSTEMS.iter().map(|(name, ..)| *name).collect();
    writeln!(text, "| partitions | producers | {} | flush / os |", names.join(" | "))?;
    writeln!(text, "|--:|--:|{}--:|", "--:|".repeat(names.len()))?;
    let gigabytes = (records(scale) * RECORD_SIZE) as f64 / 1e9;
    for shape in PARTITIONS
        .iter()
        .flat_map(|partitions| PRODUCERS.map(|producers| (*partitions, producers)))
    {
        let figure = |system: usize, of: fn(&Run) -> f64| {
            median(runs.get(&(shape, system)).into_iter().flatten().map(of).collect())
        };
        write!(text, "| {} | {} |", shape.0, shape.1)?;
        for system in 0..SYSTEMS.len() {
            let rate = figure(system, |run| run.mebibytes_per_second);
            let (p99, cpu) = (figure(system, |run| run.p99), figure(system, |run| run.cpu_seconds));
            write!(text, " {rate:.0}; {p99:.1}; {:.2} |", cpu / gigabytes)?;
        }
        let rate = |system| figure(system, |run| run.mebibytes_per_second);
        writeln!(text, " {:.0} % |", 100.0 * rate(0) / rate(1))?;
    }
    Ok(())
}

fn records(scale: f64) -> u64 {
    ((RECORDS as f64 * scale) as u64).max(6_400)
}

/// Sends the records from so many processes at once to a new topic, which is deleted afterwards.
fn measure(binary: &Path, broker: &Broker, (partitions, producers): Shape, scale: f64) -> Result<Run> {
    let topic = format!("durable-{partitions}-{producers}");
    let count = partitions.to_string();
    topics(binary, broker, &["--create", "--topic", &topic, "--partitions", &count])?;
    machine::warm_memory(records(scale) * RECORD_SIZE * 5 / 4)?;
    let (cpu, began) = (broker.cpu_seconds()?, Instant::now());
    let share = (records(scale) / producers).to_string();
    let started: Result<Vec<Child>> = (0..producers)
        .map(|_| producer(binary, broker, &topic, &share))
        .collect();
    let mut p99: f64 = 0.0;
    for child in started? {
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        p99 = p99.max(ninety_ninth(&text).with_context(|| text.clone())?);
    }
    let seconds = began.elapsed().as_secs_f64();
    let run = Run {
        mebibytes_per_second: (records(scale) * RECORD_SIZE) as f64 / 1_048_576.0 / seconds,
        p99,
        cpu_seconds: broker.cpu_seconds()? - cpu,
    };
    topics(binary, broker, &["--delete", "--topic", &topic])?;
    Ok(run)
}

/// From `..., 12 ms 50th, 20 ms 95th, 31 ms 99th, 40 ms 99.9th.`
fn ninety_ninth(text: &str) -> Option<f64> {
    let line = text.lines().rfind(|line| line.contains(" 99th"))?;
    let (before, _) = line.split_once(" ms 99th")?;
    before.rsplit(' ').next()?.parse().ok()
}

fn producer(binary: &Path, broker: &Broker, topic: &str, records: &str) -> Result<Child> {
    let size = RECORD_SIZE.to_string();
    Ok(Command::new(binary)
        .args([
            "producer-perf-test",
            "--bootstrap-server",
            broker.address(),
            "--topic",
            topic,
        ])
        .args(["--num-records", records, "--record-size", &size, "--throughput", "-1"])
        .args(["--command-property", "batch.size=16384", "linger.ms=5", "acks=all"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?)
}

/// Runs the topics tool.
pub(super) fn topics(binary: &Path, broker: &Broker, arguments: &[&str]) -> Result<()> {
    let output = Command::new(binary)
        .args(["topics", "--bootstrap-server", broker.address()])
        .args(arguments)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The median and the 99th percentile of a small append and its `fdatasync`, in milliseconds.
fn flush_times(home: &Path) -> Result<(f64, f64)> {
    let path = home.join("flush-times");
    let mut file = std::fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..300 {
        file.seek(SeekFrom::End(0))?;
        file.write_all(&[7; 16_384])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
}
