//! One way from a leader: which partitions are to be fetched over it, as they are assigned and withdrawn.

use super::session::PartitionId;
use crate::partitions::Hosted;
use base::{LeaderEpoch, NodeId};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// A partition to be fetched.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The topic's name, for what still goes by names.
    pub topic: Arc<str>,
    /// The replica here.
    pub hosted: Arc<Hosted>,
    /// The epoch of the leader that it follows.
    pub epoch: LeaderEpoch,
}

/// What changes for a lane's fetcher: a partition to fetch, or none any more.
pub(super) type Changes = FxHashMap<PartitionId, Option<Follow>>;

/// A lane: the publisher says what is to be fetched over it, its fetcher does so.
#[derive(Debug)]
pub struct Lane {
    /// The leader fetched from.
    pub source: NodeId,
    /// Its number among the lanes from that leader (`num.replica.fetchers`).
    pub number: usize,
    /// Not yet seen by the fetcher; bounded by the number of partitions.
    changes: Mutex<Changes>,
    changed: Notify,
    max_lag: AtomicI64,
    failed: AtomicUsize,
}

impl Lane {
    pub(super) fn new(source: NodeId, number: usize) -> Arc<Self> {
        Arc::new(Self {
            source,
            number,
            changes: Mutex::default(),
            changed: Notify::new(),
            max_lag: AtomicI64::new(0),
            failed: AtomicUsize::new(0),
        })
    }

    /// Tells how the fetcher's partitions stand.
    pub(super) fn report(&self, max_lag: i64, failed: usize) {
        self.max_lag.store(max_lag, Ordering::Relaxed);
        self.failed.store(failed, Ordering::Relaxed);
    }

    pub(super) fn max_lag(&self) -> i64 {
        self.max_lag.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// Hands over what changed. What was handed over before of the same partition, and not yet seen, counts no more.
    pub(super) fn change(&self, changes: impl IntoIterator<Item = (PartitionId, Option<Follow>)>) {
        self.pending().extend(changes);
        self.changed.notify_one();
    }

    /// Something else happened that a fetcher which pauses should know of: it tries again at once.
    pub(super) fn nudge(&self) {
        self.changed.notify_one();
    }

    /// Takes what changed.
    pub(super) fn take(&self) -> Changes {
        std::mem::take(&mut self.pending())
    }

    /// Waits until something changed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Changes> {
        // Every change is one extension or one exchange.
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
