//! Leading: taking records, moving the high watermark, and keeping the followers' attention.

use super::{Raft, Turn, earlier};
use crate::accumulator::{Accumulator, Cut, TooLarge};
use crate::config::Now;
use crate::control::ControlRecord;
use crate::effect::Effect;
use crate::message::{BeginQuorumEpochRequest, Request};
use crate::replica::ReplicaKey;
use crate::state::{Leader, State};
use base::{Instant, LeaderEpoch, NodeId, Offset};
use bytes::Bytes;
use std::time::Duration;

/// Why records were not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// This replica does not lead.
    #[error("this node does not lead the metadata quorum")]
    NotLeader,
    /// They fit in no batch.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl Raft {
    /// The offset that the next record taken gets, if this replica leads.
    pub fn next_offset(&self) -> Option<Offset> {
        self.leader().map(|leader| leader.accumulator.next())
    }

    /// Whether [`Raft::append`] would take these records.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, values: &[Bytes], cut: Cut) -> Result<(), AppendError> {
        let leader = self.leader().ok_or(AppendError::NotLeader)?;
        Ok(leader.accumulator.admit(values, cut)?)
    }

    /// Takes record values for the log and returns the first one's offset. They reach the log with [`Raft::seal`].
    ///
    /// # Errors
    /// As [`Raft::admit`].
    pub fn append(&mut self, now: Now, values: &[Bytes], cut: Cut) -> Result<Offset, AppendError> {
        self.admit(values, cut)?;
        let State::Leader(leader) = &mut self.state else {
            return Err(AppendError::NotLeader);
        };
        let first = leader.accumulator.next();
        leader.accumulator.append(now.wall, values, cut);
        Ok(first)
    }

    /// Sends what was taken to the log, with one flush for all of it.
    pub fn seal(&mut self, out: &mut Vec<Effect>) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let batches = leader.accumulator.drain();
        if batches.is_empty() {
            return;
        }
        for batch in batches {
            self.shape.grow(batch.epoch, batch.end());
            out.push(Effect::Append(batch));
        }
        self.durability.ask(self.shape.end());
        out.push(Effect::Flush);
    }

    pub(crate) fn leader(&self) -> Option<&Leader> {
        match &self.state {
            State::Leader(leader) => Some(leader),
            State::Unattached(_)
            | State::Prospective(_)
            | State::Candidate(_)
            | State::Follower(_)
            | State::Resigned(_) => None,
        }
    }

    pub(super) fn become_leader(&mut self, now: Now, out: &mut Vec<Effect>) {
        let State::Candidate(candidate) = &self.state else {
            return;
        };
        let (epoch, granting) = (candidate.epoch, candidate.votes.granted().collect());
        let accumulator = Accumulator::new(epoch, self.shape.end(), self.config.max_batch);
        let check_deadline = now.instant.plus(self.check_timeout());
        let mut leader = Leader::new(epoch, self.history.voters(), accumulator, check_deadline);
        let mut records = vec![ControlRecord::LeaderChange {
            leader: self.config.own.id,
            voters: self.history.voters().ids().collect(),
            granting,
        }];
        records.extend(self.voters_to_write(leader.start().next()));
        leader.accumulator.append_control(now.wall, &records);
        leader.adopt(self.history.voters());
        leader.on_own_flush(self.config.own.id, self.durability.flushed());
        self.enter_office(leader, out);
    }

    /// KIP-853: the leader writes the voters if they are known from the bootstrap snapshot only, which nobody replicates,
    /// or if it is reached elsewhere than they say.
    fn voters_to_write(&mut self, offset: Offset) -> Vec<ControlRecord> {
        let level = self.history.kraft_version();
        if level < 1 {
            return Vec::new();
        }
        let voters = self.history.voters();
        let updated = voters.with_updated(self.config.own_voter());
        if self.history.voters_are_replicated() && updated == *voters {
            return Vec::new();
        }
        self.history.set_kraft_version(offset, level);
        self.history.set_voters(offset.next(), updated.clone());
        vec![ControlRecord::KRaftVersion(level), ControlRecord::Voters(updated)]
    }

    pub(super) fn drive_leader(&mut self, now: Now, out: &mut Vec<Effect>) -> Turn {
        let own = self.config.own.id;
        let check_timeout = self.check_timeout();
        let State::Leader(leader) = &mut self.state else {
            return Turn::Again;
        };
        if leader.pass_check(own) {
            leader.check_deadline = now.instant.plus(check_timeout);
        }
        let check = Some(leader.check_deadline).filter(|_| leader.has_other_voters(own));
        if check.is_some_and(|deadline| deadline <= now.instant) {
            let deadline = self.election_deadline(now.instant);
            self.become_resigned(Some(deadline), out);
            return Turn::Again;
        }
        let change = self.expire_change(now, out);
        let wake = self.begin_epoch_of_silent_voters(now, out);
        Turn::Wait(earlier(earlier(check, change), wake))
    }

    /// KIP-595: a leader that is not heard by more than half must not believe that it leads.
    fn check_timeout(&self) -> Duration {
        self.config.fetch_timeout + self.config.fetch_timeout / 2
    }

    /// Makes the epoch known to the voters that were not heard of for half a fetch timeout.
    fn begin_epoch_of_silent_voters(&mut self, now: Now, out: &mut Vec<Effect>) -> Option<Instant> {
        let leader = self.leader()?;
        let epoch = leader.epoch;
        let patience = self.config.fetch_timeout / 2;
        let mut wake = None;
        let others: Vec<_> = leader.others(self.config.own.id).collect();
        for (voter, last_seen) in others {
            let due = last_seen
                .map(|seen| seen.plus(patience))
                .filter(|due| *due > now.instant);
            if due.is_some() {
                wake = earlier(wake, due);
                continue;
            }
            let Some(to) = self.voter_destination(voter.id) else {
                continue;
            };
            let request = BeginQuorumEpochRequest {
                leader: self.config.own.id,
                epoch,
                endpoints: self.config.endpoints.clone(),
                voter: Some(voter),
            };
            wake = earlier(wake, self.send(to, || Request::BeginQuorumEpoch(request), now, out));
        }
        wake
    }

    /// A voter knows that this replica leads.
    pub(super) fn on_epoch_acknowledged(&mut self, voter: Option<NodeId>, epoch: LeaderEpoch, now: Now) {
        if let State::Leader(leader) = &mut self.state
            && let Some(voter) = voter
            && leader.epoch == epoch
        {
            leader.on_acknowledged(now.instant, voter);
        }
    }

    /// A voter knows that this replica leads no more.
    pub(super) fn on_end_acknowledged(&mut self, voter: Option<NodeId>, epoch: LeaderEpoch) {
        if let State::Resigned(state) = &mut self.state
            && let Some(voter) = voter
            && state.epoch == epoch
        {
            state.untold.remove(&voter);
        }
    }

    /// A replica pulled; its log is a prefix of ours up to `end`, if that is known.
    pub(crate) fn on_pull(&mut self, now: Now, replica: ReplicaKey, end: Option<Offset>, out: &mut Vec<Effect>) {
        let leader_end = self.shape.end();
        if let State::Leader(leader) = &mut self.state {
            leader.on_contact(now.instant, &replica);
            if let Some(end) = end {
                leader.on_fetch(now.wall, replica, end, leader_end);
            }
        }
        self.advance(now, out);
        self.drive(now, out);
    }

    /// Reports what is committed, if there is more of it.
    pub(super) fn advance(&mut self, now: Now, out: &mut Vec<Effect>) {
        let committed = match &mut self.state {
            State::Leader(leader) => leader.advance(),
            State::Follower(_)
            | State::Unattached(_)
            | State::Prospective(_)
            | State::Candidate(_)
            | State::Resigned(_) => None,
        };
        let committed = match &self.state {
            State::Follower(state) => self.committed_for(state),
            State::Leader(_)
            | State::Unattached(_)
            | State::Prospective(_)
            | State::Candidate(_)
            | State::Resigned(_) => committed,
        };
        let known = self.high_watermark.unwrap_or(Offset::ZERO);
        let Some(committed) = committed.filter(|committed| *committed > known) else {
            return;
        };
        self.high_watermark = Some(committed);
        out.push(Effect::HighWatermark(committed));
        self.end_committed_change(committed, now, out);
    }
}
