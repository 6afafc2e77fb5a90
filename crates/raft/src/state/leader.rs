//! Leader: appends records, counts who has them, and so moves the high watermark.

use super::ReplicaProgress;
use crate::accumulator::Accumulator;
use crate::replica::ReplicaKey;
use crate::voter_change::VoterChange;
use crate::voters::{Voter, VoterSet};
use base::{Instant, LeaderEpoch, NodeId, Offset, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Observers that said nothing for this long are forgotten.
const OBSERVER_SESSION_MS: i64 = 300_000;
/// And are looked for so often.
const OBSERVER_CHECK_MS: i64 = 1_000;
/// No more observers than this are remembered: they are unauthenticated claims of an id.
const MAX_OBSERVERS: usize = 10_000;
/// KIP-853: who is to become a voter fetched within the last hour, and had everything once.
const CAUGHT_UP_WITHIN_MS: i64 = 3_600_000;

/// A voter as the leader sees it.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Who it is.
    key: ReplicaKey,
    /// How far it has come.
    progress: ReplicaProgress,
    /// When it last showed that it knows the leader.
    last_seen: Option<Instant>,
}

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
    voters: BTreeMap<NodeId, Peer>,
    observers: BTreeMap<ReplicaKey, ReplicaProgress>,
    next_look_at_observers: Timestamp,
    /// The voters that fetched since the check of the majority began.
    fetched: BTreeSet<NodeId>,
    /// When the leader steps down, if the majority is not heard of by then.
    pub(crate) check_deadline: Instant,
    /// The one change of the voters that is under way.
    pub(crate) change: Option<VoterChange>,
    /// Under `kraft.version` 0: what voters said of themselves.
    pub(crate) announced: BTreeMap<NodeId, Voter>,
}

impl Leader {
    pub(crate) fn new(
        epoch: LeaderEpoch,
        voters: &VoterSet,
        accumulator: Accumulator,
        check_deadline: Instant,
    ) -> Self {
        let mut leader = Self {
            epoch,
            start: accumulator.next(),
            accumulator,
            high_watermark: None,
            voters: BTreeMap::new(),
            observers: BTreeMap::new(),
            next_look_at_observers: Timestamp::NONE,
            fetched: BTreeSet::new(),
            check_deadline,
            change: None,
            announced: BTreeMap::new(),
        };
        leader.adopt(voters);
        leader
    }

    pub(crate) fn start(&self) -> Offset {
        self.start
    }

    pub(crate) fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    pub(crate) fn voter(&self, id: NodeId) -> ReplicaProgress {
        self.voters
            .get(&id)
            .map_or(ReplicaProgress::SILENT, |peer| peer.progress)
    }

    pub(crate) fn observers(&self) -> impl Iterator<Item = (ReplicaKey, ReplicaProgress)> {
        self.observers.iter().map(|(key, progress)| (*key, *progress))
    }

    /// The voters are `voters` from now on. Who becomes one, or ceases to be one, keeps its progress.
    pub(crate) fn adopt(&mut self, voters: &VoterSet) {
        let mut former = std::mem::take(&mut self.voters);
        for voter in voters.iter() {
            let known = former
                .remove(&voter.key.id)
                .filter(|peer| is_same(&peer.key, &voter.key));
            let observed = self.observers.remove(&voter.key);
            let peer = known.unwrap_or(Peer {
                key: voter.key,
                progress: observed.unwrap_or(ReplicaProgress::SILENT),
                last_seen: None,
            });
            self.voters.insert(voter.key.id, Peer { key: voter.key, ..peer });
        }
        for peer in former.into_values() {
            self.observers.insert(peer.key, peer.progress);
        }
        self.fetched.retain(|id| self.voters.contains_key(id));
    }

    /// This replica's own log is durable up to `end`.
    pub(crate) fn on_own_flush(&mut self, own: NodeId, end: Offset) {
        if let Some(peer) = self.voters.get_mut(&own) {
            peer.progress.end = Some(end);
        }
    }

    /// A replica that knows this epoch asked for something, at `instant`.
    pub(crate) fn on_contact(&mut self, instant: Instant, replica: &ReplicaKey) {
        if let Some(peer) = self.voter_mut(replica) {
            peer.last_seen = Some(instant);
            self.fetched.insert(replica.id);
        }
    }

    /// A voter acknowledged that this replica leads.
    pub(crate) fn on_acknowledged(&mut self, instant: Instant, voter: NodeId) {
        if let Some(peer) = self.voters.get_mut(&voter) {
            peer.last_seen = Some(instant);
        }
    }

    /// A replica whose log is a prefix of ours fetched at `fetched` while our log ended at `leader_end`.
    pub(crate) fn on_fetch(&mut self, now: Timestamp, replica: ReplicaKey, fetched: Offset, leader_end: Offset) {
        if let Some(peer) = self.voter_mut(&replica) {
            peer.progress.on_fetch(now, fetched, leader_end);
            return;
        }
        self.forget_silent_observers(now);
        if self.observers.len() < MAX_OBSERVERS || self.observers.contains_key(&replica) {
            let progress = self.observers.entry(replica).or_insert(ReplicaProgress::SILENT);
            progress.on_fetch(now, fetched, leader_end);
        }
    }

    /// Not with every fetch, of which thousands of observers send many.
    fn forget_silent_observers(&mut self, now: Timestamp) {
        if now < self.next_look_at_observers {
            return;
        }
        self.next_look_at_observers = Timestamp(now.0.saturating_add(OBSERVER_CHECK_MS));
        self.observers
            .retain(|_, progress| now.0.saturating_sub(progress.last_fetch.0) < OBSERVER_SESSION_MS);
    }

    /// Whether more than half of the voters, counting `own` if it is one, were heard of since the check began; if so the
    /// next check begins.
    pub(crate) fn pass_check(&mut self, own: NodeId) -> bool {
        let needed = self.majority() - usize::from(self.voters.contains_key(&own));
        let others = self.fetched.iter().filter(|id| **id != own).count();
        let passed = others >= needed;
        if passed {
            self.fetched.clear();
        }
        passed
    }

    /// Whether there are voters that can fall silent.
    pub(crate) fn has_other_voters(&self, own: NodeId) -> bool {
        self.voters.keys().any(|id| *id != own)
    }

    /// The voters other than `own`, and when each was last heard of.
    pub(crate) fn others(&self, own: NodeId) -> impl Iterator<Item = (ReplicaKey, Option<Instant>)> {
        let others = self.voters.iter().filter(move |(id, _)| **id != own);
        others.map(|(_, peer)| (peer.key, peer.last_seen))
    }

    /// The voters other than `own`, those with the longest logs first.
    pub(crate) fn successors(&self, own: NodeId) -> Vec<ReplicaKey> {
        let mut others: Vec<&Peer> = self.voters.values().filter(|peer| peer.key.id != own).collect();
        others.sort_by_key(|peer| std::cmp::Reverse(peer.progress.end));
        others.into_iter().map(|peer| peer.key).collect()
    }

    /// KIP-853: whether `replica` may become a voter without holding up the others.
    pub(crate) fn is_caught_up(&self, now: Timestamp, replica: &ReplicaKey) -> bool {
        self.observers.get(replica).is_some_and(|progress| {
            progress.last_caught_up > Timestamp(0) && progress.last_fetch.0 > now.0.saturating_sub(CAUGHT_UP_WITHIN_MS)
        })
    }

    /// Moves the high watermark to what more than half of the voters have, and returns it if it moved. It stays put until
    /// a record of this epoch is among it: only that proves that no other leader can undo the ones before.
    pub(crate) fn advance(&mut self) -> Option<Offset> {
        let mut ends: Vec<Offset> = self.voters.values().filter_map(|peer| peer.progress.end).collect();
        ends.sort_unstable_by(|left, right| right.cmp(left));
        let replicated = *ends.get(self.majority() - 1)?;
        if replicated <= self.start || self.high_watermark.is_some_and(|known| replicated <= known) {
            return None;
        }
        self.high_watermark = Some(replicated);
        self.high_watermark
    }

    fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    fn voter_mut(&mut self, replica: &ReplicaKey) -> Option<&mut Peer> {
        self.voters
            .get_mut(&replica.id)
            .filter(|peer| is_same(&peer.key, replica))
    }
}

/// Whether `replica` is the voter with the key `voter`, whose directory may be unknown.
fn is_same(voter: &ReplicaKey, replica: &ReplicaKey) -> bool {
    voter.id == replica.id && (voter.directory.is_none() || voter.directory == replica.directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voters::parse_static;

    fn leader(voters: &str, start: i64) -> Leader {
        let voters = parse_static(voters, "CONTROLLER").unwrap();
        let accumulator = Accumulator::new(LeaderEpoch(5), Offset(start), 1000);
        Leader::new(LeaderEpoch(5), &voters, accumulator, Instant::ZERO)
    }

    fn replica(id: i32) -> ReplicaKey {
        ReplicaKey {
            id: NodeId(id),
            directory: None,
        }
    }

    #[test]
    fn one_voter_commits_what_it_has_flushed_once_its_epoch_began() {
        let mut leader = leader("1@a:1", 10);
        for (flushed, moved) in [(8, None), (10, None), (11, Some(11)), (11, None), (20, Some(20))] {
            leader.on_own_flush(NodeId(1), Offset(flushed));
            assert_eq!(leader.advance(), moved.map(Offset), "flushed {flushed}");
        }
    }

    #[test]
    fn three_voters_commit_what_two_have() {
        let mut leader = leader("1@a:1,2@b:1,3@c:1", 0);
        let fetch = |leader: &mut Leader, id, offset| {
            leader.on_fetch(Timestamp(1), replica(id), Offset(offset), Offset(20));
            leader.advance()
        };
        leader.on_own_flush(NodeId(1), Offset(9));
        assert_eq!(leader.advance(), None);
        assert_eq!(fetch(&mut leader, 7, 9), None, "an observer does not count");
        assert_eq!(fetch(&mut leader, 3, 4), Some(Offset(4)));
        assert_eq!(fetch(&mut leader, 2, 12), Some(Offset(9)));
        assert_eq!(leader.successors(NodeId(1)), [replica(2), replica(3)]);
        let smaller = parse_static("2@b:1,3@c:1", "CONTROLLER").unwrap();
        leader.adopt(&smaller);
        assert_eq!(leader.advance(), None, "it never goes back");
        assert_eq!(
            fetch(&mut leader, 3, 11),
            Some(Offset(11)),
            "a removed leader does not count itself"
        );
    }

    #[test]
    fn the_majority_is_heard_of_again_and_again() {
        let mut leader = leader("1@a:1,2@b:1,3@c:1,4@d:1,5@e:1", 0);
        leader.on_contact(Instant::ZERO, &replica(2));
        assert!(!leader.pass_check(NodeId(1)));
        leader.on_contact(Instant::ZERO, &replica(2));
        leader.on_contact(Instant::ZERO, &replica(9));
        assert!(!leader.pass_check(NodeId(1)), "one voter twice, and an observer");
        leader.on_contact(Instant::ZERO, &replica(5));
        assert!(leader.pass_check(NodeId(1)));
        assert!(!leader.pass_check(NodeId(1)), "the next check begins with nobody");
    }

    #[test]
    fn silent_observers_are_forgotten() {
        let mut leader = leader("1@a:1", 0);
        leader.on_fetch(Timestamp(0), replica(7), Offset(1), Offset(1));
        leader.on_fetch(Timestamp(299_999), replica(8), Offset(1), Offset(1));
        assert_eq!(leader.observers().count(), 2);
        leader.on_fetch(Timestamp(301_000), replica(8), Offset(1), Offset(1));
        assert_eq!(leader.observers().map(|(key, _)| key.id.0).collect::<Vec<_>>(), [8]);
    }
}
