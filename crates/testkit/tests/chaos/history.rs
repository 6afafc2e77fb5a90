//! What clients say they did and saw: a line of JSON each, all programs' lines in one file, in the order of their writing.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// A topic's partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
}

/// One record, as its producer knows it. Its value is `who:partition:sequence`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// Where it was sent to.
    pub place: Place,
    /// Who sent it.
    pub who: String,
    /// The how-manieth of this producer for this partition.
    pub sequence: u64,
}

impl Record {
    /// The record that a value found in a partition says it is; nothing if no producer writes such values.
    pub fn from_value(topic: &str, value: &str) -> Option<Record> {
        let mut words = value.split(':');
        let (who, partition, sequence) = (words.next()?, words.next()?, words.next()?);
        let place = Place {
            topic: topic.to_owned(),
            partition: partition.parse().ok()?,
        };
        Some(Record {
            place,
            who: who.to_owned(),
            sequence: sequence.parse().ok()?,
        })
    }
}

/// What records a consumer wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// All.
    ReadUncommitted,
    /// Only those of committed transactions, and those without one.
    ReadCommitted,
}

/// Whether a client may be expected to try again after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It may: what became of the call is unknown.
    Retriable,
    /// It may not.
    Fatal,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Event {
    /// A producer is about to hand a record to its client.
    Sends {
        who: String,
        #[serde(flatten)]
        place: Place,
        sequence: u64,
        transaction: Option<u64>,
    },
    /// The client says that it is written; where, is not known if the offset is negative.
    Acknowledged {
        who: String,
        #[serde(flatten)]
        place: Place,
        sequence: u64,
        offset: i64,
    },
    /// The client gave a record up.
    Failed {
        who: String,
        #[serde(flatten)]
        place: Place,
        sequence: u64,
        error: String,
        severity: Severity,
    },
    /// A transaction is committed, as its producer was told.
    Committed { who: String, transaction: u64 },
    /// A transaction is aborted, as its producer was told.
    Aborted { who: String, transaction: u64 },
    /// A consumer was given partitions: those it has from now on, or reads from their beginning when it is in no group.
    Assigned {
        who: String,
        topic: String,
        partitions: Vec<i32>,
        isolation: Isolation,
        group: Option<String>,
    },
    /// A consumer was handed records of one partition.
    Polled {
        who: String,
        #[serde(flatten)]
        place: Place,
        records: Vec<(i64, String)>,
    },
    /// A member of a group is about to commit positions of one topic.
    Committing {
        who: String,
        group: String,
        topic: String,
        offsets: Vec<(i32, i64)>,
    },
    /// The positions are committed, as the member was told.
    CommittedOffsets {
        who: String,
        group: String,
        topic: String,
        offsets: Vec<(i32, i64)>,
    },
    /// Anything else that a client complained of.
    Erred {
        who: String,
        error: String,
        severity: Severity,
    },
    /// A program has done all it was asked for.
    Ended { who: String },
    /// At the very end: a stretch of what a partition holds.
    Found {
        #[serde(flatten)]
        place: Place,
        isolation: Isolation,
        records: Vec<(i64, String)>,
    },
    /// At the very end: what a group has committed.
    FoundOffsets {
        group: String,
        topic: String,
        offsets: Vec<(i32, i64)>,
    },
}

/// Every event of a file. The last line may be half written when a program was killed, any other may not.
pub fn read(file: &Path) -> Result<Vec<Event>> {
    let lines = BufReader::new(std::fs::File::open(file)?).lines();
    let mut events = Vec::new();
    for (number, line) in lines.enumerate() {
        let line = line?;
        let event = serde_json::from_str(&line).with_context(|| format!("line {}: {line}", number + 1))?;
        events.push(event);
    }
    Ok(events)
}
