//! `cargo xtask bench quick`: a first look in two minutes, with the binary's own perf tools as the client.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::broker::Broker;
use super::load::Load;
use super::machine::{self, rounds};
use super::measuring::{Measuring, Setup};
use super::table::start;

/// How it is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Where the table goes, and beside it its figures as JSON.
    #[arg(long, default_value = "docs/performance/quick.md")]
    output: PathBuf,
}

/// How much of its full load is sent, to be done in two minutes.
const SCALE: f64 = 0.5;
/// MiB of memory that are touched before: topics go when they were read.
const WARM: f64 = 3072.0;
const DELETED_SOON: (&str, &str) = ("log.segment.delete.delay.ms", "1000");

/// Measures, and writes the table.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let Some(mut measuring) = options.setup.begin_warming(root, "quick", WARM)? else {
        return Ok(());
    };
    let machine = machine::describe(root)?;
    for _ in 0..measuring.rounds {
        for make in 0..measuring.makes.len() {
            start::measure_one(&mut measuring, make)?.kill()?;
        }
    }
    measure_loads(&mut measuring)?;
    measuring.end()?;
    let figures = &measuring.figures;
    let mut text = format!(
        "# A first look beside Apache Kafka 4.3.1\n\n\
         Measured by `cargo xtask bench quick` at {}; {} at {} of the full load. {} Both brokers by turns, with their makers' \
         defaults but for `riverrun.durability=os` (neither waits for the disk; `durable.md` has what waiting costs), one node, 4 \
         partitions, acks=all, an idempotent producer, one connection; generator and broker share the machine. CPU-seconds are \
         the broker's alone, from `/proc/PID/task/*/schedstat`; they say more than throughput, which the generator limits. All \
         of it, and every goal: `table.md`.\n\n{}\nThe loads:\n\n",
        machine.sentence(),
        rounds(measuring.rounds),
        measuring.scale * SCALE,
        figures.spread(),
        figures.table(&figures.rows(), &["riverrun", "kafka"], Some(("riverrun", "kafka"))),
    );
    for (name, what) in Load::descriptions() {
        text += &format!("- {name}: {what}\n");
    }
    let output = root.join(&options.output);
    let all =
        json!({ "machine": machine, "rounds": measuring.rounds, "scale": measuring.scale, "figures": figures.json() });
    machine::write_json(&output, &all)?;
    machine::write(&output, &text)
}

/// Every load on both by turns, after a warm-up that is not counted: a JVM is slow at first.
fn measure_loads(measuring: &mut Measuring) -> Result<()> {
    let mut brokers = Vec::new();
    for make in &measuring.makes {
        let home = measuring.home.join(make.name());
        let settings = [make.like_for_like(), &[DELETED_SOON]].concat();
        let broker = Broker::prepare_with(make, &home, &settings)?.start()?;
        measuring.generator.first_record(&[&broker])?;
        for warm_up in Load::warm_ups() {
            warm_up.run(&measuring.riverrun, &broker, warm_up.name, measuring.scale.min(1.0))?;
            delete(measuring, &broker, warm_up.name)?;
        }
        brokers.push((make.name(), broker));
    }
    let scale = measuring.scaled(SCALE);
    for load in Load::all() {
        for round in 1..=measuring.rounds {
            for (name, broker) in &brokers {
                let topic = format!("{}-{round}", load.name);
                for measured in load.run(&measuring.riverrun, broker, &topic, scale)? {
                    let what = format!("{} {}", measured.direction, measured.load);
                    measuring.figures.add_all(name, &what, measured.rows());
                }
                delete(measuring, broker, &topic)?;
            }
        }
    }
    for (name, broker) in brokers {
        let memory = broker.resident_mebibytes()?;
        measuring.figures.add(name, "memory after all loads, MiB", memory);
        broker.stop()?;
    }
    Ok(())
}

fn delete(measuring: &Measuring, broker: &Broker, topic: &str) -> Result<()> {
    measuring
        .generator
        .quietly(broker.address(), &["delete", "--topic", topic])
}
