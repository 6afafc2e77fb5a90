//! What clients did and were told.

use base::{LeaderEpoch, NodeId, Offset, Timestamp};
use client::ClientError;
use sim::Trace;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Arguments;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A topic's partition.
pub type Place = (&'static str, i32);

/// How a transaction ended, as far as its producer knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Committed,
    Aborted,
    Unknown,
}

/// A transaction: what it wrote, and how it ended.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub who: &'static str,
    pub values: Vec<(Place, String)>,
    /// What its producer's group is to have if it is committed.
    pub offset: Option<i64>,
    pub end: End,
}

/// Everything that was told, shared by all clients.
#[derive(Debug)]
pub struct Told {
    pub trace: Trace,
    pub now: u64,
    /// What producers were about to send, in their order.
    pub sent: BTreeMap<Place, Vec<String>>,
    /// What is written, and where.
    pub acknowledged: BTreeMap<(Place, String), i64>,
    /// The last offset that was acknowledged in a partition.
    pub highest: BTreeMap<Place, i64>,
    /// What consumers saw, whoever saw it.
    pub seen: BTreeMap<(Place, i64), String>,
    /// What members of the group were handed.
    pub group_saw: BTreeSet<(Place, String)>,
    /// What readers of committed records were handed.
    pub committed_saw: BTreeSet<(Place, String)>,
    pub transactions: Vec<Transaction>,
    /// The offset that was committed last for a group and partition, and the last that was tried.
    pub commits: BTreeMap<(String, Place), (i64, i64)>,
    pub leaders: BTreeMap<(String, i32, LeaderEpoch), NodeId>,
    /// The newest epoch in which a partition was led.
    pub newest: BTreeMap<(String, i32), i32>,
    /// Of each leadership, the high watermark.
    pub watermarks: BTreeMap<(String, i32, LeaderEpoch), Offset>,
    pub polled: u64,
    pub wrong: Vec<String>,
}

/// What was told; a clone is the same.
#[derive(Clone, Debug)]
pub struct History {
    told: Arc<Mutex<Told>>,
}

impl History {
    pub fn begin() -> Self {
        Self {
            told: Arc::new(Mutex::new(Told {
                trace: Trace::begin(),
                now: 0,
                sent: BTreeMap::new(),
                acknowledged: BTreeMap::new(),
                highest: BTreeMap::new(),
                seen: BTreeMap::new(),
                group_saw: BTreeSet::new(),
                committed_saw: BTreeSet::new(),
                transactions: Vec::new(),
                commits: BTreeMap::new(),
                leaders: BTreeMap::new(),
                newest: BTreeMap::new(),
                watermarks: BTreeMap::new(),
                polled: 0,
                wrong: Vec::new(),
            })),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The date of the clients' host.
    pub fn date(&self) -> Timestamp {
        Timestamp(1_750_000_000_000 + i64::try_from(self.lock().now).unwrap())
    }

    pub fn note(&self, what: Arguments<'_>) {
        self.lock().note(what);
    }
}

impl Told {
    pub fn note(&mut self, what: Arguments<'_>) {
        let now = self.now;
        self.trace.note(now, what);
    }

    pub fn wrong(&mut self, what: String) {
        self.note(format_args!("WRONG {what}"));
        self.wrong.push(what);
    }

    pub fn sends(&mut self, place: Place, value: &str) {
        self.sent.entry(place).or_default().push(value.to_owned());
    }

    pub fn acknowledges(&mut self, who: &str, place: Place, value: String, offset: i64) {
        self.note(format_args!("{who} has {value} at {place:?} {offset}"));
        let highest = self.highest.entry(place).or_insert(-1);
        *highest = (*highest).max(offset);
        self.acknowledged.insert((place, value), offset);
    }

    /// A consumer was handed a record: nobody may ever be handed another one at that offset.
    pub fn sees(&mut self, who: &str, place: Place, offset: i64, value: &str) {
        self.polled += 1;
        let known = self.seen.entry((place, offset)).or_insert_with(|| value.to_owned());
        if known != value {
            let known = known.clone();
            self.wrong(format!(
                "{who} was handed {value} at {place:?} {offset}, where {known} was read before"
            ));
        }
    }

    /// A client may not be told what it cannot get over.
    pub fn fails(&mut self, who: &str, doing: &str, error: &ClientError) {
        self.note(format_args!("{who} {doing}: {error}"));
        let is_expected =
            error.is_retriable() || matches!(error, ClientError::TimedOut { .. } | ClientError::UnknownNode(_));
        if !is_expected {
            self.wrong(format!("{who} was told while {doing}: {error}"));
        }
    }
}
