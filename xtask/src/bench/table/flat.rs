//! What a request costs when there are many partitions.

use anyhow::Result;

use super::produce::SMALL;
use crate::bench::measuring::{Contestant, Measuring};
use crate::bench::native::Load;

/// How many.
const PARTITIONS: [u64; 3] = [4, 1_000, 10_000];
/// Only ours is given more: making them takes Kafka minutes, and the goal is about ours alone.
const KAFKAS: u64 = 1_000;

/// Last of all: what a partition leaves behind must not be in other figures.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for partitions in PARTITIONS {
        for _ in 0..measuring.rounds {
            for contestant in contestants {
                if contestant.name == "kafka" && partitions > KAFKAS {
                    continue;
                }
                let topic = format!("--topic flat-{partitions} --partitions {partitions}");
                // Every partition has a record before: opening its files is not what is measured.
                let first = format!("produce {topic} --batch-size 1 --records {partitions} --seconds 120");
                contestant.run(measuring, &Load::new(&first))?;
                let run = contestant.run(measuring, &SMALL.load(measuring, "flat").with(&topic))?;
                let row = format!("produce, {} to {partitions} partitions: CPU-us per request", SMALL.name);
                measuring
                    .figures
                    .add(contestant.name, &row, run.cpu_microseconds_per_request());
                contestant.delete(measuring, &format!("flat-{partitions}"))?;
            }
        }
    }
    Ok(())
}
