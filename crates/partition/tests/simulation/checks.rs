//! What must be true of every history.

use crate::node::{End, Node};
use base::{LeaderEpoch, NodeId, Offset, ProducerId};
use bytes::Bytes;
use metadata::image::PartitionImage;
use partition::Partition;
use records::{BatchHeader, BatchView};
use std::collections::BTreeMap;
use storage::{Durability, MinOne, ReadRequest};

/// A batch as it lies in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub header: BatchHeader,
    pub bytes: Bytes,
}

/// The batches of a log from `from` on, those whole below `to`.
pub fn batches(partition: &Partition, from: Offset, to: Offset) -> Vec<Placed> {
    let view = partition.log().view();
    let mut found = Vec::new();
    let mut next = from.max(view.log_start_offset());
    while next < to {
        let request = ReadRequest {
            from: next,
            max_bytes: 1 << 20,
            bound: view.log_end_offset(),
            min_one: MinOne::Whole,
        };
        let Some(region) = view.read(request).unwrap().region else {
            break;
        };
        let mut rest: &[u8] = &region.read().unwrap();
        while let Ok((batch, after)) = BatchView::split(rest) {
            batch.check().unwrap();
            let header = *batch.header();
            if header.last_offset() >= next && header.last_offset() < to {
                let bytes = Bytes::copy_from_slice(batch.bytes());
                found.push(Placed { header, bytes });
            }
            next = next.max(header.next_offset());
            rest = after;
        }
    }
    found
}

#[derive(Debug, Default)]
pub struct Checks {
    /// No leader may be elected that is not in sync: nothing committed is ever lost.
    pub is_strict: bool,
    pub min_copies: usize,
    committed: BTreeMap<Offset, Placed>,
    committed_end: Offset0,
    written: BTreeMap<(ProducerId, i32), Offset>,
    high_watermarks: BTreeMap<NodeId, (u64, Offset)>,
    latest: BTreeMap<LeaderEpoch, Offset>,
    pub deleted_to: Offset0,
}

/// An offset that begins at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset0(pub Offset);

impl Default for Offset0 {
    fn default() -> Self {
        Self(Offset::ZERO)
    }
}

impl Checks {
    pub fn new(is_strict: bool, min_copies: usize) -> Self {
        Self {
            is_strict,
            min_copies,
            ..Self::default()
        }
    }

    pub fn committed_batches(&self) -> usize {
        self.committed.len()
    }

    /// After something happened to `nodes[at]`.
    pub fn look(&mut self, nodes: &BTreeMap<NodeId, Node>, at: NodeId) {
        if !self.is_strict {
            return;
        }
        let node = &nodes[&at];
        let Some(partition) = node.partition() else {
            self.high_watermarks.remove(&at);
            return;
        };
        let now = partition.high_watermark();
        let before = match self.high_watermarks.get(&at) {
            Some((life, before)) if *life == node.life => *before,
            _ => partition.log().log_start_offset(),
        };
        assert!(
            now >= before,
            "the high watermark of {at} went back from {before} to {now}"
        );
        self.high_watermarks.insert(at, (node.life, now));
        if now > before {
            self.commit(partition, before, now);
        }
        if now > before && partition.leadership().is_ok() {
            self.enough_copies(nodes, now);
        }
    }

    /// What a replica says is committed is what any other ever said.
    fn commit(&mut self, partition: &Partition, from: Offset, to: Offset) {
        for placed in batches(partition, from, to) {
            let base = placed.header.base_offset;
            if base >= self.committed_end.0 {
                let producer = (placed.header.producer_id, placed.header.base_sequence);
                // A replica that came after the first was deleted knows nothing of it, in Kafka neither.
                if let Some(first) = self
                    .written
                    .insert(producer, base)
                    .filter(|first| *first >= self.deleted_to.0)
                {
                    panic!("batch {producer:?} is at {first} and at {base}");
                }
                self.committed_end = Offset0(placed.header.next_offset());
                self.committed.insert(base, placed);
                continue;
            }
            let known = self.committed.get(&base);
            assert_eq!(known, Some(&placed), "another record is committed at {base}");
        }
    }

    /// Whoever may be elected has all that is committed.
    pub fn look_at_metadata(&self, nodes: &BTreeMap<NodeId, Node>, image: Option<&PartitionImage>) {
        let Some(image) = image.filter(|_| self.is_strict) else {
            return;
        };
        for id in image.isr.iter().chain(&image.elr) {
            let node = &nodes[id];
            let end = self.committed_end.0;
            match node.partition() {
                Some(partition) if self.has_its_place(node) => {
                    let log = partition.log();
                    assert!(
                        log.log_end_offset() >= end,
                        "{id} is eligible, and ends at {} < {end}",
                        log.log_end_offset()
                    );
                    let tail = self.committed.last_key_value();
                    if let Some((base, placed)) = tail
                        && *base >= log.log_start_offset()
                    {
                        let own = batches(partition, *base, end);
                        assert_eq!(
                            own.first(),
                            Some(placed),
                            "{id} is eligible, and has other records at {base}"
                        );
                    }
                }
                _ => {}
            }
            if let Some(safe) = node
                .safe_end
                .filter(|_| node.durability == Durability::Flush || node.running.is_none())
            {
                assert!(safe >= end, "{id} is eligible, and has only {safe} of {end} for sure");
            }
        }
    }

    /// It has lost nothing, or the controller knows it.
    fn has_its_place(&self, node: &Node) -> bool {
        node.durability == Durability::Flush || node.last_end != End::PowerCut || node.is_known_to_controller
    }

    fn enough_copies(&self, nodes: &BTreeMap<NodeId, Node>, end: Offset) {
        // One whose power was cut without a promise of the disk's had it when it said so.
        let has_it = |node: &&Node| node.safe_end.is_none_or(|safe| safe >= end);
        let copies = nodes.values().filter(has_it).count();
        assert!(copies >= self.min_copies, "{end} is committed with {copies} copies");
    }

    /// A producer was told that its batch is at `at`.
    pub fn acknowledged(&self, producer: ProducerId, sequence: i32, at: Offset) {
        let known = self.written.get(&(producer, sequence));
        let is_gone = self.is_strict && known != Some(&at);
        assert!(
            !is_gone,
            "batch {sequence} of {producer} was acknowledged at {at}, and is at {known:?}"
        );
    }

    /// A consumer read these.
    pub fn consumed(&self, records: &[u8], position: Offset) -> Offset {
        let mut next = position;
        let mut rest = records;
        while let Ok((batch, after)) = BatchView::split(rest) {
            let header = batch.header();
            let known = self.committed.get(&header.base_offset);
            if self.is_strict {
                assert_eq!(
                    known.map(|known| &known.bytes[..]),
                    Some(batch.bytes()),
                    "read at {}",
                    header.base_offset
                );
            }
            next = next.max(header.next_offset());
            rest = after;
        }
        next
    }

    /// A leader told a consumer that the partition ends at `end`: at or above what any before it told.
    pub fn told_latest(&mut self, epoch: LeaderEpoch, end: Offset) {
        if !self.is_strict {
            return;
        }
        let before = self.latest.range(..=epoch).next_back();
        if let Some((earlier, told)) = before {
            assert!(
                *told <= end || *earlier == epoch,
                "the end went back from {told} in epoch {earlier} to {end} in {epoch}"
            );
        }
        let told = self.latest.entry(epoch).or_insert(end);
        *told = (*told).max(end);
    }

    pub fn beyond(&self, position: Offset, epoch: LeaderEpoch, end: Offset) {
        assert!(
            !self.is_strict,
            "{position} was committed, and the leader of epoch {epoch} ends at {end}"
        );
    }

    /// All logs agree where they have records of the same epoch, and know their epochs.
    pub fn logs_match(&self, nodes: &BTreeMap<NodeId, Node>) {
        let mut logs: Vec<(NodeId, Vec<Placed>)> = Vec::new();
        for (id, node) in nodes {
            let Some(partition) = node.partition() else { continue };
            let log = partition.log();
            let all = batches(partition, log.log_start_offset(), log.log_end_offset());
            for placed in &all {
                let base = placed.header.base_offset.max(log.log_start_offset());
                let known = log.epoch_for_offset(base);
                let epoch = placed.header.partition_leader_epoch;
                // What was deleted may be back after a crash, without its epochs.
                let is_back = known.is_none() && base < self.deleted_to.0;
                assert!(
                    known == Some(epoch) || is_back,
                    "{id} takes {base} of {epoch} for a record of {known:?}"
                );
            }
            logs.push((*id, all));
        }
        for (at, (one, left)) in logs.iter().enumerate() {
            for (other, right) in &logs[at + 1..] {
                agree((*one, left), (*other, right));
            }
        }
    }
}

/// If two logs have a record of the same epoch at the same offset, they are the same up to there.
fn agree((one, left): (NodeId, &[Placed]), (other, right): (NodeId, &[Placed])) {
    let by_base = |placed: &Placed| (placed.header.base_offset, placed.header.partition_leader_epoch);
    let theirs: BTreeMap<Offset, &Placed> = right.iter().map(|placed| (placed.header.base_offset, placed)).collect();
    let same = |placed: &&Placed| {
        theirs
            .get(&placed.header.base_offset)
            .is_some_and(|there| by_base(there) == by_base(placed))
    };
    let Some(last) = left.iter().rev().find(same) else {
        return;
    };
    let first = left
        .first()
        .into_iter()
        .chain(right.first())
        .map(|placed| placed.header.base_offset)
        .max();
    let upto = |log: &[Placed]| -> Vec<Placed> {
        let within = |placed: &&Placed| {
            Some(placed.header.base_offset) >= first && placed.header.base_offset <= last.header.base_offset
        };
        log.iter().filter(within).cloned().collect()
    };
    assert_eq!(
        upto(left),
        upto(right),
        "{one} and {other} differ below {}",
        last.header.base_offset
    );
}
