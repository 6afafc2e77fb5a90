//! Other people's perf tools as they come: librdkafka's `rdkafka_performance` and Kafka's own `kafka-producer-perf-test` and
//! `kafka-consumer-perf-test`, each against both.

mod install;
mod kafkas;
mod librdkafka;

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::bench::broker::Make;
use crate::bench::counters::Counters;
use crate::bench::measuring::{Contestant, Measuring};

pub use install::{Installed, install};

/// Bytes of a record.
const RECORD: u64 = 100;
/// How many are sent, and read again.
const RECORDS: f64 = 3e6;
const TOPIC: &str = "clients";

/// What a tool says of a run: what tables tell of it.
struct Said {
    records_per_second: f64,
    /// Times in ms, by their names.
    latencies: Vec<(&'static str, f64)>,
}

/// Makes a command for a broker's address and so many records.
type Commands = Box<dyn Fn(&str, u64) -> Command>;

/// A tool: its name, and its commands.
struct Tool {
    name: &'static str,
    produce: Commands,
    produced: fn(&str) -> Result<Said>,
    consume: Commands,
    consumed: fn(&str) -> Result<Said>,
}

/// Every tool that there is on both by turns.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant], installed: &Installed) -> Result<()> {
    let Make::Kafka(jars) = &measuring.makes[1] else {
        bail!("the second make is Kafka");
    };
    let mut tools = vec![kafkas::tool(jars)];
    tools.extend(installed.rdkafka_performance.as_deref().map(librdkafka::tool));
    let records = (measuring.scaled(RECORDS) as u64).max(1000);
    for tool in &tools {
        for _ in 0..measuring.rounds {
            for contestant in contestants {
                let create = ["create", "--topic", TOPIC];
                measuring.generator.quietly(contestant.broker.address(), &create)?;
                let address = contestant.broker.address();
                let produce = (tool.produce)(address, records);
                run(measuring, contestant, tool, "produce", produce, tool.produced)?;
                let consume = (tool.consume)(address, records);
                run(measuring, contestant, tool, "consume", consume, tool.consumed)?;
                contestant.delete(measuring, TOPIC)?;
            }
        }
    }
    Ok(())
}

/// One run, and its rows.
fn run(
    measuring: &mut Measuring,
    contestant: &Contestant,
    tool: &Tool,
    what: &str,
    mut command: Command,
    read: fn(&str) -> Result<Said>,
) -> Result<()> {
    measuring
        .generator
        .have_memory(measuring.scaled(RECORDS) * RECORD as f64)?;
    let processes = [contestant.broker.id()];
    let before = Counters::read(&processes)?;
    let output = command.output()?;
    let spent = Counters::read(&processes)?.since(&before).cpu_seconds;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{command:?} failed: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = read(&text)?;
    let records = (measuring.scaled(RECORDS) as u64).max(1000) as f64;
    let what = format!("{} {what}, {RECORD} B", tool.name);
    let rows = [
        ("records/s", said.records_per_second),
        ("MB/s", said.records_per_second * RECORD as f64 / 1e6),
        ("broker CPU-s per million records", spent / records * 1e6),
    ];
    measuring.figures.add_all(contestant.name, &what, rows);
    for (name, value) in said.latencies {
        measuring
            .figures
            .add(contestant.name, &format!("{what}: {name}"), value);
    }
    Ok(())
}

/// The number right before `unit`.
fn before(text: &str, unit: &str) -> Option<f64> {
    let (head, _) = text.split_once(unit)?;
    let word = head.trim_end().rsplit([' ', '(', '\t']).next()?;
    word.parse().ok()
}
