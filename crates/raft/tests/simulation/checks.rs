//! Raft's promises, checked as they are made.

use crate::disk::{Disk, Log, Stored};
use base::{LeaderEpoch, NodeId, Offset};
use raft::{QuorumState, ReplicaKey, VoterSet};
use std::collections::BTreeMap;

/// What has been seen, of all nodes.
#[derive(Debug, Default)]
pub struct Checks {
    leaders: BTreeMap<LeaderEpoch, ReplicaKey>,
    /// Whom each replica voted for, by epoch.
    votes: BTreeMap<(ReplicaKey, LeaderEpoch), ReplicaKey>,
    /// By epoch and end of a batch: the hash of the log up to there.
    chains: BTreeMap<(LeaderEpoch, Offset), u64>,
    /// By end of a batch: the hash of everything committed up to there.
    committed: BTreeMap<Offset, u64>,
    /// How far a leader of each epoch has committed.
    commits: BTreeMap<LeaderEpoch, Offset>,
}

impl Checks {
    pub fn committed_end(&self) -> Offset {
        self.committed.last_key_value().map_or(Offset::ZERO, |(end, _)| *end)
    }

    /// The hash of what is committed below `end`.
    pub fn committed_at(&self, end: Offset) -> Option<u64> {
        self.committed.get(&end).copied()
    }

    /// `replica` leads `epoch`; its log is `log`.
    pub fn leads(&mut self, replica: ReplicaKey, epoch: LeaderEpoch, log: &Log) {
        let first = *self.leaders.entry(epoch).or_insert(replica);
        assert_eq!(first, replica, "one leader in epoch {epoch}");
        let before = self.commits.range(..epoch).map(|(_, end)| *end).max();
        let Some(end) = before.filter(|end| *end > log.start) else {
            return;
        };
        let has = log.chain_at(end);
        assert_eq!(
            has,
            self.committed_at(end),
            "the leader of epoch {epoch} has everything committed before, up to {end}"
        );
    }

    /// More than half of `voters` voted for the leader of `epoch`; `keys` are the nodes by number.
    pub fn elected(&self, leader: ReplicaKey, epoch: LeaderEpoch, voters: &VoterSet, keys: &[ReplicaKey]) {
        let voted = voters.ids().filter(|id| {
            let key = keys[usize::try_from(id.0).unwrap()];
            self.votes.get(&(key, epoch)) == Some(&leader)
        });
        let voted = voted.count();
        assert!(
            voted >= voters.majority(),
            "{voted} of {} voters made {leader} the leader of {epoch}",
            voters.len()
        );
    }

    pub fn elections(&self) -> u64 {
        self.leaders.len() as u64
    }

    /// `replica` made this durable, in the place of `before`.
    pub fn persisted(&mut self, replica: ReplicaKey, before: &QuorumState, after: &QuorumState) {
        assert!(
            after.epoch >= before.epoch,
            "epochs do not go back: {before:?}, {after:?}"
        );
        if after.epoch == before.epoch {
            let forgets = before.voted.is_some() && after.voted != before.voted && after.leader != Some(replica.id);
            assert!(!forgets, "{replica} forgets its vote: {before:?}, {after:?}");
            let changes = before.leader.is_some() && after.leader != before.leader;
            assert!(!changes, "{replica} forgets its leader: {before:?}, {after:?}");
        }
        if let Some(voted) = after.voted {
            self.voted(replica, after.epoch, voted);
        }
    }

    /// `replica` said that it votes for `candidate`: it must have written that down.
    pub fn granted(&mut self, replica: ReplicaKey, epoch: LeaderEpoch, candidate: ReplicaKey, disk: &Disk) {
        self.voted(replica, epoch, candidate);
        let written = &disk.election;
        let remembers = written.epoch > epoch || (written.epoch == epoch && written.voted == Some(candidate));
        assert!(
            remembers,
            "{replica} voted for {candidate} in {epoch} and wrote {written:?}"
        );
    }

    fn voted(&mut self, replica: ReplicaKey, epoch: LeaderEpoch, candidate: ReplicaKey) {
        let first = *self.votes.entry((replica, epoch)).or_insert(candidate);
        assert_eq!(first.id, candidate.id, "{replica} votes once in epoch {epoch}");
    }

    /// A log was appended to: from `from` on its batches are new.
    pub fn appended(&mut self, log: &Log, from: Offset) {
        let first = log.batches.partition_point(|batch| batch.base < from);
        for batch in &log.batches[first..] {
            let known = *self.chains.entry((batch.epoch, batch.end)).or_insert(batch.chain);
            assert_eq!(
                known, batch.chain,
                "logs with a batch of epoch {} ending at {} are equal",
                batch.epoch, batch.end
            );
        }
    }

    /// A leader whose epoch began at `start` appended what is in its log from `from` on. KIP-853: it changes voters only once
    /// it knows that something of its epoch, and the change before, is committed; what an epoch begins with is exempt.
    pub fn changes(&self, log: &Log, from: Offset, start: Offset, high_watermark: Offset) {
        let (before, new) = log
            .batches
            .split_at(log.batches.partition_point(|batch| batch.base < from));
        if from == start || !new.iter().any(Stored::has_voters) {
            return;
        }
        let last = before.iter().rfind(|batch| batch.has_voters());
        assert!(
            high_watermark > start,
            "voters are changed at {from} before anything from {start} on is committed"
        );
        let is_committed = last.is_none_or(|last| last.end <= high_watermark);
        assert!(
            is_committed,
            "voters are changed at {from} before the last change is committed"
        );
    }

    /// A replica whose log is `log` holds everything below `end` for committed; it checked up to `checked` before.
    pub fn commits(&mut self, log: &Log, checked: Offset, end: Offset) {
        let (from, to) = (checked.max(log.start), end);
        assert!(
            end <= log.end(),
            "nothing beyond the log's end {} is committed: {end}",
            log.end()
        );
        assert!(to <= log.start || log.chain_at(to).is_some(), "{to} is between batches");
        let first = log.batches.partition_point(|batch| batch.end <= from);
        for batch in log.batches[first..].iter().take_while(|batch| batch.end <= to) {
            let known = *self.committed.entry(batch.end).or_insert(batch.chain);
            assert_eq!(known, batch.chain, "everybody commits the same up to {}", batch.end);
        }
    }

    /// The leader says that everything below `end` is committed: then more than half of the voters have it on stable
    /// storage.
    pub fn leader_commits<'a>(
        &mut self,
        epoch: LeaderEpoch,
        voters: &VoterSet,
        end: Offset,
        disk_of: impl Fn(NodeId) -> Option<(ReplicaKey, &'a Disk)>,
    ) {
        let expected = self.committed_at(end);
        let holds = |voter: &raft::voters::Voter| {
            disk_of(voter.key.id).is_some_and(|(key, disk)| {
                let same = voter.key.directory.is_none() || voter.key == key;
                same && (disk.durable.start >= end || disk.durable.chain_at(end) == expected)
            })
        };
        let holding = voters.iter().filter(|voter| holds(voter)).count();
        assert!(
            holding >= voters.majority(),
            "{end} is committed in epoch {} though only {holding} of {} voters have it",
            epoch,
            voters.len()
        );
        let known = self.commits.entry(epoch).or_insert(end);
        *known = (*known).max(end);
    }
}
