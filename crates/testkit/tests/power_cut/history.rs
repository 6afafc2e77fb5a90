//! What clients asked and were told, with the times.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// A topic's partition.
pub type Place = (String, i32);

/// Records that were sent together.
#[derive(Clone, Debug)]
pub struct Sent {
    pub place: Place,
    pub values: Vec<Vec<u8>>,
    pub sent_at: u64,
    /// When the answer came, and the first record's offset.
    pub acknowledged: Option<(u64, i64)>,
}

/// An offset that a group committed.
#[derive(Clone, Debug)]
pub struct Commit {
    pub group: String,
    pub place: Place,
    pub offset: i64,
    pub sent_at: u64,
    pub acknowledged_at: u64,
}

/// What a transaction was to do, and how far its producer has heard of it.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Which transactional producer's.
    pub who: u64,
    /// What it writes, each value but once, to several partitions.
    pub values: Vec<(i32, Vec<u8>)>,
    /// What it commits of the producer's group.
    pub offset: Option<i64>,
    pub commits: bool,
    pub begun_at: u64,
    /// When its end was asked for.
    pub end_asked_at: Option<u64>,
    /// When that was answered.
    pub ended_at: Option<u64>,
}

/// A topic's life.
#[derive(Clone, Debug, Default)]
pub struct Life {
    pub created_at: u64,
    pub partitions: i32,
    /// When its deletion was asked for, and when it was answered.
    pub deletion: Option<(u64, u64)>,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub struct History {
    pub sent: Mutex<Vec<Sent>>,
    pub commits: Mutex<Vec<Commit>>,
    /// Each producer's in their order.
    pub transactions: Mutex<Vec<Transaction>>,
    pub topics: Mutex<BTreeMap<String, Life>>,
}

impl History {
    /// The moments in which something was acknowledged.
    pub fn acknowledgements(&self) -> Vec<u64> {
        let sent = self.sent.lock().unwrap();
        let commits = self.commits.lock().unwrap();
        let transactions = self.transactions.lock().unwrap();
        let topics = self.topics.lock().unwrap();
        let mut times: Vec<u64> = sent
            .iter()
            .filter_map(|sent| sent.acknowledged.map(|(at, _)| at))
            .chain(commits.iter().map(|commit| commit.acknowledged_at))
            .chain(transactions.iter().filter_map(|transaction| transaction.ended_at))
            .chain(topics.values().map(|life| life.created_at))
            .chain(topics.values().filter_map(|life| life.deletion.map(|(_, at)| at)))
            .collect();
        times.sort_unstable();
        times
    }
}
