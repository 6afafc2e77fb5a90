//! `cargo xtask bench durable`: what it costs to acknowledge only what is on stable storage.

use super::broker::{Broker, Make, Serving};
use super::{Options, load, machine, median};
use anyhow::{Context, Result, bail, ensure};
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
/// How often it is tried to write to all of a new topic.
const LED_TRIES: usize = 20;

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

/// How long single flushes took, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct FlushTimes {
    /// The smallest of the medians, and the largest.
    least: f64,
    most: f64,
    /// The largest of the 99th percentiles.
    worst: f64,
}

impl FlushTimes {
    fn max_of(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            worst: self.worst.max(other.worst),
        }
    }
}

fn shapes() -> impl Iterator<Item = Shape> {
    PARTITIONS
        .into_iter()
        .flat_map(|partitions| PRODUCERS.map(|producers| (partitions, producers)))
}

/// All systems run at the same time, and only one has something to do.
fn start_all(options: &Options, makes: &[Make; 2], binary: &Path, home: &Path) -> Result<Vec<Broker>> {
    let mut brokers = Vec::new();
    for (number, (name, make, settings)) in SYSTEMS.iter().enumerate() {
        let place = home.join(format!("durable-{number}"));
        let broker = Broker::prepare_with(&makes[*make], &place, settings)?.start()?;
        load::first_record(binary, broker.address()).with_context(|| (*name).to_owned())?;
        for warmup in load::Load::warmups() {
            warmup.run(binary, &broker, "warmup", options.scale.min(1.0))?;
        }
        brokers.push(broker);
    }
    Ok(brokers)
}

/// Measures all and writes the table.
pub fn run(options: &Options, makes: &[Make; 2], binary: &Path, root: &Path, home: &Path) -> Result<()> {
    let machine = machine::describe(root)?;
    let mut flush = flush_times(home)?;
    let mut runs: BTreeMap<(Shape, usize), Vec<Run>> = BTreeMap::new();
    let brokers = start_all(options, makes, binary, home)?;
    for round in 1..=options.rounds {
        for shape in shapes() {
            // One right after the other, so that whatever else the machine does falls on all of them; each round begins with another.
            for turn in 0..SYSTEMS.len() {
                let system = (turn + round) % SYSTEMS.len();
                let (name, ..) = SYSTEMS[system];
                let run = measure(binary, &brokers[system], shape, options.scale)
                    .with_context(|| format!("{name}, {} partitions, {} producers", shape.0, shape.1))?;
                println!(
                    "round {round}: {name:<24} {:>5} partitions {:>3} producers: {run:.2?}",
                    shape.0, shape.1
                );
                runs.entry((shape, system)).or_default().push(run);
            }
            flush = flush.max_of(flush_times(home)?);
        }
    }
    for broker in brokers {
        broker.stop()?;
    }
    let mut text = format!(
        "# Waiting for stable storage\n\n\
         Measured by `cargo xtask bench durable` at {}; medians of \
         {} rounds by turns, {} of the full {RECORDS} records. Records of 1 KiB in batches of up to 16 KiB, acks=all, brokers and \
         producers on the same machine. A single `fdatasync` after 16 KiB took between {:.2} and {:.2} ms in the median and up to {:.2} ms at its \
         99th percentile, measured before and between the runs. Each cell: MiB a second, the \
         99th percentile of the latency of the slowest producer in ms, the broker's CPU-seconds for a GB.\n\n",
        machine.sentence(),
        options.rounds,
        options.scale,
        flush.least,
        flush.most,
        flush.worst,
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
    for shape in shapes() {
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
    until_led(binary, broker, &topic, partitions)?;
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

/// Sends some records to every partition, which are not counted: Kafka answers the creation of a topic before it leads all of it.
fn until_led(binary: &Path, broker: &Broker, topic: &str, partitions: u32) -> Result<()> {
    let mut said = String::new();
    for _ in 0..LED_TRIES {
        let count = (partitions * 4).to_string();
        let output = Command::new(binary)
            .args([
                "producer-perf-test",
                "--bootstrap-server",
                broker.address(),
                "--topic",
                topic,
            ])
            .args(["--num-records", &count, "--record-size", "100", "--throughput", "-1"])
            .args(["--command-property", "batch.size=0", "linger.ms=0", "acks=all"])
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    }
    bail!("{topic} is not led: {said}")
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

/// Of a small append and its `fdatasync`.
fn flush_times(home: &Path) -> Result<FlushTimes> {
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
    let median = times[times.len() / 2];
    Ok(FlushTimes {
        least: median,
        most: median,
        worst: times[times.len() * 99 / 100],
    })
}
