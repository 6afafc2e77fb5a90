//! What is measured on a schedule.

use super::cell::With;

/// A row of the table of latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pace {
    /// Partitions of the topic, which get a record by turns.
    pub partitions: u32,
    /// Records a second, one a request.
    pub rate: u32,
    /// Bytes of a record.
    pub record: u32,
    /// Whether Kafka is measured as well.
    pub with: With,
}

/// All rows. Kafka could not follow the last, told to flush.
pub const ALL: [Pace; 4] = [
    at_a_thousand(1),
    at_a_thousand(100),
    at_a_thousand(1_000),
    Pace {
        partitions: 1_000,
        rate: 20_000,
        record: 100,
        with: With::Ours,
    },
];

const fn at_a_thousand(partitions: u32) -> Pace {
    Pace {
        partitions,
        rate: 1_000,
        record: 1_024,
        with: With::Kafka,
    }
}
