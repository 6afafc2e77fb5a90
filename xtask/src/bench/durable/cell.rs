//! What is measured as fast as answers come, and how.

use std::process::Command;

use anyhow::{Context, Result};

use crate::bench::measuring::{Contestant, Measuring};
use crate::bench::native::{Load, Run};

/// What is compared: a name, the broker, the topic's setting.
pub const SYSTEMS: [(&str, &str, &str); 4] = [
    ("riverrun, flush", "riverrun", "--set riverrun.durability=flush"),
    ("riverrun, os", "riverrun", "--set riverrun.durability=os"),
    ("kafka", "kafka", ""),
    ("kafka, flush.messages=1", "kafka", "--set flush.messages=1"),
];
/// Our two of them.
pub const FLUSH: usize = 0;
/// The second.
pub const OS: usize = 1;
/// Kafka, told to flush.
pub const KAFKA_FLUSH: usize = 3;

/// Requests that each producer has under way.
const DEPTH: u32 = 5;
/// Seconds of a run, and the most bytes that it sends: what lies in memory must not be throttled.
const SECONDS: f64 = 1.5;
const BYTES: f64 = 800e6;
/// How much of that goes before, uncounted: files are made, memory is touched, code is warm.
const BEFORE: f64 = 0.6;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Partitions of the topic.
    pub partitions: u32,
    /// Connections, each of which sends to all partitions by turns.
    pub producers: u32,
    /// Bytes of a batch, about.
    pub batch: u32,
    /// Bytes of a record.
    pub record: u32,
    /// Whether Kafka is measured as well.
    pub with: With,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum With {
    /// Ours in both modes.
    Ours,
    /// Kafka in both modes, too.
    Kafka,
}

impl With {
    /// How many of [`SYSTEMS`] that are.
    pub fn systems(self) -> usize {
        match self {
            Self::Ours => 2,
            Self::Kafka => SYSTEMS.len(),
        }
    }
}

/// Many small records: how many can be made durable in a second.
pub const FAST: Cell = Cell {
    partitions: 4,
    producers: 4,
    batch: 65_536,
    record: 100,
    with: With::Ours,
};
/// A hundred dirty partitions.
pub const DIRTY: Cell = Cell {
    partitions: 100,
    producers: 16,
    batch: 16_384,
    record: 1_024,
    with: With::Kafka,
};

/// Many small writes all over the place.
const SCATTERED: Cell = Cell {
    partitions: 1_000,
    producers: 64,
    batch: 1_024,
    record: 100,
    with: With::Kafka,
};

/// All rows.
pub fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (batch, with) in [(16_384, With::Kafka), (262_144, With::Ours)] {
        for partitions in [1, 100, 1_000] {
            for producers in [1, 64] {
                cells.push(Cell {
                    partitions,
                    producers,
                    batch,
                    record: 1_024,
                    with,
                });
            }
        }
    }
    cells.push(Cell {
        partitions: 1,
        producers: 1,
        batch: 1 << 20,
        record: 1_024,
        with: With::Ours,
    });
    cells.extend([DIRTY, FAST, SCATTERED]);
    cells
}

impl Cell {
    /// Batches that are under way.
    pub fn in_flight(self) -> u32 {
        self.producers * DEPTH
    }

    /// Their bytes.
    pub fn window(self) -> u64 {
        u64::from(self.in_flight()) * u64::from(self.batch)
    }

    /// Those who are measured.
    pub fn systems(self) -> usize {
        self.with.systems()
    }

    /// Measures one of them, on a topic of its own.
    pub fn measure(self, measuring: &Measuring, contestant: &Contestant, system: usize) -> Result<Run> {
        let Self {
            partitions,
            producers,
            batch,
            record,
            ..
        } = self;
        let (.., setting) = SYSTEMS[system];
        let topic = format!("durable-{system}-{partitions}-{producers}-{batch}-{record}");
        let words = format!(
            "produce --topic {topic} --partitions {partitions} --connections {producers} --batch-size {batch} \
             --record-size {record} --depth {DEPTH} --acks -1 {setting}"
        );
        // Every partition has a record before: creating its files is not what is measured.
        let first = format!("--records {} --seconds 60 --batch-size 1", partitions * 2);
        contestant.run(measuring, &Load::new(&words).with(&first))?;
        let share = |part: f64| {
            let (seconds, bytes) = (measuring.scaled(SECONDS) * part, measuring.scaled(BYTES) * part);
            let records = bytes / f64::from(record);
            Load::new(&words).with(&format!("--seconds {seconds} --records {records:.0}"))
        };
        contestant.run(measuring, &share(BEFORE))?;
        settle()?;
        let run = contestant.run(measuring, &share(1.0))?;
        contestant.delete(measuring, &topic)?;
        settle()?;
        Ok(run)
    }
}

/// One of those that run.
pub fn contestant(contestants: &[Contestant], system: usize) -> Result<&Contestant> {
    let found = contestants.iter().find(|one| one.name == SYSTEMS[system].1);
    found.context("both run")
}

/// What the run before left for the disk is written.
pub fn settle() -> Result<()> {
    anyhow::ensure!(Command::new("sync").status()?.success(), "sync failed");
    Ok(())
}
