//! `cargo xtask bench recovery`: from kill -9 to the next acknowledged record, with ten thousand partitions.

use super::broker::{Broker, Make, Prepared, Serving};
use super::{Options, load, machine, median};
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// At full scale; in topics of a thousand.
const TOPICS: usize = 10;
const PARTITIONS: &str = "1000";
/// Records in each topic before the first kill, so that most partitions have some.
const RECORDS: &str = "20000";

/// Measures both and writes the table. Kafka goes on with the directory that ours left, killed as well.
pub fn run(options: &Options, makes: &[Make; 2], binary: &Path, root: &Path, home: &Path) -> Result<()> {
    let machine = machine::describe(root)?;
    let home = home.join("recovery");
    let topics = ((TOPICS as f64 * options.setup.scale).ceil() as usize).max(1);
    let mut broker = Broker::prepare(&makes[0], &home)?.start()?;
    load::first_record(binary, broker.address())?;
    let began = Instant::now();
    for topic in 0..topics {
        let name = format!("many-{topic}");
        run_topics_tool(
            binary,
            &broker,
            &["--create", "--topic", &name, "--partitions", PARTITIONS],
        )?;
    }
    let creation = began.elapsed().as_secs_f64();
    for topic in 0..topics {
        fill(binary, &broker, &format!("many-{topic}"))?;
    }
    let kafka_kills = rounds(&makes[1], options);
    let mut text = format!(
        "# Starting after kill -9\n\n\
         Measured by `cargo xtask bench recovery` at {}. {topics} topics of \
         {PARTITIONS} partitions with {RECORDS} records each (created in {creation:.1} s); medians of {} kills, {kafka_kills} of Kafka, on the \
         directory that Riverrun left. Time from the start of the process to the first acknowledged record.\n\n\
         | broker | s | CPU-s |\n|:--|--:|--:|\n",
        machine.sentence(),
        options.setup.rounds,
    );
    for make in makes {
        let (mut seconds, mut cpu) = (Vec::new(), Vec::new());
        for round in 1..=rounds(make, options) {
            broker.kill()?;
            let prepared = Prepared::left_at(make, &home)?;
            let began = Instant::now();
            broker = prepared.start()?;
            load::first_record(binary, broker.address()).with_context(|| format!("{} after a kill", make.name()))?;
            seconds.push(began.elapsed().as_secs_f64());
            // The threads that open the logs have ended by now.
            cpu.push(broker.cpu_seconds_with_ended_threads()?);
            println!(
                "{:<9} round {round}: {:.2} s",
                make.name(),
                began.elapsed().as_secs_f64()
            );
        }
        writeln!(
            text,
            "| {} | {:.2} | {:.2} |",
            make.name(),
            median(seconds),
            median(cpu)
        )?;
    }
    broker.kill()?;
    println!("\n{text}");
    let output = root.join("docs/performance/recovery.md");
    std::fs::write(&output, text)?;
    println!("written to {}", output.display());
    Ok(())
}

/// Kafka's starts take so long that a third of the kills must do.
fn rounds(make: &Make, options: &Options) -> usize {
    match make {
        Make::Riverrun(_) => options.setup.rounds,
        Make::Kafka(_) => options.setup.rounds.div_ceil(3),
    }
}

fn fill(binary: &Path, broker: &Broker, topic: &str) -> Result<()> {
    let output = Command::new(binary)
        .args([
            "producer-perf-test",
            "--bootstrap-server",
            broker.address(),
            "--topic",
            topic,
        ])
        .args(["--num-records", RECORDS, "--record-size", "100", "--throughput", "-1"])
        .args(["--command-property", "batch.size=0", "linger.ms=0"])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Runs the topics tool.
fn run_topics_tool(binary: &Path, broker: &Broker, arguments: &[&str]) -> Result<()> {
    let output = Command::new(binary)
        .args(["topics", "--bootstrap-server", broker.address()])
        .args(arguments)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
