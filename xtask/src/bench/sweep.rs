//! `cargo xtask bench sweep`: one factor at a time from one load, so that a cliff shows as a bend of its curve.

mod factors;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::figures::Figures;
use super::machine;
use super::measuring::{Contestant, Measuring, Setup};
use super::native::{Load, Run};
use super::plot::{self, Series};
use factors::{FACTORS, Factor, How, Point};

/// How the sweep is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Only these factors, by their names.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the tables go; beside them their figures as JSON and a plot of each factor.
    #[arg(long, default_value = "docs/performance/sweep.md")]
    output: PathBuf,
}

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
    let wanted = |factor: &&Factor| options.only.is_empty() || options.only.iter().any(|name| name == factor.name);
    let contestants = measuring.contestants()?;
    for factor in FACTORS
        .iter()
        .filter(wanted)
        .filter(|factor| factor.how != How::Replicas)
    {
        for point in factor.points {
            for _ in 0..measuring.rounds {
                for contestant in &contestants {
                    measure(&mut measuring, contestant, factor, point).with_context(|| row(factor, point, "point"))?;
                }
            }
        }
    }
    for contestant in contestants {
        contestant.broker.kill()?;
    }
    for factor in FACTORS
        .iter()
        .filter(wanted)
        .filter(|factor| factor.how == How::Replicas)
    {
        replicas(&mut measuring, factor)?;
    }
    measuring.end()?;
    let text = format!(
        "# How costs change with the load\n\nMeasured by `cargo xtask bench sweep` at {}; TCP {}; {} rounds by turns at {} of the \
         full load, medians.\n\n{}\n{}",
        machine.sentence(),
        machine.congestion_control,
        measuring.rounds,
        measuring.scale,
        include_str!("sweep/how.md"),
        sections(&measuring.figures, &root.join(&options.output))?
    );
    println!("\n{text}");
    let output = root.join(&options.output);
    fs::write(&output, &text)?;
    let all = json!({ "machine": machine, "rounds": measuring.rounds, "figures": measuring.figures.json() });
    Ok(fs::write(
        output.with_extension("json"),
        serde_json::to_string(&all)? + "\n",
    )?)
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
        How::Produce | How::Replicas => add(measuring, contestant.name, factor, point, &run),
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
    Load::new(BASE).with(&format!("--records {records:.0} {}", point.words))
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
    for (what, value) in [
        ("MB/s", run.megabytes_per_second()),
        ("CPU-s per GB", run.cpu_seconds_per_gigabyte()),
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

/// A table and a plot of each factor.
fn sections(figures: &Figures, output: &Path) -> Result<String> {
    let mut text = String::new();
    let stem = output
        .file_stem()
        .context("the tables have a name")?
        .to_string_lossy()
        .into_owned();
    for factor in &FACTORS {
        let rows: Vec<String> = factor
            .points
            .iter()
            .map(|point| row(factor, point, factor.shown))
            .collect();
        let points = |system: &str| -> Vec<(usize, f64)> {
            let values = rows.iter().map(|row| figures.median(system, row)).enumerate();
            values.filter(|(_, value)| value.is_finite()).collect()
        };
        if points(SYSTEMS[0]).is_empty() {
            continue;
        }
        let series = SYSTEMS.map(|system| Series {
            name: system.to_owned(),
            points: points(system),
        });
        let places: Vec<String> = factor.points.iter().map(|point| point.name.to_owned()).collect();
        let file = format!("{stem}-{}.svg", factor.name);
        let title = format!("{}: broker {}", factor.title, factor.shown);
        fs::write(output.with_file_name(&file), plot::lines(&title, &places, &series))?;
        writeln!(text, "## {}\n\n![{title}]({file})\n", factor.title)?;
        let all = figures.rows();
        let own: Vec<&str> = all
            .into_iter()
            .filter(|row| row.starts_with(&format!("{} ", factor.name)))
            .collect();
        writeln!(
            text,
            "{}",
            figures.table(&own, &SYSTEMS, Some((SYSTEMS[0], SYSTEMS[1])))
        )?;
    }
    Ok(text)
}
