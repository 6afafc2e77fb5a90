//! What the machine knows of the log without reading it: its ends, its epochs and its snapshots.

use crate::snapshot_id::SnapshotId;
use base::{LeaderEpoch, Offset};

/// A log position as replicas compare them: the epoch first, then the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// The epoch of the last record before `offset`.
    pub epoch: LeaderEpoch,
    /// The position.
    pub offset: Offset,
}

/// Where a follower's log leaves the leader's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divergence {
    /// It does not: the follower's log is a prefix of ours.
    None,
    /// Ours has nothing of the follower's last epoch beyond this position: it must truncate to it and ask again.
    At(LogPosition),
    /// It is before the beginning of our log: it needs the snapshot.
    Snapshot(SnapshotId),
}

/// The log's outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogShape {
    start: Offset,
    end: Offset,
    /// The epoch of the last record before `start`; 0 if there is none.
    start_epoch: LeaderEpoch,
    /// Epochs by the first offset written in them, both increasing.
    epochs: Vec<(LeaderEpoch, Offset)>,
    /// The newest finished snapshot; never the bootstrap snapshot.
    snapshot: Option<SnapshotId>,
}

impl LogShape {
    /// The outline of a log from `start` to `end` with these epochs and this newest snapshot.
    pub fn new(start: Offset, end: Offset, epochs: Vec<(LeaderEpoch, Offset)>, snapshot: Option<SnapshotId>) -> Self {
        Self {
            start,
            end,
            start_epoch: LeaderEpoch(0),
            epochs,
            snapshot: snapshot.filter(|id| *id != SnapshotId::BOOTSTRAP),
        }
    }

    /// The last record before the first offset is of `epoch`: the snapshot that ends there says so.
    pub fn set_start_epoch(&mut self, epoch: LeaderEpoch) {
        self.start_epoch = epoch;
    }

    /// The first offset.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The offset of the next record.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Option<SnapshotId> {
        self.snapshot
    }

    /// The epoch of the last record, in the log or in the snapshot that precedes it; 0 for nothing at all.
    pub fn last_epoch(&self) -> LeaderEpoch {
        let in_log = self.epochs.last().map(|(epoch, _)| *epoch);
        in_log.or(self.snapshot.map(|id| id.epoch)).unwrap_or(LeaderEpoch(0))
    }

    /// The end as others compare it in elections.
    pub fn end_position(&self) -> LogPosition {
        LogPosition {
            epoch: self.last_epoch(),
            offset: self.end,
        }
    }

    /// The epoch of the record at `offset`; `None` outside the log.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        if offset < self.start || offset >= self.end {
            return None;
        }
        let later = self.epochs.partition_point(|(_, first)| *first <= offset);
        let (epoch, _) = self.epochs.get(later.checked_sub(1)?)?;
        Some(*epoch)
    }

    /// The id of a snapshot of everything below `end`; `None` if the log does not know that record's epoch.
    pub fn snapshot_id(&self, end: Offset) -> Option<SnapshotId> {
        if let Some(newest) = self.snapshot.filter(|newest| newest.end == end) {
            return Some(newest);
        }
        let epoch = self.epoch_at(Offset(end.0 - 1))?;
        Some(SnapshotId { end, epoch })
    }

    /// Compares a follower's position with this log.
    pub fn divergence(&self, follower: LogPosition) -> Divergence {
        if let Some(snapshot) = self.snapshot {
            // What lies before the start can be compared no more. KIP-630: a follower at 0 takes the snapshot even if the log
            // still has everything.
            let is_covered = follower.offset < self.start || follower.offset == Offset::ZERO;
            let leaves_before = follower.epoch < self.start_epoch
                || follower.offset == self.start && follower.epoch != self.start_epoch;
            if is_covered || leaves_before {
                return Divergence::Snapshot(snapshot);
            }
        }
        if follower.offset == Offset::ZERO {
            return Divergence::None;
        }
        let ours = self.end_of(follower.epoch);
        if ours.epoch != follower.epoch || ours.offset < follower.offset {
            Divergence::At(ours)
        } else {
            Divergence::None
        }
    }

    /// The end of the newest epoch that is not newer than `epoch`.
    fn end_of(&self, epoch: LeaderEpoch) -> LogPosition {
        let later = self.epochs.partition_point(|(known, _)| *known <= epoch);
        let end = self.epochs.get(later).map_or(self.end, |(_, first)| *first);
        let known = later.checked_sub(1).and_then(|at| self.epochs.get(at));
        match known {
            Some((known, _)) => LogPosition {
                epoch: *known,
                offset: end,
            },
            None if self.start_epoch <= epoch => LogPosition {
                epoch: self.start_epoch,
                offset: end,
            },
            None => LogPosition {
                epoch: LeaderEpoch(0),
                offset: self.start,
            },
        }
    }

    /// Records of `epoch` were appended up to `end`.
    ///
    /// # Panics
    /// If the log or its epoch would go back.
    pub fn grow(&mut self, epoch: LeaderEpoch, end: Offset) {
        assert!(end > self.end, "the log ends at {} and cannot grow to {end}", self.end);
        assert!(
            epoch >= self.last_epoch(),
            "a record of epoch {epoch} after one of {}",
            self.last_epoch()
        );
        if self.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            self.epochs.push((epoch, self.end));
        }
        self.end = end;
    }

    /// Where this log, a follower's, is to be cut off when its leader says that it leaves the leader's at `diverging`.
    pub fn truncation(&self, diverging: LogPosition) -> Offset {
        let ours = self.end_of(diverging.epoch);
        if ours.epoch == diverging.epoch {
            ours.offset.min(diverging.offset)
        } else {
            ours.offset
        }
    }

    /// Everything from `end` on is gone.
    ///
    /// # Panics
    /// If the log does not reach from there.
    pub fn truncate(&mut self, end: Offset) {
        assert!(
            self.start <= end && end <= self.end,
            "a log from {} to {} cannot be truncated to {end}",
            self.start,
            self.end
        );
        self.epochs.retain(|(_, first)| *first < end);
        self.end = end;
    }

    /// A snapshot took the place of the whole log.
    pub fn install(&mut self, id: SnapshotId) {
        *self = Self::new(id.end, id.end, Vec::new(), Some(id));
        self.start_epoch = id.epoch;
    }

    /// A snapshot was finished.
    pub fn add_snapshot(&mut self, id: SnapshotId) {
        if id != SnapshotId::BOOTSTRAP && self.snapshot.is_none_or(|newest| newest < id) {
            self.snapshot = Some(id);
        }
    }

    /// The log now begins at `start`; what was before is in a snapshot.
    pub fn start_at(&mut self, start: Offset) {
        let before = self.epoch_at(Offset(start.0 - 1));
        self.start_epoch = before.unwrap_or(self.start_epoch);
        self.start = self.start.max(start);
        let later = self.epochs.partition_point(|(_, first)| *first <= self.start);
        if let Some(covering) = later.checked_sub(1) {
            self.epochs.drain(..covering);
            self.epochs[0].1 = self.start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: i32, offset: i64) -> LogPosition {
        LogPosition {
            epoch: LeaderEpoch(epoch),
            offset: Offset(offset),
        }
    }

    /// Epoch 1 from 0, epoch 3 from 10, epoch 4 from 15; the end is 20.
    fn shape() -> LogShape {
        let mut shape = LogShape::new(Offset(0), Offset(0), Vec::new(), None);
        for (epoch, end) in [(1, 4), (1, 10), (3, 15), (4, 20)] {
            shape.grow(LeaderEpoch(epoch), Offset(end));
        }
        shape
    }

    #[test]
    fn a_followers_log_is_a_prefix_or_told_where_it_leaves_ours() {
        let none = Divergence::None;
        for (epoch, offset, expected) in [
            (0, 0, none),
            (1, 4, none),
            (1, 10, none),
            (1, 11, Divergence::At(at(1, 10))),
            (2, 10, Divergence::At(at(1, 10))),
            (3, 15, none),
            (3, 16, Divergence::At(at(3, 15))),
            (4, 20, none),
            (4, 21, Divergence::At(at(4, 20))),
            (9, 20, Divergence::At(at(4, 20))),
        ] {
            assert_eq!(
                shape().divergence(at(epoch, offset)),
                expected,
                "epoch {epoch} offset {offset}"
            );
        }
    }

    #[test]
    fn whoever_is_before_the_start_needs_the_snapshot() {
        let mut shape = shape();
        let id = shape.snapshot_id(Offset(12)).unwrap();
        assert_eq!(
            id,
            SnapshotId {
                end: Offset(12),
                epoch: LeaderEpoch(3)
            }
        );
        shape.add_snapshot(id);
        assert_eq!(shape.divergence(at(1, 5)), Divergence::None);
        assert_eq!(shape.divergence(at(0, 0)), Divergence::Snapshot(id));
        shape.start_at(Offset(12));
        assert_eq!(shape.divergence(at(1, 5)), Divergence::Snapshot(id));
        assert_eq!(shape.divergence(at(3, 12)), Divergence::None);
        assert_eq!(shape.divergence(at(1, 12)), Divergence::Snapshot(id));
        assert_eq!(
            shape.divergence(at(2, 14)),
            Divergence::Snapshot(id),
            "an epoch that may have ended before the start"
        );
        assert_eq!(shape.divergence(at(3, 16)), Divergence::At(at(3, 15)));
        assert_eq!(shape.epoch_at(Offset(11)), None);
        assert_eq!(shape.epoch_at(Offset(12)), Some(LeaderEpoch(3)));
    }

    #[test]
    fn a_follower_cuts_off_what_its_leader_does_not_have() {
        for (epoch, offset, expected) in [
            (1, 8, 8),
            (1, 12, 10),
            (2, 14, 10),
            (3, 12, 12),
            (3, 30, 15),
            (4, 17, 17),
        ] {
            let mut shape = shape();
            let end = shape.truncation(at(epoch, offset));
            assert_eq!(end, Offset(expected), "epoch {epoch} offset {offset}");
            shape.truncate(end);
            assert_eq!(shape.end(), end);
            assert!(shape.last_epoch() <= LeaderEpoch(epoch));
        }
        let mut shape = shape();
        shape.truncate(Offset(10));
        shape.grow(LeaderEpoch(2), Offset(11));
        assert_eq!(shape.end_position(), at(2, 11));
        let id = SnapshotId {
            end: Offset(50),
            epoch: LeaderEpoch(6),
        };
        shape.install(id);
        assert_eq!((shape.start(), shape.end_position()), (Offset(50), at(6, 50)));
    }

    #[test]
    fn the_bootstrap_snapshot_does_not_count() {
        let mut shape = LogShape::new(Offset(0), Offset(0), Vec::new(), Some(SnapshotId::BOOTSTRAP));
        assert_eq!(shape.snapshot(), None);
        shape.add_snapshot(SnapshotId::BOOTSTRAP);
        assert_eq!(shape.divergence(at(0, 0)), Divergence::None);
    }
}
