//! Leader: appends records, counts who has them, and so moves the high watermark.

use super::ReplicaProgress;
use crate::accumulator::Accumulator;
use crate::replica::ReplicaKey;
use crate::voters::VoterSet;
use base::{LeaderEpoch, NodeId, Offset, Timestamp};
use std::collections::BTreeMap;

/// Observers that said nothing for this long are forgotten.
const OBSERVER_SESSION_MS: i64 = 300_000;
/// No more observers than this are remembered: they are unauthenticated claims of an id.
const MAX_OBSERVERS: usize = 10_000;

/// The elected leader of an epoch.
#[derive(Debug)]
pub(crate) struct Leader {
    /// The epoch.
    pub(crate) epoch: LeaderEpoch,
    /// The offset of the epoch's first record.
    start: Offset,
    /// Records on their way to the log.
    pub(crate) accumulator: Accumulator,
    high_watermark: Option<Offset>,
    voters: BTreeMap<NodeId, ReplicaProgress>,
    observers: BTreeMap<ReplicaKey, ReplicaProgress>,
}

impl Leader {
    pub(crate) fn new(epoch: LeaderEpoch, voters: &VoterSet, accumulator: Accumulator) -> Self {
        Self {
            epoch,
            start: accumulator.next(),
            accumulator,
            high_watermark: None,
            voters: voters.ids().map(|id| (id, ReplicaProgress::SILENT)).collect(),
            observers: BTreeMap::new(),
        }
    }

    pub(crate) fn start(&self) -> Offset {
        self.start
    }

    pub(crate) fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    pub(crate) fn voter(&self, id: NodeId) -> ReplicaProgress {
        self.voters.get(&id).copied().unwrap_or(ReplicaProgress::SILENT)
    }

    pub(crate) fn observers(&self) -> impl Iterator<Item = (ReplicaKey, ReplicaProgress)> {
        self.observers.iter().map(|(key, progress)| (*key, *progress))
    }

    /// This replica's own log is durable up to `end`.
    pub(crate) fn on_own_flush(&mut self, own: NodeId, end: Offset) {
        if let Some(progress) = self.voters.get_mut(&own) {
            progress.end = Some(end);
        }
    }

    /// An observer fetched at `fetched` while our log ended at `leader_end`.
    pub(crate) fn on_observer_fetch(
        &mut self,
        now: Timestamp,
        observer: ReplicaKey,
        fetched: Offset,
        leader_end: Offset,
    ) {
        self.observers
            .retain(|_, progress| now.0.saturating_sub(progress.last_fetch.0) < OBSERVER_SESSION_MS);
        if self.observers.len() < MAX_OBSERVERS || self.observers.contains_key(&observer) {
            let progress = self.observers.entry(observer).or_insert(ReplicaProgress::SILENT);
            progress.on_fetch(now, fetched, leader_end);
        }
    }

    /// Moves the high watermark to what more than half of the voters have, and returns it if it moved. It stays put until
    /// a record of this epoch is among it: only that proves that no other leader can undo the ones before.
    pub(crate) fn advance(&mut self, majority: usize) -> Option<Offset> {
        let mut ends: Vec<Offset> = self.voters.values().filter_map(|progress| progress.end).collect();
        ends.sort_unstable_by(|left, right| right.cmp(left));
        let replicated = *ends.get(majority.checked_sub(1)?)?;
        if replicated <= self.start || self.high_watermark.is_some_and(|known| replicated <= known) {
            return None;
        }
        self.high_watermark = Some(replicated);
        self.high_watermark
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voters::parse_static;

    fn leader(voters: &str, start: i64) -> (Leader, usize) {
        let voters = parse_static(voters, "CONTROLLER").unwrap();
        let accumulator = Accumulator::new(LeaderEpoch(5), Offset(start), 1000);
        (Leader::new(LeaderEpoch(5), &voters, accumulator), voters.majority())
    }

    #[test]
    fn one_voter_commits_what_it_has_flushed_once_its_epoch_began() {
        let (mut leader, majority) = leader("1@a:1", 10);
        for (flushed, moved) in [(8, None), (10, None), (11, Some(11)), (11, None), (20, Some(20))] {
            leader.on_own_flush(NodeId(1), Offset(flushed));
            assert_eq!(leader.advance(majority), moved.map(Offset), "flushed {flushed}");
        }
    }

    #[test]
    fn three_voters_commit_what_two_have() {
        let (mut leader, majority) = leader("1@a:1,2@b:1,3@c:1", 0);
        leader.on_own_flush(NodeId(1), Offset(9));
        assert_eq!(leader.advance(majority), None);
        leader.on_own_flush(NodeId(3), Offset(4));
        assert_eq!(leader.advance(majority), Some(Offset(4)));
        leader.on_own_flush(NodeId(2), Offset(12));
        assert_eq!(leader.advance(majority), Some(Offset(9)));
    }

    #[test]
    fn silent_observers_are_forgotten() {
        let (mut leader, _) = leader("1@a:1", 0);
        let observer = |id| ReplicaKey {
            id: NodeId(id),
            directory: None,
        };
        leader.on_observer_fetch(Timestamp(0), observer(7), Offset(1), Offset(1));
        leader.on_observer_fetch(Timestamp(299_999), observer(8), Offset(1), Offset(1));
        assert_eq!(leader.observers().count(), 2);
        leader.on_observer_fetch(Timestamp(300_000), observer(8), Offset(1), Offset(1));
        assert_eq!(leader.observers().map(|(key, _)| key.id.0).collect::<Vec<_>>(), [8]);
    }
}
