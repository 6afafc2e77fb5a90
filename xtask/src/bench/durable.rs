//! `cargo xtask bench durable`: what it costs to acknowledge only what is on stable storage.
//!
//! Throughput and latency apart: the first as fast as answers come, the second on a schedule that all can follow, from the
//! time a record is due. Beside the latencies stands what a single flush took in the same minute.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use super::figures::median;
use super::machine;
use super::measuring::{Contestant, Measuring, Setup};
use super::native::{Load, Run};
use super::table::promptly;

/// How it is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
}

/// What is compared: a name, the broker, the topic's setting.
const SYSTEMS: [(&str, &str, &str); 4] = [
    ("riverrun, flush", "riverrun", "--set riverrun.durability=flush"),
    ("riverrun, os", "riverrun", "--set riverrun.durability=os"),
    ("kafka", "kafka", ""),
    ("kafka, flush.messages=1", "kafka", "--set flush.messages=1"),
];
/// Those that are measured with large batches too.
const OURS: usize = 2;
const PARTITIONS: [u32; 3] = [1, 100, 1_000];
const PRODUCERS: [u32; 2] = [1, 64];
/// What a batch holds: Kafka's default, and what its users choose for throughput.
const BATCHES: [u32; 2] = [16_384, 262_144];
/// Seconds of a run, and the most records of a kibibyte that it sends: what lies in memory must not be throttled.
const SECONDS: f64 = 2.5;
const RECORDS: f64 = 1_000_000.0;
/// Records a second, and for how long, where latency is measured.
const RATE: u32 = 1_000;
const LATENCY_SECONDS: f64 = 5.0;

/// A row of the first table: partitions, producers, bytes of a batch.
type Shape = (u32, u32, u32);

/// Runs by row and system.
type Runs<T> = BTreeMap<(T, usize), Vec<Run>>;

/// How long single flushes took, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct FlushTimes {
    p50: f64,
    p99: f64,
}

/// Measures all and writes the tables.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let Some(measuring) = options.setup.begin(root, "durable")? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    let contestants = measuring.contestants()?;
    let (mut throughputs, mut latencies): (Runs<Shape>, Runs<u32>) = Default::default();
    let mut flushes = Vec::new();
    for round in 0..measuring.rounds {
        for shape in shapes() {
            for system in by_turns(round, if shape.2 == BATCHES[0] { SYSTEMS.len() } else { OURS }) {
                let run = throughput(&measuring, &contestants, system, shape)?;
                println!(
                    "{:<24} {shape:?}: {:.0} MB/s",
                    SYSTEMS[system].0,
                    run.megabytes_per_second()
                );
                throughputs.entry((shape, system)).or_default().push(run);
            }
        }
        for partitions in PARTITIONS {
            flushes.push(flush_times(&measuring.home)?);
            for system in by_turns(round, SYSTEMS.len()) {
                let run = latency(&measuring, &contestants, system, partitions)?;
                println!(
                    "{:<24} {partitions}: p99 {:.2} ms",
                    SYSTEMS[system].0,
                    run.figure("answer_ms.p99")
                );
                latencies.entry((partitions, system)).or_default().push(run);
            }
            flushes.push(flush_times(&measuring.home)?);
        }
    }
    for contestant in contestants {
        contestant.broker.stop()?;
    }
    measuring.end()?;
    let mut text = format!(
        "# Waiting for stable storage\n\n\
         Measured by `cargo xtask bench durable` at {}; medians of {} rounds by turns. Records of 1 KiB, acks=all, one replica; \
         brokers and the generator on the same machine.\n\n",
        machine.sentence(),
        measuring.rounds,
    );
    throughput_table(&mut text, &throughputs)?;
    latency_table(&mut text, &latencies, &flushes)?;
    println!("\n{text}");
    let output = root.join("docs/performance/durable.md");
    std::fs::write(&output, text)?;
    println!("written to {}", output.display());
    Ok(())
}

fn shapes() -> impl Iterator<Item = Shape> {
    BATCHES.into_iter().flat_map(|batch| {
        PARTITIONS
            .into_iter()
            .flat_map(move |partitions| PRODUCERS.map(|producers| (partitions, producers, batch)))
    })
}

/// One right after the other, so that whatever else the machine does falls on all of them; each round begins with another.
fn by_turns(round: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| (turn + round) % count)
}

fn contestant(contestants: &[Contestant], system: usize) -> Result<&Contestant> {
    let found = contestants.iter().find(|one| one.name == SYSTEMS[system].1);
    found.context("both run")
}

/// As fast as answers come, five requests of each producer under way.
fn throughput(measuring: &Measuring, contestants: &[Contestant], system: usize, shape: Shape) -> Result<Run> {
    let (partitions, producers, batch) = shape;
    let contestant = contestant(contestants, system)?;
    let (.., setting) = SYSTEMS[system];
    let topic = format!("durable-{system}-{partitions}-{producers}-{batch}");
    let words = format!(
        "produce --topic {topic} --partitions {partitions} --connections {producers} --batch-size {batch} \
         --record-size 1024 --depth 5 --acks -1 {setting}"
    );
    // Every partition has a record before: creating its files is not what is measured.
    let first = format!("--records {} --seconds 60 --batch-size 1", partitions * 2);
    contestant.run(measuring, &Load::new(&words).with(&first))?;
    settle()?;
    let (seconds, records) = (measuring.scaled(SECONDS), measuring.scaled(RECORDS));
    let load = Load::new(&words).with(&format!("--seconds {seconds} --records {records:.0}"));
    let run = contestant.run(measuring, &load)?;
    contestant.delete(measuring, &topic)?;
    settle()?;
    Ok(run)
}

/// One record a request, on a schedule.
fn latency(measuring: &Measuring, contestants: &[Contestant], system: usize, partitions: u32) -> Result<Run> {
    let contestant = contestant(contestants, system)?;
    let (.., setting) = SYSTEMS[system];
    let topic = format!("late-{system}-{partitions}");
    let seconds = measuring.scaled(LATENCY_SECONDS).max(1.0);
    let words = format!(
        "latency --topic {topic} --partitions {partitions} --rate {RATE} --record-size 1024 --seconds {seconds} \
         --warmup-seconds 2 --acks -1 {setting}"
    );
    let run = promptly(measuring, contestant, &Load::new(&words))?;
    contestant.delete(measuring, &topic)?;
    settle()?;
    Ok(run)
}

/// What the run before left for the disk is written.
fn settle() -> Result<()> {
    anyhow::ensure!(Command::new("sync").status()?.success(), "sync failed");
    Ok(())
}

fn figure<T: Ord + Copy>(runs: &Runs<T>, row: T, system: usize, of: impl Fn(&Run) -> f64) -> f64 {
    median(runs.get(&(row, system)).into_iter().flatten().map(of).collect())
}

fn throughput_table(text: &mut String, runs: &Runs<Shape>) -> Result<()> {
    writeln!(
        text,
        "## Throughput\n\n\
         Closed loop, five requests of each producer under way, one batch in each. MB a second; the broker's CPU-seconds for a GB; \
         the 99th percentile of the time to an answer, in ms, which is mostly time in the producers' own queue.\n"
    )?;
    let names = SYSTEMS.map(|(name, ..)| name).join(" | ");
    writeln!(text, "| partitions | producers | batch | {names} | flush / os |")?;
    writeln!(text, "|--:|--:|--:|{}--:|", "--:|".repeat(SYSTEMS.len()))?;
    for shape in shapes() {
        write!(text, "| {} | {} | {} KiB |", shape.0, shape.1, shape.2 / 1024)?;
        let rate = |system| figure(runs, shape, system, Run::megabytes_per_second);
        for system in 0..SYSTEMS.len() {
            if rate(system).is_nan() {
                write!(text, " - |")?;
                continue;
            }
            let cpu = figure(runs, shape, system, Run::cpu_seconds_per_gigabyte);
            let p99 = figure(runs, shape, system, |run| run.figure("answer_ms.p99"));
            write!(text, " {:.0}; {cpu:.2}; {p99:.1} |", rate(system))?;
        }
        writeln!(text, " {:.0} % |", 100.0 * rate(0) / rate(1))?;
    }
    Ok(())
}

fn latency_table(text: &mut String, runs: &Runs<u32>, flushes: &[FlushTimes]) -> Result<()> {
    let of = |time: fn(&FlushTimes) -> f64| median(flushes.iter().map(time).collect());
    let (p50, p99) = (of(|times| times.p50), of(|times| times.p99));
    writeln!(
        text,
        "\n## Latency\n\n\
         Open loop, {RATE} records a second, one a request, from the time a record is due. A single `fdatasync` after 16 KiB \
         appended to a file took {p50:.2} ms in the median and {p99:.2} ms at its 99th percentile in between. Each cell: ms to the \
         acknowledgement, median and 99th percentile; the same to the consumer.\n"
    )?;
    let names = SYSTEMS.map(|(name, ..)| name).join(" | ");
    writeln!(text, "| partitions | {names} | flush, p99 in flushes (p99) |")?;
    writeln!(text, "|--:|{}--:|", "--:|".repeat(SYSTEMS.len()))?;
    for partitions in PARTITIONS {
        write!(text, "| {partitions} |")?;
        for system in 0..SYSTEMS.len() {
            let [a50, a99, e50, e99] = [
                "answer_ms.p50",
                "answer_ms.p99",
                "end_to_end_ms.p50",
                "end_to_end_ms.p99",
            ]
            .map(|path| figure(runs, partitions, system, |run| run.figure(path)));
            write!(text, " {a50:.2}, {a99:.2}; {e50:.2}, {e99:.2} |")?;
        }
        let ours = figure(runs, partitions, 0, |run| run.figure("answer_ms.p99"));
        writeln!(text, " {:.1} |", ours / p99)?;
    }
    Ok(())
}

/// Of a small append and its `fdatasync`.
fn flush_times(home: &Path) -> Result<FlushTimes> {
    let path = home.join("flush-times");
    let mut file = std::fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..500 {
        file.seek(SeekFrom::End(0))?;
        file.write_all(&[7; 16_384])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    times.sort_by(f64::total_cmp);
    Ok(FlushTimes {
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
    })
}
