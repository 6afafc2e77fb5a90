//! The idempotent and transactional producers of one partition: who they are, where their sequences stand, and which
//! of their transactions are open.
//!
//! The state is a function of the log. It is saved in snapshot files so that a start need not read the whole log:
//! load the newest snapshot at or below the end, then replay the log from there (`truncate_and_reload`, then one
//! `check` and `apply` with [`Origin::Replication`] per batch).
//!
//! An append goes in three steps, so that nothing changes if the write fails: [`ProducerStateManager::check`] each
//! batch into a [`Staged`], write the bytes, [`ProducerStateManager::apply`].

mod batch;
mod entry;
mod recall;
mod refusal;
mod sequence;
pub mod snapshot;
mod snapshots;
mod staged;
mod transactions;
mod verification;

#[cfg(test)]
mod tests;

pub use crate::origin::Origin;
pub use batch::{BatchKind, MarkerEpochRule, ProducerBatch, TxnResult};
pub use entry::{BATCHES_KEPT, BatchMetadata, ProducerEntry};
pub(crate) use recall::Forgotten;
pub use refusal::ProducerError;
pub use snapshots::{
    SUFFIX as SNAPSHOT_SUFFIX, Sync, offset_of as snapshot_offset, path as snapshot_path,
    rename_deleted as rename_snapshot,
};
pub use staged::{CompletedTxn, Staged};
pub use verification::{FirstSequence, Verification, VerificationGuard};

use crate::home::Home;
use base::fs::Fs;
use base::{Offset, ProducerId, Timestamp};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use snapshot::SnapshotEntry;
use snapshots::Snapshots;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use transactions::Transactions;

/// What becomes of a batch that passed its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new.
    Append,
    /// It is in the log already: answer with where it is, and append nothing.
    Duplicate {
        /// The offset its first record was given.
        base_offset: Offset,
        /// The offset its last record was given.
        last_offset: Offset,
        /// Its largest timestamp then.
        timestamp: Timestamp,
    },
}

/// A transaction that [`ProducerStateManager::apply`] ended, and what the transaction index is to say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedTxn {
    /// The transaction; the index takes the aborted ones only.
    pub completed: CompletedTxn,
    /// The last stable offset after it, the high watermark left aside.
    pub last_stable_offset: Offset,
}

/// The producers of one partition.
#[derive(Debug)]
pub struct ProducerStateManager {
    /// None while there is nobody, as in most partitions.
    known: Option<Box<Known>>,
    next_guard: u64,
    snapshots: Snapshots,
    expiration: Duration,
    map_end: Offset,
    snapshot_end: Offset,
}

/// Who is known.
#[derive(Debug)]
struct Known {
    producers: FxHashMap<ProducerId, ProducerEntry>,
    transactions: Transactions,
    /// By producer; not in snapshots, since who asked has to ask again after a restart.
    verifications: FxHashMap<ProducerId, verification::Pending>,
    /// Whoever was loaded from a snapshot, which knows only the last batch, and was not looked for in the log since.
    half_known: FxHashSet<ProducerId>,
}

static NOBODY: Known = Known::nobody();

impl Known {
    const fn nobody() -> Self {
        Self {
            producers: FxHashMap::with_hasher(FxBuildHasher),
            transactions: Transactions::none(),
            verifications: FxHashMap::with_hasher(FxBuildHasher),
            half_known: FxHashSet::with_hasher(FxBuildHasher),
        }
    }

    fn is_nobody(&self) -> bool {
        self.producers.is_empty()
            && self.transactions.is_empty()
            && self.verifications.is_empty()
            && self.half_known.is_empty()
    }
}

impl ProducerStateManager {
    /// The state for the partition directory `dir` with snapshots at these offsets, empty: none is loaded.
    ///
    /// `expiration` is `producer.id.expiration.ms`.
    pub fn open(fs: Arc<dyn Fs>, dir: PathBuf, snapshots: BTreeSet<Offset>, expiration: Duration) -> Self {
        Self::of(Arc::new(Home::new(fs, &dir)), snapshots, expiration)
    }

    /// As [`ProducerStateManager::open`], for a partition whose directory others look after, too.
    pub(crate) fn of(home: Arc<Home>, snapshots: BTreeSet<Offset>, expiration: Duration) -> Self {
        Self {
            known: None,
            next_guard: 0,
            snapshots: Snapshots::known(home, snapshots),
            expiration,
            map_end: Offset::ZERO,
            snapshot_end: Offset::ZERO,
        }
    }

    /// Takes over from the state of a log with the same batches what those do not tell: who was allowed to begin a transaction.
    pub(crate) fn succeed(&mut self, before: &mut Self) {
        self.next_guard = self.next_guard.max(before.next_guard);
        self.expiration = before.expiration;
        let pending = before
            .known
            .as_mut()
            .map(|known| std::mem::take(&mut known.verifications));
        if let Some(pending) = pending.filter(|pending| !pending.is_empty()) {
            self.known_mut().verifications = pending;
        }
    }

    fn known(&self) -> &Known {
        self.known.as_deref().unwrap_or(&NOBODY)
    }

    fn known_mut(&mut self) -> &mut Known {
        self.known.get_or_insert_with(|| Box::new(Known::nobody()))
    }

    /// Judges a batch on top of what `staged` holds of the same append, and stages it if it is to be appended.
    ///
    /// Only a client's batch can be a duplicate; [`Origin::Replication`] is never refused for its epoch or sequence.
    pub fn check(&self, staged: &mut Staged, batch: &ProducerBatch) -> Result<Verdict, ProducerError> {
        if batch.producer_id == ProducerId::NONE {
            return Ok(Verdict::Append);
        }
        let known = self.known();
        let current = known.producers.get(&batch.producer_id);
        if staged.origin() == Origin::Client
            && let Some(kept) = current.and_then(|entry| entry.duplicate_of(batch))
        {
            return Ok(Verdict::Duplicate {
                base_offset: kept.first_offset(),
                last_offset: kept.last_offset,
                timestamp: kept.timestamp,
            });
        }
        staged.add(current, known.verifications.get(&batch.producer_id), batch)?;
        Ok(Verdict::Append)
    }

    /// Takes over what was staged, now that the log ends at `end`, and returns the transactions that ended.
    pub fn apply(&mut self, staged: Staged, end: Offset) -> Vec<AppliedTxn> {
        if staged.tolerated > 0 {
            tracing::warn!(batches = staged.tolerated, %end, "replicated batches break the sequence of their producer");
        }
        self.map_end = end;
        if staged.producers.is_empty() {
            return Vec::new();
        }
        let known = self.known_mut();
        for (id, _) in &staged.producers {
            // Data has opened the transaction, or a marker has ended it: either way nothing is left to verify.
            if staged.is_transactional(*id) {
                known.verifications.remove(id);
            }
        }
        known.producers.extend(staged.producers);
        for (first_offset, producer_id) in staged.started {
            known.transactions.start(first_offset, producer_id);
        }
        let complete = |completed: CompletedTxn| AppliedTxn {
            last_stable_offset: known.transactions.complete(&completed),
            completed,
        };
        staged.completed.into_iter().map(complete).collect()
    }

    /// Says that the log now ends at `end`, after batches without a producer.
    pub fn update_map_end_offset(&mut self, end: Offset) {
        self.map_end = end;
    }

    /// The offset up to which the state knows the log; a replay starts here.
    pub fn map_end_offset(&self) -> Offset {
        self.map_end
    }

    /// The first offset that readers of committed data may not pass, unless the high watermark is lower.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        self.known.as_ref()?.transactions.first_unstable()
    }

    /// The high watermark moved: transactions whose marker lies below it no longer hold readers back.
    pub fn on_high_watermark_updated(&mut self, high_watermark: Offset) {
        if let Some(known) = &mut self.known {
            known.transactions.forget_below(high_watermark);
        }
    }

    /// The first offset and last timestamp of the oldest open transaction.
    pub fn oldest_transaction(&self) -> Option<(Offset, Timestamp)> {
        let (first_offset, producer_id) = self.known().transactions.oldest_ongoing()?;
        let entry = self.get(producer_id);
        Some((
            first_offset,
            entry.map_or(Timestamp::NONE, |entry| entry.last_timestamp),
        ))
    }

    /// What is known of a producer.
    pub fn get(&self, producer_id: ProducerId) -> Option<&ProducerEntry> {
        self.known().producers.get(&producer_id)
    }

    /// All producers, in no order.
    pub fn active_producers(&self) -> impl ExactSizeIterator<Item = (ProducerId, &ProducerEntry)> {
        self.known().producers.iter().map(|(id, entry)| (*id, entry))
    }

    /// Whether there is no producer and no transaction.
    pub fn is_empty(&self) -> bool {
        let known = self.known();
        known.producers.is_empty() && known.transactions.is_empty()
    }

    /// Forgets the producers that have been silent for the expiration time and have no open transaction.
    pub fn remove_expired(&mut self, now: Timestamp) {
        let expiration = self.expiration;
        let Some(known) = &mut self.known else { return };
        known.producers.retain(|_, entry| !is_expired(entry, now, expiration));
        let producers = &known.producers;
        known.half_known.retain(|id| producers.contains_key(id));
        known
            .verifications
            .retain(|_, pending| !is_silent(pending.since(), now, expiration));
        if known.is_nobody() {
            self.known = None;
        }
    }

    /// `producer.id.expiration.ms` changed.
    pub fn set_expiration(&mut self, expiration: Duration) {
        self.expiration = expiration;
    }

    /// Sets the state back to what the newest usable snapshot in `log_start..=log_end` says, and deletes the
    /// snapshots outside of it; the caller then replays the log from [`Self::map_end_offset`] to `log_end`.
    ///
    /// If the state stands at `log_end` already, it is kept.
    pub fn truncate_and_reload(&mut self, log_start: Offset, log_end: Offset, now: Timestamp) -> io::Result<()> {
        self.snapshots
            .remove_where(|offset| offset > log_end || offset <= log_start)?;
        if self.map_end == log_end {
            self.on_log_start_offset_incremented(log_start);
            return Ok(());
        }
        self.clear();
        self.load(log_start, now)
    }

    fn load(&mut self, log_start: Offset, now: Timestamp) -> io::Result<()> {
        while let Some(offset) = self.snapshots.newest() {
            let Some(entries) = self.snapshots.read(offset)? else {
                self.snapshots.remove(offset)?;
                continue;
            };
            for loaded in entries {
                let entry = loaded.to_entry();
                if is_expired(&entry, now, self.expiration) {
                    continue;
                }
                let known = self.known_mut();
                if let Some(first_offset) = entry.current_txn_first_offset {
                    known.transactions.start(first_offset, loaded.producer_id);
                }
                known.half_known.insert(loaded.producer_id);
                known.producers.insert(loaded.producer_id, entry);
            }
            self.snapshot_end = offset;
            self.map_end = offset;
            return Ok(());
        }
        self.snapshot_end = log_start;
        self.map_end = log_start;
        Ok(())
    }

    /// Forgets everything, deletes all snapshots and stands at `offset`.
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset) -> io::Result<()> {
        self.clear();
        self.snapshots.remove_where(|_| true)?;
        self.snapshot_end = Offset::ZERO;
        self.map_end = offset;
        Ok(())
    }

    fn clear(&mut self) {
        self.known = None;
    }

    /// The log now starts at `log_start`.
    pub fn on_log_start_offset_incremented(&mut self, log_start: Offset) {
        if let Some(known) = &mut self.known {
            known.transactions.forget_below(log_start);
        }
        self.map_end = self.map_end.max(log_start);
        self.snapshot_end = self.snapshots.newest().unwrap_or(log_start);
    }

    /// Writes a snapshot at [`Self::map_end_offset`], unless the newest one is there; returns its path.
    pub fn take_snapshot(&mut self, sync: Sync) -> io::Result<Option<Offset>> {
        if self.map_end <= self.snapshot_end {
            return Ok(None);
        }
        let mut entries: Vec<_> = self
            .active_producers()
            .map(|(id, entry)| SnapshotEntry::of(id, entry))
            .collect();
        entries.sort_unstable_by_key(|entry| entry.producer_id);
        self.snapshots.write(self.map_end, &entries, sync)?;
        self.snapshot_end = self.map_end;
        Ok(Some(self.map_end))
    }

    /// The offset of the newest snapshot.
    pub fn latest_snapshot_offset(&self) -> Option<Offset> {
        self.snapshots.newest()
    }

    /// The offset of the oldest snapshot.
    pub fn oldest_snapshot_offset(&self) -> Option<Offset> {
        self.snapshots.oldest()
    }

    /// Deletes the snapshots that belong to no segment, except one above all segments if it is the newest such.
    ///
    /// `base_offsets` are the segments' base offsets, in order.
    pub fn remove_stray_snapshots(&mut self, base_offsets: &[Offset]) -> io::Result<()> {
        let stray = |offset: &Offset| base_offsets.binary_search(offset).is_err();
        let newest = self.snapshots.offsets().rfind(|offset| stray(offset));
        let kept = newest.filter(|newest| base_offsets.last().is_none_or(|last| newest >= last));
        self.snapshots
            .remove_where(|offset| stray(&offset) && Some(offset) != kept)
    }

    /// Deletes the snapshots below `offset`.
    pub fn delete_snapshots_before(&mut self, offset: Offset) -> io::Result<()> {
        self.snapshots.remove_where(|snapshot| snapshot < offset)
    }

    /// Gives up the snapshot at `offset`, together with its segment: whether there is one, for [`rename_snapshot`].
    pub fn release_snapshot(&mut self, offset: Offset) -> bool {
        self.snapshots.release(offset)
    }
}

fn is_expired(entry: &ProducerEntry, now: Timestamp, expiration: Duration) -> bool {
    entry.current_txn_first_offset.is_none() && is_silent(entry.last_timestamp, now, expiration)
}

fn is_silent(since: Timestamp, now: Timestamp, expiration: Duration) -> bool {
    let silent = i128::from(now.0) - i128::from(since.0);
    silent >= i128::try_from(expiration.as_millis()).unwrap_or(i128::MAX)
}
