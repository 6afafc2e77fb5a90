//! `cargo xtask bench durable`: what it costs to acknowledge only what is on stable storage.
//!
//! Throughput and latency apart: the first as fast as answers come, the second on a schedule that all can follow, from the
//! time a record is due. Beside them stands what a plain loop gets of the same disk in the same minute.

mod cell;
mod pace;
mod plain;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use clap::Args;

use super::figures::{median, spread};
use super::machine;
use super::measuring::{Contestant, Measuring, Setup};
use super::native::{Load, Run};
use super::table::promptly;
use cell::{Cell, SYSTEMS, contestant, settle};
use pace::Pace;
use plain::{Delays, Window};

/// How it is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Measures Riverrun only.
    #[arg(long)]
    ours: bool,
    /// Measures only rows with so many partitions.
    #[arg(long)]
    partitions: Option<u32>,
    /// Measures only rows with so many producers.
    #[arg(long)]
    producers: Option<u32>,
}

/// How often a row is measured in a round, ours by turns.
const TURNS: usize = 2;
/// For how long latency is measured, and how long it is not before.
const LATENCY_SECONDS: f64 = 4.0;
const UNCOUNTED_SECONDS: f64 = 1.0;

/// The loops that a row is judged by: as files grow, with room made beside, and over what is there. The last one does not pay for all
/// that it uses.
const LOOPS: [fn(&Window) -> f64; 3] = [|window| window.appended, |window| window.own_room, |window| window.over];
const PAYING: usize = 2;

/// Runs by row and system.
type Runs<T> = BTreeMap<(T, usize), Vec<Run>>;

/// All that was measured.
#[derive(Default)]
struct Measured {
    throughputs: Runs<Cell>,
    latencies: Runs<Pace>,
    /// How long the flush of what is in flight took, by row.
    windows: BTreeMap<Cell, Vec<Window>>,
    /// What a plain loop takes on the same schedule, by row.
    loops: BTreeMap<Pace, Vec<Delays>>,
}

/// Measures all and writes the tables.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let Some(measuring) = options.setup.begin(root, "durable")? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    let contestants = match options.ours {
        true => vec![measuring.contestant(&measuring.makes[0], measuring.makes[0].name())?],
        false => measuring.contestants()?,
    };
    let mut measured = Measured::default();
    for _ in 0..measuring.rounds {
        for cell in cell::all().into_iter().filter(|cell| options.wants(cell)) {
            throughput(&measuring, &contestants, cell, &mut measured)?;
        }
        let paces = pace::ALL.into_iter();
        for pace in paces.filter(|pace| options.partitions.is_none_or(|wanted| wanted == pace.partitions)) {
            latency(&measuring, &contestants, pace, &mut measured)?;
        }
    }
    for contestant in contestants {
        contestant.broker.stop()?;
    }
    measuring.end()?;
    let mut text = format!(
        "# Waiting for stable storage\n\n\
         Measured by `cargo xtask bench durable` at {}; medians of {} runs by turns. Records of 1 KiB if not said otherwise, acks=all, \
         one replica; brokers and the generator on the same machine. {}\n\n",
        machine.sentence(),
        measuring.rounds * TURNS,
        spread(
            measured
                .throughputs
                .values()
                .map(|runs| runs.iter().map(Run::megabytes_per_second).collect())
        ),
    );
    throughput_table(&mut text, &measured)?;
    goals(&mut text, &measured)?;
    latency_table(&mut text, &measured)?;
    if options.partitions.is_some() || options.producers.is_some() || options.ours {
        println!("\n{text}");
        return Ok(());
    }
    machine::write(&root.join("docs/performance/durable.md"), &text)
}

impl Options {
    fn wants(&self, cell: &Cell) -> bool {
        self.partitions.is_none_or(|wanted| wanted == cell.partitions)
            && self.producers.is_none_or(|wanted| wanted == cell.producers)
    }
}

/// As fast as answers come: ours by turns, so that whatever else the machine does falls on both, and the plain loop in between.
fn throughput(measuring: &Measuring, contestants: &[Contestant], cell: Cell, measured: &mut Measured) -> Result<()> {
    for turn in 0..TURNS {
        for (system, (name, ..)) in SYSTEMS.iter().enumerate().take(cell.systems()) {
            // Kafka is slow enough to be told from noise the first time.
            if turn > 0 && system > cell::OS {
                continue;
            }
            let Ok(contestant) = contestant(contestants, system) else {
                continue;
            };
            let run = cell.measure(measuring, contestant, system)?;
            println!("{name:<24} {cell:?}: {:.0} MB/s", run.megabytes_per_second());
            measured.throughputs.entry((cell, system)).or_default().push(run);
        }
        let window = plain::flush_of_window(&measuring.home, cell)?;
        measured.windows.entry(cell).or_default().push(window);
        settle()?;
    }
    Ok(())
}

/// One record a request, on a schedule: ours by turns, since a single pause of the disk decides what the 99th percentile of four seconds
/// is.
fn latency(measuring: &Measuring, contestants: &[Contestant], pace: Pace, measured: &mut Measured) -> Result<()> {
    let systems = || SYSTEMS.iter().enumerate().take(pace.with.systems());
    let turns = (0..TURNS).flat_map(|turn| systems().map(move |system| (turn, system)));
    for (turn, (system, (.., setting))) in turns {
        if turn > 0 && system > cell::OS {
            continue;
        }
        let Ok(contestant) = contestant(contestants, system) else {
            continue;
        };
        let seconds = measuring.scaled(LATENCY_SECONDS).max(1.0);
        if system == cell::FLUSH {
            let delays = plain::paced(&measuring.home, pace, seconds, UNCOUNTED_SECONDS)?;
            println!("{:<24} {pace:?}: p99 {:.2} ms", "plain loop", delays.p99);
            measured.loops.entry(pace).or_default().push(delays);
            settle()?;
        }
        let Pace {
            partitions,
            rate,
            record,
            ..
        } = pace;
        let topic = format!("late-{system}-{partitions}-{rate}");
        let words = format!(
            "latency --topic {topic} --partitions {partitions} --rate {rate} --record-size {record} --seconds {seconds} \
             --warmup-seconds {UNCOUNTED_SECONDS} --acks -1 {setting}"
        );
        let run = promptly(measuring, contestant, &Load::new(&words))?;
        println!(
            "{:<24} {pace:?}: p99 {:.2} ms",
            SYSTEMS[system].0,
            run.figure("answer_ms.p99")
        );
        measured.latencies.entry((pace, system)).or_default().push(run);
        contestant.delete(measuring, &topic)?;
        settle()?;
    }
    Ok(())
}

fn figure<T: Ord + Copy>(runs: &Runs<T>, row: T, system: usize, of: impl Fn(&Run) -> f64) -> f64 {
    median(runs.get(&(row, system)).into_iter().flatten().map(of).collect())
}

impl Measured {
    /// MB a second.
    fn rate(&self, cell: Cell, system: usize) -> f64 {
        figure(&self.throughputs, cell, system, Run::megabytes_per_second)
    }

    /// MB a second of a producer that sends its window as fast as with `os`, and then waits until the disk has it.
    fn roof(&self, cell: Cell, loops: &[fn(&Window) -> f64]) -> f64 {
        let megabytes = cell.window() as f64 / 1e6;
        let flushes = loops.iter().map(|of| self.window_seconds(cell, *of));
        megabytes / (megabytes / self.rate(cell, cell::OS) + flushes.fold(f64::INFINITY, f64::min))
    }

    fn window_seconds(&self, cell: Cell, of: fn(&Window) -> f64) -> f64 {
        median(self.windows.get(&cell).into_iter().flatten().map(of).collect())
    }
}

fn throughput_table(text: &mut String, measured: &Measured) -> Result<()> {
    writeln!(
        text,
        "## Throughput\n\n\
         Closed loop, five requests of each producer under way, one batch in each. MB a second; the broker's CPU-seconds for a GB; \
         the 99th percentile of the time to an answer, in ms, which is mostly time in the producers' own queue. *Disk*: what a plain loop \
         gets that appends as much as is in flight, to as many files, and makes it durable, one round after the other; then what it \
         gets with room for what comes (ADR 18), which a thread makes beside, as the broker's does; then over blocks that were there before, \
         as if they cost nothing; nothing else is done. *Roof*: what is in flight, over the time that `os` takes \
         to send and take that much plus the fastest flush of those loops: what a producer can get that waits for both, one after the other. \
         Where many producers take turns the two overlap, and more is possible, up to *disk*. The last columns are what there is to judge: the \
         part of `os`, or of the roof where the disk does not allow as much, and the same with the roof of the first two loops, which pay for all \
         that they use. Where the time goes: [flush-path.md](flush-path.md).\n"
    )?;
    let names = SYSTEMS.map(|(name, ..)| name).join(" | ");
    writeln!(
        text,
        "| partitions | producers | batch | {names} | disk | roof | flush / os | flush / min(os, roof) | all paid |"
    )?;
    writeln!(
        text,
        "|--:|--:|--:|{}--:|--:|--:|--:|--:|",
        "--:|".repeat(SYSTEMS.len())
    )?;
    for cell in cell::all() {
        if !measured.windows.contains_key(&cell) {
            continue;
        }
        let record = if cell.record == 1_024 {
            String::new()
        } else {
            format!(" of {} B", cell.record)
        };
        write!(
            text,
            "| {} | {} | {} KiB{record} |",
            cell.partitions,
            cell.producers,
            cell.batch / 1024
        )?;
        for system in 0..SYSTEMS.len() {
            let rate = measured.rate(cell, system);
            if rate.is_nan() {
                write!(text, " - |")?;
                continue;
            }
            let cpu = figure(&measured.throughputs, cell, system, Run::cpu_seconds_per_gigabyte);
            let p99 = figure(&measured.throughputs, cell, system, |run| run.figure("answer_ms.p99"));
            write!(text, " {rate:.0}; {cpu:.2}; {p99:.1} |")?;
        }
        let (flush, os) = (measured.rate(cell, cell::FLUSH), measured.rate(cell, cell::OS));
        let [appended, own_room, over] = LOOPS.map(|of| cell.window() as f64 / 1e6 / measured.window_seconds(cell, of));
        let roof = measured.roof(cell, &LOOPS);
        let of = |whole: f64| format!("{:.0} %", 100.0 * flush / whole);
        let (of_os, of_least) = (of(os), of(os.min(roof)));
        let of_paying = of(os.min(measured.roof(cell, &LOOPS[..PAYING])));
        writeln!(
            text,
            " {appended:.0}; {own_room:.0}; {over:.0} | {roof:.0} | {of_os} | {of_least} | {of_paying} |"
        )?;
    }
    Ok(())
}

/// The goals that are about throughput, each as it was reached.
fn goals(text: &mut String, measured: &Measured) -> Result<()> {
    let records = figure(&measured.throughputs, cell::FAST, cell::FLUSH, Run::records_per_second) / 1e6;
    let rate = |system| measured.rate(cell::DIRTY, system);
    let (flush, os, kafka) = (rate(cell::FLUSH), rate(cell::OS), rate(cell::KAFKA_FLUSH));
    writeln!(
        text,
        "\nDurable records of 100 B: {records:.2} million a second, client included (goal: 2). A hundred dirty partitions: \
         {:.0} times Kafka with `flush.messages=1` (goal: 20), {:.0} % of our own `os` (goal: 85 %).",
        flush / kafka,
        100.0 * flush / os,
    )?;
    Ok(())
}

fn latency_table(text: &mut String, measured: &Measured) -> Result<()> {
    writeln!(
        text,
        "\n## Latency\n\n\
         Open loop, one record a request, from the time a record is due. Each cell: ms to the acknowledgement, median and 99th percentile; the \
         same to the consumer. *Plain loop*: what it takes to append the same records to as many files, by turns and on the same schedule, and to \
         have each on stable storage, with nothing else done: an `fdatasync` for each, or for what is due by then all together. At the end, \
         in 99th percentiles of that loop: the 99th percentile with `flush`, and how far it lies above that with `os` (goal: 2).\n"
    )?;
    let names = SYSTEMS.map(|(name, ..)| name).join(" | ");
    writeln!(
        text,
        "| partitions | records a second | {names} | plain loop | flush, p99 in flushes (p99) | flush less os |"
    )?;
    writeln!(text, "|--:|--:|{}--:|--:|--:|", "--:|".repeat(SYSTEMS.len()))?;
    for pace in pace::ALL {
        let figure = |system, path| figure(&measured.latencies, pace, system, |run: &Run| run.figure(path));
        write!(text, "| {} | {} of {} B |", pace.partitions, pace.rate, pace.record)?;
        for system in 0..SYSTEMS.len() {
            let [a50, a99, e50, e99] = [
                "answer_ms.p50",
                "answer_ms.p99",
                "end_to_end_ms.p50",
                "end_to_end_ms.p99",
            ]
            .map(|path| figure(system, path));
            if a50.is_nan() {
                write!(text, " - |")?;
                continue;
            }
            write!(text, " {a50:.2}, {a99:.2}; {e50:.2}, {e99:.2} |")?;
        }
        let [flush, os] = [cell::FLUSH, cell::OS].map(|system| figure(system, "answer_ms.p99"));
        let of = |time: fn(&Delays) -> f64| median(measured.loops.get(&pace).into_iter().flatten().map(time).collect());
        let (p50, p99) = (of(|delays| delays.p50), of(|delays| delays.p99));
        writeln!(
            text,
            " {p50:.2}, {p99:.2} | {:.1} | {:.1} |",
            flush / p99,
            (flush - os) / p99
        )?;
    }
    Ok(())
}
