//! `cargo xtask bench sweep`: one factor at a time from one load, so that a cliff shows as a bend of its curve.

mod cliffs;
mod factors;
mod retention;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::figures::Figures;
use super::machine::{self, Machine, rounds};
use super::measuring::{Contestant, Measuring, Setup};
use super::native::{Load, Run};
use super::plot::{self, Series};
use factors::{FACTORS, Factor, How, Point};

/// How the sweep is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Only these factors, by their names; they are shown, and written only if it is said where to.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the tables go, and beside them their figures as JSON and a plot of each factor; `docs/performance/sweep.md` for
    /// all of it.
    #[arg(long)]
    output: Option<PathBuf>,
}

const OUTPUT: &str = "docs/performance/sweep.md";

const SYSTEMS: [&str; 2] = ["riverrun", "kafka"];
/// What every point begins with.
const BASE: &str = "produce --seconds 1.5 --record-size 100 --batch-size 16384 --partitions 4 --connections 2";
/// Bytes that a point sends at most.
const BYTES: f64 = 300e6;

/// Measures, and writes the tables and the curves.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    for name in &options.only {
        let known = FACTORS.iter().any(|factor| factor.name == name);
        anyhow::ensure!(
            known,
            "{name} is no factor: {}",
            FACTORS.map(|factor| factor.name).join(", ")
        );
    }
    let Some(mut measuring) = options.setup.begin(root, "sweep")? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    let begun = Instant::now();
    let wanted = |factor: &&Factor| options.only.is_empty() || options.only.iter().any(|name| name == factor.name);
    let (of_both, alone): (Vec<&Factor>, Vec<&Factor>) = FACTORS
        .iter()
        .filter(wanted)
        .partition(|factor| matches!(factor.how, How::Produce | How::Catch));
    if !of_both.is_empty() {
        by_turns(&mut measuring, &of_both, begun)?;
    }
    for factor in alone {
        tell(factor, begun);
        match factor.how {
            How::Replicas => replicas(&mut measuring, factor)?,
            How::Retention => retention::measure(&mut measuring, factor)?,
            How::Produce | How::Catch => {}
        }
    }
    measuring.end()?;
    let text = text(&measuring, &machine, begun.elapsed().as_secs_f64() / 60.0);
    let place = machine::place(root, options.output.as_deref(), options.only.len(), OUTPUT);
    let Some(output) = place else {
        println!("\n{text}");
        return Ok(());
    };
    machine::write(&output, &text)?;
    plots(&measuring.figures, &output)?;
    let figures = measuring.figures.json();
    let all = json!({ "machine": machine, "rounds": measuring.rounds, "scale": measuring.scale, "figures": figures });
    machine::write_json(&output, &all)
}

/// The factors that the same two brokers are loaded for.
fn by_turns(measuring: &mut Measuring, factors: &[&Factor], begun: Instant) -> Result<()> {
    let contestants = measuring.contestants()?;
    for factor in factors {
        tell(factor, begun);
        for point in factor.points {
            for _ in 0..measuring.rounds {
                for contestant in &contestants {
                    measure(measuring, contestant, factor, point).with_context(|| row(factor, point, "point"))?;
                }
            }
        }
    }
    contestants
        .into_iter()
        .try_for_each(|contestant| contestant.broker.kill())
}

fn tell(factor: &Factor, begun: Instant) {
    eprintln!("{} after {:.0} s", factor.name, begun.elapsed().as_secs_f64());
}

fn text(measuring: &Measuring, machine: &Machine, minutes: f64) -> String {
    let figures = &measuring.figures;
    format!(
        "# How costs change with the load\n\nMeasured by `cargo xtask bench sweep` at {}; {} at {} of the full load. {} It took \
         {minutes:.0} minutes.\n\n{}\n{}\n{}",
        machine.sentence(),
        rounds(measuring.rounds),
        measuring.scale,
        figures.spread(),
        include_str!("sweep/how.md"),
        cliffs::section(figures),
        sections(figures),
    )
}

fn row(factor: &Factor, point: &Point, what: &str) -> String {
    format!("{} {}: {what}", factor.name, point.name)
}

fn measure(measuring: &mut Measuring, contestant: &Contestant, factor: &Factor, point: &Point) -> Result<()> {
    let kafka = contestant.name == "kafka";
    if kafka && point.ours_only {
        return Ok(());
    }
    let setting = if kafka { point.kafkas } else { point.ours };
    let topic = format!("{}-{}", factor.name, point.name.replace([' ', ','], "-"));
    let load = load(measuring, point).with(&format!("--topic {topic} {setting}"));
    if factor.name == "partitions" {
        // Every partition has a record before: opening its files is not what is measured.
        let first = load_of_one_each(point).with(&format!("--topic {topic}"));
        contestant.run(measuring, &first)?;
    }
    let run = contestant.run(measuring, &load)?;
    match factor.how {
        How::Produce | How::Replicas | How::Retention => add(measuring, contestant.name, factor, point, &run),
        How::Catch => {
            if point.cold {
                forget(&measuring.home.join(contestant.name).join("data"), &topic)?;
            }
            let words = format!("fetch --topic {topic} {}", point.fetch);
            let run = contestant.run(measuring, &Load::new(&words))?;
            add(measuring, contestant.name, factor, point, &run);
        }
    }
    contestant.delete(measuring, &topic)
}

fn load(measuring: &Measuring, point: &Point) -> Load {
    let bytes = measuring.scaled(BYTES);
    let records = bytes / point.record;
    Load::new(BASE)
        .with(&format!("--records {records:.0} {}", point.words))
        .filling(bytes * point.copies)
}

fn load_of_one_each(point: &Point) -> Load {
    let count = point.words.split_whitespace().next_back().unwrap_or_default();
    Load::new(BASE)
        .with(point.words)
        .with(&format!("--batch-size 1 --seconds 120 --records {count}"))
}

fn replicas(measuring: &mut Measuring, factor: &Factor) -> Result<()> {
    for make in 0..measuring.makes.len() {
        let name = measuring.makes[make].name();
        let cluster = measuring.cluster(&measuring.makes[make])?;
        for point in factor.points {
            for _ in 0..measuring.rounds {
                let run = cluster.run(measuring, &load(measuring, point).with("--topic replicas"))?;
                add(measuring, name, factor, point, &run);
                cluster.delete(measuring, "replicas")?;
            }
        }
        cluster.kill()?;
    }
    Ok(())
}

fn add(measuring: &mut Measuring, system: &str, factor: &Factor, point: &Point, run: &Run) {
    // Work is what was moved: what was written, as often as it was, and what was read of it meanwhile.
    let read = run.figure("read.wire_bytes");
    let read = if read.is_nan() { 0.0 } else { read };
    let moved = run.figure("wire_bytes") * point.copies + read;
    for (what, value) in [
        ("MB/s", run.megabytes_per_second()),
        ("CPU-s per GB", run.spent.cpu_seconds / moved * 1e9),
        ("CPU-us per request", run.cpu_microseconds_per_request()),
    ] {
        measuring.figures.add(system, &row(factor, point, what), value);
    }
}

/// Has the kernel drop a topic's segments from its page cache: theirs alone, which needs no root.
fn forget(data: &Path, topic: &str) -> Result<()> {
    for folder in fs::read_dir(data)?.flatten() {
        if !folder.file_name().to_string_lossy().starts_with(topic) {
            continue;
        }
        for file in fs::read_dir(folder.path())?.flatten().map(|file| file.path()) {
            let write = format!("of={}", file.display());
            let read = format!("if={}", file.display());
            // Only what is on the disk can be dropped.
            for arguments in [
                [write.as_str(), "conv=notrunc,fdatasync", "count=0"],
                [&read, "iflag=nocache", "count=0"],
            ] {
                let dropped = Command::new("dd").args(arguments).output()?;
                anyhow::ensure!(dropped.status.success(), "{} stays in memory", file.display());
            }
        }
    }
    Ok(())
}

/// A table of each factor, with its plot.
fn sections(figures: &Figures) -> String {
    let mut text = String::new();
    let all = figures.rows();
    for factor in FACTORS.iter().filter(|factor| is_measured(figures, factor)) {
        let own: Vec<&str> = all
            .iter()
            .copied()
            .filter(|row| row.starts_with(&format!("{} ", factor.name)))
            .collect();
        let table = figures.table(&own, &SYSTEMS, Some((SYSTEMS[0], SYSTEMS[1])));
        text += &format!(
            "## {}\n\n![{}](sweep-{}.svg)\n\n{table}\n",
            factor.title, factor.title, factor.name
        );
    }
    text
}

fn is_measured(figures: &Figures, factor: &Factor) -> bool {
    let known = |point: &Point| {
        figures
            .median(SYSTEMS[0], &row(factor, point, factor.shown))
            .is_finite()
    };
    factor.points.iter().any(known)
}

/// A plot of each factor, beside the tables.
fn plots(figures: &Figures, output: &Path) -> Result<()> {
    for factor in FACTORS.iter().filter(|factor| is_measured(figures, factor)) {
        let series = SYSTEMS.map(|system| {
            let value = |point: &Point| figures.median(system, &row(factor, point, factor.shown));
            let values = factor.points.iter().map(value).enumerate();
            Series {
                name: system.to_owned(),
                points: values.filter(|(_, value)| value.is_finite()).collect(),
            }
        });
        let places: Vec<String> = factor.points.iter().map(|point| point.name.to_owned()).collect();
        let title = format!("{}: broker {}", factor.title, factor.shown);
        let file = output.with_file_name(format!("sweep-{}.svg", factor.name));
        fs::write(file, plot::lines(&title, &places, &series))?;
    }
    Ok(())
}
