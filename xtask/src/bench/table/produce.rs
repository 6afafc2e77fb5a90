//! Producing: what a request, a gigabyte and a million records cost.

use anyhow::Result;

use crate::bench::measuring::{Contestant, Measuring};
use crate::bench::native::{Load, Run};

/// A size of record and of batch.
pub struct Shape {
    /// Its name in rows.
    pub name: &'static str,
    /// Arguments of the generator.
    pub words: &'static str,
    /// Bytes that a run sends at most; with seconds, whichever comes first.
    pub bytes: f64,
    /// About how many of them are in a record's share of a batch.
    pub record: f64,
}

/// One record a request: what a request costs.
pub const ONE: Shape = Shape {
    name: "one record of 100 B a request",
    words: "--record-size 100 --batch-size 1",
    bytes: 50e6,
    record: 170.0,
};
/// What most producers send.
pub const SMALL: Shape = Shape {
    name: "100 B in 16 KiB",
    words: "--record-size 100 --batch-size 16384",
    bytes: 500e6,
    record: 110.0,
};
/// Larger batches.
pub const MIDDLE: Shape = Shape {
    name: "1 KiB in 64 KiB",
    words: "--record-size 1024 --batch-size 65536",
    bytes: 500e6,
    record: 1035.0,
};
/// The largest.
pub const LARGE: Shape = Shape {
    name: "1 KiB in 1 MiB",
    words: "--record-size 1024 --batch-size 1048576",
    bytes: 800e6,
    record: 1035.0,
};

impl Shape {
    /// The load of a run on a topic.
    pub fn load(&self, measuring: &Measuring, topic: &str) -> Load {
        let bytes = measuring.scaled(self.bytes);
        let records = bytes / self.record;
        let words = format!(
            "produce --topic {topic} --seconds 3 --records {records:.0} {}",
            self.words
        );
        Load::new(&words).filling(bytes)
    }
}

/// Every shape on both by turns.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for shape in [ONE, SMALL, MIDDLE, LARGE] {
        for round in 0..measuring.rounds {
            for contestant in contestants {
                let topic = format!("produce-{}-{round}", shape.name.replace(' ', "-"));
                let run = contestant.run(measuring, &shape.load(measuring, &topic))?;
                add(measuring, contestant.name, &format!("produce, {}", shape.name), &run);
                contestant.delete(measuring, &topic)?;
            }
        }
    }
    Ok(())
}

/// The rows of a run.
pub fn add(measuring: &mut Measuring, system: &str, what: &str, run: &Run) {
    let written = run.spent.written_bytes / run.figure("wire_bytes");
    let rows = [
        ("records/s", run.records_per_second()),
        ("MB/s", run.megabytes_per_second()),
        ("CPU-us per request", run.cpu_microseconds_per_request()),
        ("CPU-s per GB", run.cpu_seconds_per_gigabyte()),
        ("CPU-s per million records", run.cpu_seconds_per_million()),
        ("bytes written per byte", written),
    ];
    measuring.figures.add_all(system, what, rows);
}
