//! From nothing to the first acknowledged record; what a broker takes when it has nothing to do.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::broker::Broker;
use crate::bench::counters::{Counters, peak_mebibytes, resident_mebibytes};
use crate::bench::measuring::{Contestant, Measuring};

/// How long a broker is left alone before its idle memory and CPU are read, and for how long they are.
const IDLE: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 1_000;
const PARTITIONS: u32 = 2_000;
/// So many more are made of ours, and what each of them adds is a partition's memory: the first bring along what making topics takes
/// whatever their number. Kafka, which needs minutes for so many, is told by its first.
const MORE_PARTITIONS: u32 = 8_000;
/// How long what was needed to make partitions may take to be given back: threads that have nothing to do any more end meanwhile.
const SETTLED: Duration = Duration::from_secs(8);

/// Starts of both by turns.
pub fn measure(measuring: &mut Measuring) -> Result<()> {
    for round in 0..measuring.rounds {
        for make in 0..measuring.makes.len() {
            let broker = measure_one(measuring, make)?;
            if round == 0 {
                footprints(measuring, measuring.makes[make].name(), &broker)?;
            }
            broker.kill()?;
        }
    }
    Ok(())
}

/// One start, and what the broker takes then.
pub fn measure_one(measuring: &mut Measuring, make: usize) -> Result<Broker> {
    let make = &measuring.makes[make];
    let name = make.name();
    let home = measuring.home.join(format!("start-{name}"));
    let prepared = Broker::prepare_with(make, &home, make.like_for_like())?;
    let begun = Instant::now();
    let broker = prepared.start()?;
    measuring.generator.first_record(&[&broker])?;
    let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
    let cpu = broker.cpu_seconds()?;
    let row = "start to the first acknowledged record, ms";
    measuring.figures.add(name, row, milliseconds);
    measuring.figures.add(name, "CPU-s until then", cpu);
    idle(measuring, name, &broker)?;
    Ok(broker)
}

fn idle(measuring: &mut Measuring, name: &str, broker: &Broker) -> Result<()> {
    std::thread::sleep(IDLE);
    let processes = [broker.id()];
    let (before, begun) = (Counters::read(&processes)?, Instant::now());
    std::thread::sleep(IDLE);
    let spent = Counters::read(&processes)?.since(&before).cpu_seconds;
    let share = spent / begun.elapsed().as_secs_f64() * 100.0;
    measuring.figures.add(name, "idle CPU, % of a core", share);
    measuring
        .figures
        .add(name, "idle memory, MiB", resident_mebibytes(&processes)?);
    Ok(())
}

/// What a connection and a partition add to a broker that has nothing to do.
fn footprints(measuring: &mut Measuring, name: &'static str, broker: &Broker) -> Result<()> {
    let processes = [broker.id()];
    let before = resident_mebibytes(&processes)?;
    let connections = measuring.generator.idle(broker.address(), CONNECTIONS)?;
    let after = resident_mebibytes(&processes)?;
    drop(connections);
    let row = "memory of an idle connection, KiB";
    measuring
        .figures
        .add(name, row, (after - before) * 1024.0 / CONNECTIONS as f64);
    let first = partitions(measuring, broker, "many", PARTITIONS)?;
    measuring
        .figures
        .add(name, "memory of an idle partition among 2,000, KiB", first);
    if name == "riverrun" {
        let next = partitions(measuring, broker, "more", MORE_PARTITIONS)?;
        measuring.figures.add(name, "memory of an idle partition, KiB", next);
    }
    Ok(())
}

/// What each of so many new partitions adds, in KiB.
fn partitions(measuring: &mut Measuring, broker: &Broker, topic: &str, count: u32) -> Result<f64> {
    let processes = [broker.id()];
    let before = resident_mebibytes(&processes)?;
    let load = format!("create --topic {topic} --partitions {count}");
    let words: Vec<&str> = load.split(' ').collect();
    measuring.generator.quietly(broker.address(), &words)?;
    std::thread::sleep(SETTLED);
    let after = resident_mebibytes(&processes)?;
    Ok((after - before) * 1024.0 / f64::from(count))
}

/// What they take after all that was asked of them.
pub fn after_all(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for contestant in contestants {
        let peak = peak_mebibytes(&[contestant.broker.id()])?;
        measuring
            .figures
            .add(contestant.name, "most memory under all loads, MiB", peak);
    }
    Ok(())
}
