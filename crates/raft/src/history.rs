//! The voter sets and `kraft.version` levels of the log, by the offset of the record that set them.
//!
//! KIP-853: both take effect when they are in the log, committed or not, and must be undone when that part of the log is
//! truncated; a snapshot carries the ones valid at its end.

use crate::control::ControlRecord;
use crate::voters::VoterSet;
use base::Offset;
use std::collections::BTreeMap;

/// Values by the offset from which on they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Timeline<T> {
    /// The value before the first entry: from the snapshot the log begins with, or the static configuration.
    base: Option<T>,
    entries: BTreeMap<Offset, T>,
}

impl<T: Clone> Timeline<T> {
    fn latest(&self) -> Option<&T> {
        self.entries
            .last_key_value()
            .map(|(_, value)| value)
            .or(self.base.as_ref())
    }

    fn at(&self, end: Offset) -> Option<&T> {
        let before = self.entries.range(..end).next_back();
        before.map(|(_, value)| value).or(self.base.as_ref())
    }

    fn truncate(&mut self, end: Offset) {
        self.entries.split_off(&end);
    }

    fn forget_before(&mut self, start: Offset) {
        let kept = self.entries.split_off(&start);
        let dropped = std::mem::replace(&mut self.entries, kept);
        if let Some((_, value)) = dropped.into_iter().next_back() {
            self.base = Some(value);
        }
    }
}

/// What the log's control records say about the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumHistory {
    voters: Timeline<VoterSet>,
    kraft_version: Timeline<i16>,
    static_voters: VoterSet,
    /// The end of the snapshot the log begins with; 0 for none, and for the bootstrap snapshot.
    base_end: Offset,
}

impl QuorumHistory {
    /// A history without records, whose voters are those of `controller.quorum.voters` (empty if it is not set).
    pub fn new(static_voters: VoterSet) -> Self {
        Self {
            voters: Timeline {
                base: None,
                entries: BTreeMap::new(),
            },
            kraft_version: Timeline {
                base: None,
                entries: BTreeMap::new(),
            },
            static_voters,
            base_end: Offset::ZERO,
        }
    }

    /// The level in force: 0 while voters are static, 1 once they are records.
    pub fn kraft_version(&self) -> i16 {
        self.kraft_version.latest().copied().unwrap_or(0)
    }

    /// The level for a snapshot of everything below `end`.
    pub fn kraft_version_at(&self, end: Offset) -> i16 {
        self.kraft_version.at(end).copied().unwrap_or(0)
    }

    /// The voters in force.
    pub fn voters(&self) -> &VoterSet {
        self.voters.latest().unwrap_or(&self.static_voters)
    }

    /// The voters for a snapshot of everything below `end`, if they are records.
    pub fn voters_at(&self, end: Offset) -> Option<&VoterSet> {
        self.voters.at(end)
    }

    /// Whether the voters in force stand in the log itself, or in a snapshot of it. If not they came from the bootstrap
    /// snapshot, which is never replicated, and a new leader has to write them.
    pub fn voters_are_replicated(&self) -> bool {
        !self.voters.entries.is_empty() || self.base_end > Offset::ZERO
    }

    /// A control record at `offset` (KIP-853): voters and `kraft.version` are in force as soon as they are read, committed
    /// or not.
    pub fn take(&mut self, offset: Offset, record: &ControlRecord) {
        match record {
            ControlRecord::KRaftVersion(level) => self.set_kraft_version(offset, *level),
            ControlRecord::Voters(voters) => self.set_voters(offset, voters.clone()),
            ControlRecord::LeaderChange { .. }
            | ControlRecord::SnapshotHeader { .. }
            | ControlRecord::SnapshotFooter
            | ControlRecord::Other(_) => {}
        }
    }

    /// A VOTERS record at `offset`.
    pub fn set_voters(&mut self, offset: Offset, voters: VoterSet) {
        self.voters.entries.insert(offset, voters);
    }

    /// A KRAFT_VERSION record at `offset`.
    pub fn set_kraft_version(&mut self, offset: Offset, level: i16) {
        self.kraft_version.entries.insert(offset, level);
    }

    /// A VOTERS record in the snapshot, ending at `end`, that the log begins with.
    pub fn set_base_voters(&mut self, end: Offset, voters: VoterSet) {
        self.base_end = end;
        self.voters.base = Some(voters);
    }

    /// A KRAFT_VERSION record in the snapshot, ending at `end`, that the log begins with.
    pub fn set_base_kraft_version(&mut self, end: Offset, level: i16) {
        self.base_end = end;
        self.kraft_version.base = Some(level);
    }

    /// Whether the voters in force are below `high_watermark`: only then may they be changed again.
    pub fn voters_are_committed(&self, high_watermark: Offset) -> bool {
        let newest = self.voters.entries.last_key_value();
        newest.is_none_or(|(offset, _)| *offset < high_watermark)
    }

    /// The log was replaced by a snapshot ending at `end`.
    pub fn install(&mut self, end: Offset, kraft_version: i16, voters: Option<VoterSet>) {
        self.voters = Timeline {
            base: voters,
            entries: BTreeMap::new(),
        };
        self.kraft_version = Timeline {
            base: Some(kraft_version),
            entries: BTreeMap::new(),
        };
        self.base_end = end;
    }

    /// The log lost everything from `end` on.
    pub fn truncate(&mut self, end: Offset) {
        self.voters.truncate(end);
        self.kraft_version.truncate(end);
    }

    /// The log's prefix below `start` is covered by a snapshot.
    pub fn forget_before(&mut self, start: Offset) {
        self.voters.forget_before(start);
        self.kraft_version.forget_before(start);
        self.base_end = self.base_end.max(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voters::parse_static;

    fn voters(text: &str) -> VoterSet {
        parse_static(text, "CONTROLLER").unwrap()
    }

    #[test]
    fn the_newest_record_counts_until_it_is_truncated() {
        let (configured, first, second) = (voters("1@a:1"), voters("2@a:1"), voters("3@a:1"));
        let mut history = QuorumHistory::new(configured.clone());
        assert_eq!((history.kraft_version(), history.voters()), (0, &configured));
        history.set_kraft_version(Offset(1), 1);
        history.set_voters(Offset(2), first.clone());
        history.set_voters(Offset(9), second.clone());
        assert_eq!((history.kraft_version(), history.voters()), (1, &second));
        assert_eq!(history.voters_at(Offset(9)), Some(&first));
        assert_eq!(history.voters_at(Offset(2)), None);
        history.truncate(Offset(9));
        assert_eq!(history.voters(), &first);
        history.truncate(Offset(1));
        assert_eq!((history.kraft_version(), history.voters()), (0, &configured));
    }

    #[test]
    fn a_cleaned_prefix_leaves_its_last_value() {
        let (bootstrap, first) = (voters("1@a:1"), voters("2@a:1"));
        let mut history = QuorumHistory::new(VoterSet::default());
        history.set_base_kraft_version(Offset::ZERO, 1);
        history.set_base_voters(Offset::ZERO, bootstrap.clone());
        assert!(!history.voters_are_replicated());
        history.forget_before(Offset(4));
        assert_eq!(history.voters(), &bootstrap);
        history.set_voters(Offset(5), first.clone());
        assert!(history.voters_are_replicated());
        history.forget_before(Offset(6));
        assert_eq!((history.kraft_version(), history.voters()), (1, &first));
    }
}
