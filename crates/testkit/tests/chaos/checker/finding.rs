//! What can be wrong with a history.

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{Place, Record};

/// One promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A record that was acknowledged is nowhere.
    Lost { record: Record, offset: i64 },
    /// A record was acknowledged at one offset and is found at another.
    Moved {
        record: Record,
        acknowledged: i64,
        found: i64,
    },
    /// A record is in the log more than once.
    Doubled { record: Record, offsets: Vec<i64> },
    /// Two acknowledgements, or two readings, name different records at one offset.
    TwoRecordsAtOneOffset {
        place: Place,
        offset: i64,
        one: String,
        other: String,
    },
    /// A producer's records are in another order than they were sent in.
    Reordered {
        place: Place,
        who: String,
        offset: i64,
        before: u64,
        after: u64,
    },
    /// The log holds what nobody sent there.
    NeverSent { place: Place, offset: i64, value: String },
    /// Records were acknowledged in a partition that was not read at the end.
    Unread { place: Place },
    /// A consumer was handed something that the log does not hold there in the end.
    ReadThenLost {
        who: String,
        place: Place,
        offset: i64,
        read: String,
        found: Option<String>,
    },
    /// A consumer was handed an offset that is not beyond the one before.
    PollWentBack {
        who: String,
        place: Place,
        before: i64,
        polled: i64,
    },
    /// A consumer was not handed a record that lies between two that it was handed.
    PollSkipped { who: String, place: Place, offset: i64 },
    /// A read_committed reader saw a record of a transaction that was aborted.
    AbortedRead { record: Record, transaction: u64 },
    /// Of a transaction some records are there for read_committed readers, and some are not.
    TornTransaction {
        who: String,
        transaction: u64,
        visible: usize,
        missing: usize,
    },
    /// A member of a group began before what the group had committed.
    CommittedOffsetWentBack {
        group: String,
        place: Place,
        committed: i64,
        found: i64,
    },
    /// A member of a group began where nobody had committed.
    OffsetNeverCommitted { group: String, place: Place, found: i64 },
    /// The first record of another topic's partition, as read_committed readers find them, that forwards another record of the
    /// source (by its offset; none where the log ends) than its place says, or one that the group has not committed yet.
    Forwarded {
        place: Place,
        wanted: Option<i64>,
        found: Option<i64>,
    },
    /// A client was told something that no retry cures.
    FatalError { who: String, error: String },
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self:?}")
    }
}

/// How much there was to judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records handed to clients.
    pub sent: usize,
    /// Records acknowledged, by producer.
    pub acknowledged: BTreeMap<String, usize>,
    /// Records polled, by consumer.
    pub polled: BTreeMap<String, usize>,
    /// Transactions committed.
    pub transactions: usize,
    /// Commits of offsets that were acknowledged.
    pub commits: usize,
    /// What clients were told that a retry cures.
    pub complaints: BTreeMap<String, usize>,
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{} records sent, {} acknowledged, {} polled; {} transactions and {} offset commits",
            self.sent,
            self.acknowledged.values().sum::<usize>(),
            self.polled.values().sum::<usize>(),
            self.transactions,
            self.commits
        )?;
        writeln!(out, "  acknowledged {:?}", self.acknowledged)?;
        writeln!(out, "  polled {:?}", self.polled)?;
        write!(out, "  retriable errors {:?}", self.complaints)
    }
}
