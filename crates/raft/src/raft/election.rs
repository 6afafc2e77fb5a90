//! Elections: sounding out, standing, voting, and stepping down.

use super::{Raft, Shutdown, Turn, earlier};
use crate::config::Now;
use crate::effect::Effect;
use crate::message::{Answer, BeginQuorumEpochRequest, EndQuorumEpochRequest, Request, VoteKind, VoteRequest};
use crate::quorum_state::QuorumState;
use crate::replica::ReplicaKey;
use crate::state::{Contact, State, Unattached};
use crate::votes::Votes;
use base::{Instant, LeaderEpoch, NodeId, Offset};
use protocol::ErrorCode;
use std::time::Duration;

/// The shortest time after which who refused is asked again; up to as much more, so that two rarely ask at once.
const REFUSED: Duration = Duration::from_millis(50);

impl Raft {
    /// Whether this replica may call an election: not while its log is being replaced.
    pub(super) fn may_stand(&self) -> bool {
        self.is_voter() && self.shutdown == Shutdown::No && self.installing.is_none()
    }

    pub(super) fn drive_unattached(&mut self, now: Now, out: &mut Vec<Effect>) -> Turn {
        let State::Unattached(state) = &self.state else {
            return Turn::Again;
        };
        let deadline = state.deadline;
        if self.may_stand() && deadline <= now.instant {
            self.become_prospective(now, out);
            return Turn::Again;
        }
        let wake = self.fetch_from_anyone(now, out);
        Turn::Wait(if self.may_stand() {
            earlier(Some(deadline), wake)
        } else {
            wake
        })
    }

    pub(super) fn drive_prospective(&mut self, now: Now, out: &mut Vec<Effect>) -> Turn {
        let State::Prospective(state) = &self.state else {
            return Turn::Again;
        };
        if state.votes.is_won() {
            self.become_candidate(now, out);
            return Turn::Again;
        }
        if state.votes.is_lost() || state.deadline <= now.instant || !self.may_stand() {
            let (epoch, leader, endpoints) = (state.election.epoch, state.election.leader, state.endpoints.clone());
            match leader {
                Some(leader) if !endpoints.is_empty() => self.become_follower(epoch, leader, endpoints, now, out),
                _ => self.become_unattached(epoch, leader, now, out),
            }
            return Turn::Again;
        }
        let (epoch, deadline) = (state.election.epoch, state.deadline);
        if state.again.is_some_and(|again| again <= now.instant) {
            self.sound_out_again();
            return Turn::Again;
        }
        let ask = state.votes.unrecorded().collect();
        let until = earlier(Some(deadline), state.again);
        Turn::Wait(earlier(
            until,
            self.ask_for_votes(ask, epoch, VoteKind::PreVote, now, out),
        ))
    }

    fn sound_out_again(&mut self) {
        let votes = Votes::begin(self.history.voters(), &self.config.own);
        if let State::Prospective(state) = &mut self.state {
            state.votes = votes;
            state.again = None;
        }
    }

    pub(super) fn drive_candidate(&mut self, now: Now, out: &mut Vec<Effect>) -> Turn {
        let State::Candidate(state) = &self.state else {
            return Turn::Again;
        };
        if state.votes.is_won() {
            self.become_leader(now, out);
            return Turn::Again;
        }
        if state.deadline <= now.instant && self.may_stand() {
            self.become_prospective(now, out);
            return Turn::Again;
        }
        let (epoch, deadline) = (state.epoch, state.deadline);
        if state.votes.is_lost() {
            return Turn::Wait(Some(deadline).filter(|_| self.may_stand()));
        }
        let ask = state.votes.unrecorded().collect();
        let wake = self.ask_for_votes(ask, epoch, VoteKind::Vote, now, out);
        Turn::Wait(earlier(Some(deadline).filter(|_| self.may_stand()), wake))
    }

    pub(super) fn drive_resigned(&mut self, now: Now, out: &mut Vec<Effect>) -> Turn {
        let State::Resigned(state) = &self.state else {
            return Turn::Again;
        };
        let (epoch, deadline, untold) = (state.epoch, state.deadline, state.untold.clone());
        if deadline.is_some_and(|deadline| deadline <= now.instant) {
            self.become_unattached(LeaderEpoch(epoch.0.saturating_add(1)), None, now, out);
            return Turn::Again;
        }
        let request = EndQuorumEpochRequest {
            leader: self.config.own.id,
            epoch,
            successors: state.successors.clone(),
            endpoints: self.config.endpoints.clone(),
        };
        let mut wake = deadline;
        for voter in untold {
            if let Some(to) = self.voter_destination(voter) {
                let again = self.send(to, || Request::EndQuorumEpoch(request.clone()), now, out);
                wake = earlier(wake, again);
            }
        }
        Turn::Wait(wake)
    }

    fn ask_for_votes(
        &mut self,
        voters: Vec<NodeId>,
        epoch: LeaderEpoch,
        kind: VoteKind,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Option<Instant> {
        let mut wake = None;
        for id in voters {
            let Some(to) = self.voter_destination(id) else {
                continue;
            };
            let request = VoteRequest {
                candidate: self.config.own,
                epoch,
                voter: self.history.voters().get(id).map(|voter| voter.key),
                end: self.shape.end_position(),
                kind,
            };
            wake = earlier(wake, self.send(to, || Request::Vote(request), now, out));
        }
        wake
    }

    /// Someone asks for this replica's vote.
    pub(super) fn on_vote(&mut self, request: &VoteRequest, now: Now, out: &mut Vec<Effect>) -> Answer {
        let error = self.check_vote(request, now, out);
        let granted = error == ErrorCode::None && self.grants(request);
        if granted && request.kind == VoteKind::Vote {
            self.record_vote(request.candidate, now, out);
        }
        Answer::Vote {
            error,
            leadership: self.leadership(),
            granted,
        }
    }

    fn check_vote(&mut self, request: &VoteRequest, now: Now, out: &mut Vec<Effect>) -> ErrorCode {
        let newest = match request.kind {
            VoteKind::Vote => LeaderEpoch(request.epoch.0.saturating_sub(1)),
            VoteKind::PreVote => request.epoch,
        };
        let end = request.end;
        let negative = end.offset < Offset::ZERO || end.epoch < LeaderEpoch(0) || request.epoch < LeaderEpoch(0);
        if negative || end.epoch > newest || request.candidate.id < NodeId(0) {
            return ErrorCode::InvalidRequest;
        }
        if request.epoch < self.epoch() {
            return ErrorCode::FencedLeaderEpoch;
        }
        if request.epoch > self.epoch() {
            self.become_unattached(request.epoch, None, now, out);
        }
        if self.is_meant(request.voter) {
            ErrorCode::None
        } else {
            ErrorCode::InvalidVoterKey
        }
    }

    /// Whether a request for the voter `key` is one for this replica.
    fn is_meant(&self, key: Option<ReplicaKey>) -> bool {
        key.is_none_or(|key| {
            key.id == self.config.own.id && (key.directory.is_none() || key.directory == self.config.own.directory)
        })
    }

    /// Whether this replica would vote as asked, in an epoch that is its own by now.
    fn grants(&self, request: &VoteRequest) -> bool {
        let is_up_to_date = request.end >= self.shape.end_position();
        match (request.kind, &self.state) {
            (VoteKind::PreVote, State::Leader(_)) => false,
            (VoteKind::PreVote, State::Follower(state)) => is_up_to_date && state.contact != Contact::Held,
            (
                VoteKind::PreVote,
                State::Unattached(_) | State::Prospective(_) | State::Candidate(_) | State::Resigned(_),
            ) => is_up_to_date,
            (VoteKind::Vote, State::Unattached(state)) => may_vote(&state.election, &request.candidate, is_up_to_date),
            (VoteKind::Vote, State::Prospective(state)) => may_vote(&state.election, &request.candidate, is_up_to_date),
            (VoteKind::Vote, State::Candidate(_) | State::Follower(_) | State::Leader(_) | State::Resigned(_)) => false,
        }
    }

    /// Votes for `candidate`, and gives it time to win: it has as good a chance as this replica.
    fn record_vote(&mut self, candidate: ReplicaKey, now: Now, out: &mut Vec<Effect>) {
        let election = self.state.election(self.config.own);
        if election.voted.is_some() {
            return;
        }
        let deadline = self.election_deadline(now.instant);
        let election = QuorumState {
            voted: Some(candidate),
            ..election
        };
        self.state = State::Unattached(Unattached { election, deadline });
        self.persist(out);
    }

    /// A voter answered.
    pub(super) fn on_ballot(&mut self, voter: NodeId, request: &VoteRequest, granted: bool, now: Now) {
        let votes = match (&mut self.state, request.kind) {
            (State::Prospective(state), VoteKind::PreVote) if state.election.epoch == request.epoch => &mut state.votes,
            (State::Candidate(state), VoteKind::Vote) if state.epoch == request.epoch => &mut state.votes,
            _ => return,
        };
        if granted {
            votes.grant(voter);
            return;
        }
        votes.reject(voter);
        let pause = REFUSED + self.random_below(REFUSED);
        let again = now.instant.plus(pause);
        let lost = match &mut self.state {
            State::Prospective(state) => {
                state.again.get_or_insert(again);
                return;
            }
            State::Candidate(state) => state.lost,
            State::Unattached(_) | State::Follower(_) | State::Leader(_) | State::Resigned(_) => return,
        };
        // Whoever refuses stands itself, or knows who was elected. Those that do not answer may never do so: they are given a
        // moment. To sound out another round disturbs nobody.
        let backoff = self.backoff_deadline(lost, now.instant);
        if let State::Candidate(state) = &mut self.state {
            let again = if state.votes.is_lost() {
                backoff
            } else {
                backoff.plus(REFUSED)
            };
            state.deadline = state.deadline.min(again);
        }
    }

    /// KIP-996: a voter that cannot say what it would do is asked for its vote as it was before there were pre-votes.
    pub(super) fn on_no_pre_votes(&mut self, now: Now, out: &mut Vec<Effect>) {
        if matches!(self.state, State::Prospective(_)) && self.may_stand() {
            self.become_candidate(now, out);
        }
    }

    /// A leader makes itself known.
    pub(super) fn on_begin_quorum_epoch(
        &mut self,
        request: BeginQuorumEpochRequest,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Answer {
        let error = if request.epoch < self.epoch() {
            ErrorCode::FencedLeaderEpoch
        } else if request.leader < NodeId(0) {
            ErrorCode::InvalidRequest
        } else if self
            .learn(request.epoch, Some(request.leader), request.endpoints, now, out)
            .is_err()
        {
            ErrorCode::UnknownServerError
        } else if self.is_meant(request.voter) {
            ErrorCode::None
        } else {
            ErrorCode::InvalidVoterKey
        };
        Answer::BeginQuorumEpoch {
            error,
            leadership: self.leadership(),
        }
    }

    /// A leader steps down: this replica stands for election soon, the sooner the better it stands in the leader's list.
    pub(super) fn on_end_quorum_epoch(
        &mut self,
        request: &EndQuorumEpochRequest,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Answer {
        let endpoints = request.endpoints.clone();
        let error = if request.epoch < self.epoch() {
            ErrorCode::FencedLeaderEpoch
        } else if request.leader < NodeId(0) {
            ErrorCode::InvalidRequest
        } else if self
            .learn(request.epoch, Some(request.leader), endpoints, now, out)
            .is_err()
        {
            ErrorCode::UnknownServerError
        } else {
            ErrorCode::None
        };
        let backoff = self.succession_backoff(&request.successors);
        if let State::Follower(state) = &mut self.state
            && error == ErrorCode::None
            && state.leader == request.leader
        {
            state.fetch_deadline = now.instant.plus(backoff);
            // It said itself that it is gone, so nobody has to be held back for its sake.
            state.contact = Contact::None;
        }
        Answer::EndQuorumEpoch {
            error,
            leadership: self.leadership(),
        }
    }

    /// The first successor stands at once, each further one twice as late as the one before, all others last.
    fn succession_backoff(&self, successors: &[ReplicaKey]) -> Duration {
        let own = successors.iter().position(|successor| self.is_meant(Some(*successor)));
        let longest = self.config.election_backoff_max;
        match own {
            Some(0) => Duration::ZERO,
            Some(position) => {
                let halvings = u32::try_from(successors.len() - position).unwrap_or(u32::MAX);
                longest / 1_u32.checked_shl(halvings).unwrap_or(u32::MAX)
            }
            None => longest,
        }
    }
}

/// One vote in an epoch, for a log not behind this one, and none once the epoch has a leader.
fn may_vote(election: &QuorumState, candidate: &ReplicaKey, is_up_to_date: bool) -> bool {
    match election.voted {
        Some(voted) => {
            voted.id == candidate.id && (voted.directory.is_none() || voted.directory == candidate.directory)
        }
        None => election.leader.is_none() && is_up_to_date,
    }
}
