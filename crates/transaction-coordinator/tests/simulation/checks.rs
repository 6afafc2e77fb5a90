//! What must be true of every history.

use crate::host::Host;
use crate::message::{Marker, Produce, Tag};
use crate::partition::Partition;
use base::ProducerId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use transaction_coordinator::{
    Producer, Transaction, TransactionEnd, TransactionRecord, TransactionState, TransactionStatus, TransactionVersion,
};

/// What is known of one producer's transaction.
#[derive(Debug, Default)]
pub struct Known {
    /// Where its records were acknowledged.
    pub acknowledged: BTreeSet<usize>,
    /// Whether anybody asked to commit it.
    pub is_asked_to_commit: bool,
    /// How its producer was told that it ended.
    pub end: Option<TransactionEnd>,
}

#[derive(Debug, Default)]
pub struct Checks {
    pub transactions: BTreeMap<Tag, Known>,
    /// How many ids went on under another producer id, and how many expired.
    pub overflowed: u64,
    pub expired: u64,
    /// How many records of the log were looked at.
    seen: usize,
    last: BTreeMap<Arc<str>, Arc<Transaction>>,
    owners: BTreeMap<ProducerId, Arc<str>>,
    /// What was decided for each producer, in order.
    decisions: BTreeMap<ProducerId, Vec<(i16, TransactionEnd)>>,
    /// The newest producer that anybody was given, by transactional id.
    newest: BTreeMap<Arc<str>, Producer>,
    /// As whom a producer was told to go on, while its markers are being written.
    promised: BTreeMap<Arc<str>, Producer>,
}

impl Checks {
    /// Looks at what was committed since.
    pub fn look(&mut self, host: &Host) {
        let committed = host.committed_len();
        assert!(committed >= self.seen, "what is committed stays");
        for (key, value) in &host.log[self.seen..committed] {
            let record = TransactionRecord::decode(key, value.as_ref()).unwrap().unwrap();
            assert_eq!(record.encode().unwrap(), (key.clone(), value.clone()));
            self.committed(record);
        }
        self.seen = committed;
    }

    fn committed(&mut self, record: TransactionRecord) {
        let id = record.id;
        let before = self.last.get(&id);
        let Some(now) = record.value else {
            let before = before.expect("only what is there expires");
            assert!(before.status.is_idle(), "{id} expired in {}", before.status.name());
            self.last.remove(&id);
            self.expired += 1;
            return;
        };
        let owner = self.owners.entry(now.producer_id).or_insert_with(|| Arc::clone(&id));
        assert_eq!(*owner, id, "producer {} has two ids", now.producer_id);
        let status = before.map(|before| before.status);
        assert!(
            may_follow(status, now.status),
            "{id}: {status:?} became {:?}",
            now.status
        );
        if let Some(before) = before {
            let is_later = (now.producer_id, now.producer_epoch) >= (before.producer_id, before.producer_epoch);
            assert!(is_later, "{id}: {before:?} went back to {now:?}");
            self.overflowed += u64::from(now.producer_id != before.producer_id);
            let is_bump = now.status.is_prepared() && now.client_version.bumps_epoch();
            assert!(
                !is_bump || now.producer_epoch > before.producer_epoch,
                "{id} was not bumped"
            );
            assert!(now.updated >= before.updated, "{id}: {before:?} became {now:?}");
        }
        if let Some(end) = decided(now.status) {
            let decisions = self.decisions.entry(now.producer_id).or_default();
            decisions.push((now.producer_epoch.0, end));
        } else if let Some(promised) = self.promised.remove(&id) {
            assert_eq!(now.producer(), promised, "{id} was told otherwise");
        }
        self.last.insert(id, now);
    }

    /// A marker was written: it is what was decided, and if it ended something, what was decided last.
    pub fn marked(&self, marker: &Marker, ended_something: bool) {
        let decisions = self.decisions.get(&marker.producer.id);
        let this = (marker.producer.epoch.0, marker.end);
        let is_decided = decisions.is_some_and(|all| all.contains(&this));
        assert!(is_decided, "nobody decided {marker:?}, but {decisions:?}");
        if ended_something {
            assert_eq!(decisions.and_then(|all| all.last()), Some(&this), "{marker:?}");
        }
    }

    /// A producer was told its id and epoch: whoever had the id before is fenced.
    pub fn given(&mut self, id: &Arc<str>, producer: Producer) {
        let newest = self.newest.entry(Arc::clone(id)).or_insert(producer);
        if is_older(*newest, producer) {
            *newest = producer;
        }
    }

    /// A producer was told as whom it goes on after the end of a transaction.
    pub fn promised(&mut self, id: &Arc<str>, producer: Producer) {
        let Some(last) = self.last.get(id).filter(|_| producer != Producer::NONE) else {
            return;
        };
        if last.status.is_prepared() && !is_older(producer, last.producer()) {
            self.promised.insert(Arc::clone(id), producer);
        } else {
            // Others may have gone on since.
            assert!(
                !is_older(last.producer(), producer),
                "{id} is {last:?}, not {producer:?}"
            );
        }
    }

    /// A partition took a record.
    pub fn appended(&self, produce: &Produce) {
        if let Some(newest) = self.newest.get(&produce.id) {
            assert!(
                !is_older(produce.producer, *newest),
                "{produce:?} was fenced by {newest:?}"
            );
        }
    }

    pub fn of(&mut self, tag: Tag) -> &mut Known {
        self.transactions.entry(tag).or_default()
    }

    /// Nothing is under way any more: all is as everybody was told.
    pub fn finish(&self, host: &Host, partitions: &[Partition]) {
        let settled = host.runtime.committed().transactions();
        for (id, transaction) in settled {
            assert!(transaction.status.is_idle(), "{id} hangs: {transaction:?}");
        }
        assert_eq!(host.coordinator.writing_markers(), 0);
        for (at, partition) in partitions.iter().enumerate() {
            assert!(!partition.is_open(), "partition {at} hangs");
        }
        let mut ends: BTreeMap<Tag, BTreeMap<usize, TransactionEnd>> = BTreeMap::new();
        for (at, partition) in partitions
            .iter()
            .enumerate()
            .filter(|(_, partition)| !partition.is_gone)
        {
            for written in &partition.records {
                let end = written.end.expect("no partition is open");
                let other = ends.entry(written.tag).or_default().insert(at, end);
                assert!(
                    other.is_none_or(|other| other == end),
                    "{:?} is torn in {at}",
                    written.tag
                );
            }
        }
        for (tag, known) in &self.transactions {
            let mine = ends.remove(tag).unwrap_or_default();
            let first = mine.values().next().copied();
            let is_whole = mine.values().all(|end| Some(*end) == first);
            assert!(is_whole, "{tag:?} is torn: {mine:?}");
            let is_committed = first == Some(TransactionEnd::Commit);
            assert!(
                !is_committed || known.is_asked_to_commit,
                "nobody asked to commit {tag:?}"
            );
            match known.end {
                None => {}
                Some(end) => assert!(mine.is_empty() || first == Some(end), "{tag:?}: {end:?}, not {mine:?}"),
            }
            let there = known.acknowledged.iter().filter(|at| !partitions[**at].is_gone);
            let lost: Vec<_> = there.filter(|at| !mine.contains_key(at)).collect();
            assert!(lost.is_empty(), "{tag:?} lost {lost:?}");
        }
        self.reload(host);
    }

    /// Whoever reads the log sees what the coordinator sees.
    fn reload(&self, host: &Host) {
        let again = Host::load(host.settings.clone(), host.log.clone(), host.log.len(), host.millis);
        assert_eq!(without_memory(&again), without_memory(host));
    }
}

/// What the log keeps of every format: an older cluster's records say nothing of other producer ids and of the client.
fn without_memory(host: &Host) -> Vec<(Arc<str>, Transaction)> {
    let state: &TransactionState = host.runtime.committed();
    let all = state.transactions().map(|(id, known)| {
        let known = Transaction {
            last_producer_epoch: Producer::NONE.epoch,
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            client_version: TransactionVersion::V0,
            ..Transaction::clone(known)
        };
        (Arc::clone(id), known)
    });
    all.collect()
}

/// Producer ids are given out in their order.
fn is_older(one: Producer, other: Producer) -> bool {
    (one.id, one.epoch) < (other.id, other.epoch)
}

fn decided(status: TransactionStatus) -> Option<TransactionEnd> {
    match status {
        TransactionStatus::PrepareCommit => Some(TransactionEnd::Commit),
        TransactionStatus::PrepareAbort => Some(TransactionEnd::Abort),
        _ => None,
    }
}

fn may_follow(before: Option<TransactionStatus>, now: TransactionStatus) -> bool {
    use TransactionStatus::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit};
    match now {
        Empty => before.is_none_or(TransactionStatus::is_idle),
        Ongoing => before.is_some_and(|before| before.is_idle() || before == Ongoing),
        PrepareCommit => before == Some(Ongoing),
        PrepareAbort => before.is_some_and(|before| before.is_idle() || before == Ongoing),
        CompleteCommit => before == Some(PrepareCommit),
        CompleteAbort => before == Some(PrepareAbort),
    }
}
