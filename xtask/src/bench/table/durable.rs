//! On stable storage before the acknowledgement: ours by its default, Kafka told to flush after every message.

use anyhow::Result;

use super::latency::{self, promptly};
use crate::bench::measuring::{Contestant, Measuring};
use crate::bench::native::Load;

/// Latency, throughput over many partitions, and the most records that can be made durable.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for round in 0..measuring.rounds {
        for contestant in contestants {
            let durable = durable(contestant);
            let topic = format!("durable-{round}");
            let seconds = measuring.scaled(5.0).max(1.0);
            let load = Load::new(&format!(
                "latency --topic {topic} --rate 1000 --seconds {seconds} --answers later"
            ))
            .with(durable);
            let run = promptly(measuring, contestant, &load)?;
            latency::add(measuring, contestant.name, "durable end to end at 1000/s", &run);
            contestant.delete(measuring, &topic)?;
        }
        for contestant in contestants {
            throughput(
                measuring,
                contestant,
                "durable, 100 partitions",
                MANY,
                durable(contestant),
            )?;
            throughput(measuring, contestant, "not durable, 100 partitions", MANY, "")?;
            throughput(
                measuring,
                contestant,
                "durable, 100 B in 64 KiB",
                FAST,
                durable(contestant),
            )?;
        }
    }
    Ok(())
}

const MANY: &str = "--partitions 100 --connections 16 --record-size 1024 --batch-size 16384";
const FAST: &str = "--partitions 4 --connections 4 --record-size 100 --batch-size 65536";

/// The topic's setting.
fn durable(contestant: &Contestant) -> &'static str {
    match contestant.name {
        "kafka" => "--set flush.messages=1",
        _ => "--set riverrun.durability=flush",
    }
}

fn throughput(
    measuring: &mut Measuring,
    contestant: &Contestant,
    what: &str,
    shape: &str,
    setting: &str,
) -> Result<()> {
    let bytes = measuring.scaled(500e6);
    let records = bytes / if shape == MANY { 1035.0 } else { 110.0 };
    // Every partition has a record before: opening its files is not what is measured.
    let topic = what.replace([' ', ','], "-");
    let first = format!("produce --topic {topic} {shape} {setting} --records 20000 --seconds 60");
    contestant.run(measuring, &Load::new(&first))?;
    let words = format!("produce --topic {topic} --seconds 3 --records {records:.0} {shape} {setting}");
    let run = contestant.run(measuring, &Load::new(&words).filling(bytes))?;
    let rows = [
        ("MB/s", run.megabytes_per_second()),
        ("records/s", run.records_per_second()),
        ("answer p99 ms", run.figure("answer_ms.p99")),
        ("CPU-s per GB", run.cpu_seconds_per_gigabyte()),
    ];
    measuring.figures.add_all(contestant.name, what, rows);
    contestant.delete(measuring, &topic)
}
