//! Whether clients are served: what they begin after a moment comes to its end.

use crate::history::{End, History, Place};
use crate::workload::{PLAIN, TRANSACTORS};
use std::collections::BTreeMap;

/// Where clients were at some moment.
#[derive(Debug)]
pub struct Progress {
    /// How much was sent to each partition.
    sent: BTreeMap<Place, usize>,
    /// The last commit of offsets that was tried.
    tried: i64,
    /// How many transactions had ended.
    transactions: usize,
}

impl Progress {
    /// Where they are now.
    pub fn of(history: &History) -> Self {
        let told = history.lock();
        let plain = told.sent.iter().filter(|(place, _)| place.0 == PLAIN);
        Self {
            sent: plain.map(|(place, sent)| (*place, sent.len())).collect(),
            tried: told.commits.values().map(|(_, tried)| *tried).max().unwrap_or(-1),
            transactions: told.transactions.len(),
        }
    }

    /// Whether something that was begun since is done: a record in each partition, a commit of offsets, a transaction.
    pub fn goes_on(&self, history: &History) -> bool {
        let told = history.lock();
        let is_acknowledged = |(place, sent): (&Place, &usize)| {
            let since = told.sent[place][*sent..].iter();
            let mut acknowledged = since.filter(|value| told.acknowledged.contains_key(&(*place, (*value).clone())));
            acknowledged.next().is_some()
        };
        let committed = told.commits.values().any(|(committed, _)| *committed > self.tried);
        // One of each producer may have been under way.
        let mut transactions = told.transactions.iter().skip(self.transactions + TRANSACTORS.len());
        self.sent.iter().all(is_acknowledged) && committed && transactions.any(|one| one.end == End::Committed)
    }
}
