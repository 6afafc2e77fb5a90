//! A node's disk: what the system caches, and what survives the loss of power.

use base::{LeaderEpoch, Offset, Timestamp};
use bytes::Bytes;
use raft::contents::{Contents, LogBatch};
use raft::control::ControlRecord;
use raft::history::QuorumHistory;
use raft::snapshot::{self, SnapshotHeader};
use raft::{LogShape, QuorumState, SnapshotId, VoterSet};
use records::{BatchView, batches};
use std::collections::BTreeMap;

/// One batch of a log.
#[derive(Clone, Debug)]
pub struct Stored {
    pub base: Offset,
    pub end: Offset,
    pub epoch: LeaderEpoch,
    pub bytes: Bytes,
    /// A hash of this batch and everything before it.
    pub chain: u64,
}

impl Stored {
    /// Whether it says who votes.
    pub fn has_voters(&self) -> bool {
        let (view, _) = BatchView::split(&self.bytes).unwrap();
        view.header().attributes.is_control()
            && matches!(LogBatch::read(&view).unwrap().contents, Contents::Control(records)
                if records.iter().any(|(_, record)| matches!(record, ControlRecord::Voters(_))))
    }
}

/// A log: its batches, and the hash of what came before them.
#[derive(Clone, Debug)]
pub struct Log {
    pub start: Offset,
    start_chain: u64,
    pub batches: Vec<Stored>,
}

impl Log {
    fn empty(start: Offset, start_chain: u64) -> Self {
        Self {
            start,
            start_chain,
            batches: Vec::new(),
        }
    }

    pub fn end(&self) -> Offset {
        self.batches.last().map_or(self.start, |last| last.end)
    }

    fn end_chain(&self) -> u64 {
        self.batches.last().map_or(self.start_chain, |last| last.chain)
    }

    /// The hash of everything below `end`; `None` if no batch ends there.
    pub fn chain_at(&self, end: Offset) -> Option<u64> {
        if end == self.start {
            return Some(self.start_chain);
        }
        let at = self.batches.partition_point(|batch| batch.end < end);
        self.batches
            .get(at)
            .filter(|batch| batch.end == end)
            .map(|batch| batch.chain)
    }

    fn append(&mut self, bytes: &Bytes) {
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            let (view, _) = BatchView::split(&rest).expect("the machine hands over whole batches");
            let header = view.header();
            let size = view.bytes().len();
            assert_eq!(header.base_offset, self.end(), "a batch continues the log");
            let one = rest.slice(..size);
            let chain = chain(self.end_chain(), &one);
            let stored = Stored {
                base: header.base_offset,
                end: header.next_offset(),
                epoch: header.partition_leader_epoch,
                bytes: one,
                chain,
            };
            rest = rest.slice(size..);
            self.batches.push(stored);
        }
    }

    fn truncate(&mut self, end: Offset) {
        let kept = self.batches.partition_point(|batch| batch.end <= end);
        self.batches.truncate(kept);
        assert_eq!(self.end(), end, "logs are cut between batches");
    }

    fn clean_before(&mut self, start: Offset) {
        let gone = self.batches.partition_point(|batch| batch.end <= start);
        if let Some(last) = self.batches.drain(..gone).next_back() {
            self.start_chain = last.chain;
            self.start = last.end;
        }
    }
}

fn chain(before: u64, bytes: &[u8]) -> u64 {
    let mut hash = before ^ 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

/// Everything a node has stored.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The log as the running system sees it.
    pub cached: Log,
    /// The log as it is after the loss of power.
    pub durable: Log,
    pub election: QuorumState,
    /// What the storage was formatted with: the voters of a dynamic quorum.
    formatted: Option<VoterSet>,
    pub snapshots: BTreeMap<SnapshotId, Bytes>,
    part: Option<(SnapshotId, Vec<u8>)>,
}

impl Disk {
    pub fn formatted(voters: Option<VoterSet>) -> Self {
        Self {
            cached: Log::empty(Offset::ZERO, 0),
            durable: Log::empty(Offset::ZERO, 0),
            election: QuorumState::INITIAL,
            formatted: voters,
            snapshots: BTreeMap::new(),
            part: None,
        }
    }

    pub fn append(&mut self, bytes: &Bytes) {
        self.cached.append(bytes);
    }

    pub fn flush(&mut self) {
        let (cached, durable) = (&self.cached, &mut self.durable);
        let known = durable.batches.len();
        let before = known.checked_sub(1).and_then(|last| cached.batches.get(last));
        if cached.start == durable.start && before.is_some_and(|batch| batch.chain == durable.end_chain()) {
            durable.batches.extend_from_slice(&cached.batches[known..]);
        } else {
            *durable = cached.clone();
        }
    }

    /// A flush that was begun when the log was `begun` ends: what of that is still there is durable.
    pub fn end_flush(&mut self, begun: &Log) {
        let (cached, durable) = (&self.cached, &mut self.durable);
        let mut begun = begun.clone();
        begun.clean_before(cached.start);
        if begun.start != cached.start {
            return;
        }
        let pairs = begun.batches.iter().zip(&cached.batches);
        let same = pairs.take_while(|(one, other)| one.chain == other.chain).count();
        // What was cut off meanwhile, but was durable, is so no more.
        let last = durable
            .batches
            .len()
            .checked_sub(1)
            .and_then(|last| cached.batches.get(last));
        let is_prefix = last.is_some_and(|batch| batch.chain == durable.end_chain());
        if same > durable.batches.len() || !is_prefix {
            durable.batches = begun.batches[..same].to_vec();
        }
    }

    pub fn truncate(&mut self, end: Offset) {
        self.cached.truncate(end);
    }

    pub fn lose_power(&mut self) {
        self.cached = self.durable.clone();
        self.part = None;
    }

    pub fn begin_snapshot(&mut self, id: SnapshotId) {
        self.part = Some((id, Vec::new()));
    }

    pub fn write_snapshot(&mut self, id: SnapshotId, position: u64, bytes: &[u8]) {
        let (begun, part) = self.part.as_mut().expect("a snapshot was begun");
        assert_eq!((*begun, part.len() as u64), (id, position), "pieces come in order");
        part.extend_from_slice(bytes);
    }

    pub fn abandon_snapshot(&mut self, id: SnapshotId) {
        self.part.take_if(|(begun, _)| *begun == id);
    }

    /// Puts the fetched snapshot in the place of the log; `None` if it is damaged.
    pub fn install_snapshot(&mut self, id: SnapshotId) -> Option<(SnapshotHeader, u64)> {
        let (begun, part) = self.part.take()?;
        assert_eq!(begun, id);
        let (header, chain) = read(&part)?;
        self.cached = Log::empty(id.end, chain);
        self.durable = self.cached.clone();
        self.snapshots.clear();
        self.snapshots.insert(id, part.into());
        Some((header, chain))
    }

    /// Keeps the newest snapshot and the log after its end.
    pub fn clean(&mut self) -> Option<Offset> {
        let newest = *self.snapshots.keys().next_back()?;
        self.snapshots.retain(|id, _| *id == newest);
        self.cached.clean_before(newest.end);
        self.durable.clean_before(newest.end);
        Some(self.cached.start)
    }

    /// What a start finds.
    pub fn load(&mut self, static_voters: VoterSet) -> (LogShape, QuorumHistory, u64) {
        let mut history = QuorumHistory::new(static_voters);
        if let Some(voters) = &self.formatted {
            history.set_base_kraft_version(Offset::ZERO, 1);
            history.set_base_voters(Offset::ZERO, voters.clone());
        }
        let newest = self
            .snapshots
            .iter()
            .next_back()
            .map(|(id, bytes)| (*id, bytes.clone()));
        let mut committed = self.cached.start_chain;
        if let Some((id, bytes)) = &newest {
            let (header, chain) = read(bytes).expect("a finished snapshot is whole");
            if header.kraft_version >= 1 {
                history.set_base_kraft_version(id.end, header.kraft_version);
            }
            if let Some(voters) = header.voters {
                history.set_base_voters(id.end, voters);
            }
            committed = chain;
            if self.cached.end() < id.end {
                // A crash between the end of a snapshot and the flush of what it covers.
                self.cached = Log::empty(id.end, chain);
                self.durable = self.cached.clone();
            }
        }
        let mut shape = LogShape::new(self.cached.start, self.cached.start, Vec::new(), None);
        let before = self.snapshots.keys().find(|id| id.end == self.cached.start);
        shape.set_start_epoch(before.map_or(LeaderEpoch(0), |id| id.epoch));
        for stored in &self.cached.batches {
            shape.grow(stored.epoch, stored.end);
            let (view, _) = BatchView::split(&stored.bytes).unwrap();
            if let Contents::Control(records) = LogBatch::read(&view).unwrap().contents {
                for (offset, record) in records {
                    match record {
                        ControlRecord::KRaftVersion(level) => history.set_kraft_version(offset, level),
                        ControlRecord::Voters(voters) => history.set_voters(offset, voters),
                        _ => {}
                    }
                }
            }
        }
        if let Some((id, _)) = newest {
            shape.add_snapshot(id);
        }
        (shape, history, committed)
    }
}

/// Writes a snapshot of a state that is nothing but the hash of all records.
pub fn write(id: SnapshotId, header: &SnapshotHeader, chain: u64, padding: usize) -> Bytes {
    let (mut writer, first) = snapshot::SnapshotWriter::begin(id, header, Timestamp(1));
    let mut sealed = vec![first];
    sealed.extend(writer.append(&chain.to_be_bytes()));
    sealed.extend(writer.append(&vec![0; padding]));
    sealed.extend(writer.finish());
    let mut bytes = Vec::new();
    for part in sealed {
        bytes.extend_from_slice(&part.batch.header_at(part.base, part.epoch));
        bytes.extend_from_slice(part.batch.body());
    }
    bytes.into()
}

fn read(bytes: &[u8]) -> Option<(SnapshotHeader, u64)> {
    let mut chain = None;
    let header = snapshot::read(bytes, |value| {
        chain = chain.or_else(|| Some(u64::from_be_bytes(value.try_into().ok()?)));
    });
    Some((header.ok()?, chain?))
}

/// How many batches there are in `bytes`: what is cut at the end does not count.
pub fn whole_batches(bytes: &[u8]) -> usize {
    batches(bytes).filter(Result::is_ok).count()
}
