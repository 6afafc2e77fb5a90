//! Three nodes, three replicas, acks=all: what the whole cluster spends.

use anyhow::Result;

use super::produce::{ONE, SMALL, add};
use crate::bench::measuring::Measuring;

const TOPIC: &str = "--replication-factor 3 --partitions 4 --connections 6";

/// A cluster of each make, one after the other.
pub fn measure(measuring: &mut Measuring) -> Result<()> {
    for make in 0..measuring.makes.len() {
        let name = measuring.makes[make].name();
        let cluster = measuring.cluster(&measuring.makes[make])?;
        for shape in [ONE, SMALL] {
            for round in 0..measuring.rounds {
                let topic = format!("replicas-{round}");
                let run = cluster.run(
                    measuring,
                    &shape
                        .load(measuring, &topic)
                        .with(TOPIC)
                        .filling(measuring.scaled(3.0 * shape.bytes)),
                )?;
                let what = format!("three replicas, {}", shape.name);
                add(measuring, name, &what, &run);
                let row = format!("{what}: records per core-second");
                let each = run.figure("records") / run.spent.cpu_seconds;
                measuring.figures.add(name, &row, each);
                cluster.delete(measuring, &topic)?;
            }
        }
        cluster.kill()?;
    }
    Ok(())
}
