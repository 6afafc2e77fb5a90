//! The ways from one state to another.

use super::{Raft, Shutdown};
use crate::config::Now;
use crate::effect::Effect;
use crate::message::Leadership;
use crate::quorum_state::QuorumState;
use crate::state::{Candidate, Contact, Follower, Leader, Prospective, Resigned, State, Unattached};
use crate::voters::Endpoint;
use crate::votes::Votes;
use base::{Instant, LeaderEpoch, NodeId};
use std::time::Duration;

/// The pause after a lost election is up to so much, and twice as much after every further one.
const FIRST_ELECTION_BACKOFF: Duration = Duration::from_millis(100);

impl Raft {
    /// Looks for a leader, or waits for an election, in `epoch`, of which perhaps the leader is known but not where it is.
    pub(super) fn become_unattached(
        &mut self,
        epoch: LeaderEpoch,
        leader: Option<NodeId>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        // Who hears of a higher epoch while an election is awaited does not wait longer for it.
        let deadline = match &self.state {
            State::Unattached(state) => state.deadline,
            State::Candidate(state) => state.deadline,
            State::Prospective(state) if !state.votes.is_lost() => state.deadline,
            State::Resigned(Resigned {
                deadline: Some(deadline),
                ..
            }) => *deadline,
            State::Prospective(_) | State::Resigned(_) | State::Follower(_) | State::Leader(_) => {
                self.election_deadline(now.instant)
            }
        };
        let election = QuorumState {
            epoch,
            leader,
            voted: self.voted_in(epoch),
        };
        self.enter(State::Unattached(Unattached { election, deadline }), out);
    }

    /// Follows the leader of `epoch`.
    pub(super) fn become_follower(
        &mut self,
        epoch: LeaderEpoch,
        leader: NodeId,
        endpoints: Vec<Endpoint>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let following = Leadership {
            leader: Some(leader),
            epoch,
            endpoints: endpoints.clone(),
        };
        let follower = Follower {
            epoch,
            leader,
            endpoints,
            voted: self.voted_in(epoch),
            fetch_deadline: now.instant.plus(self.config.fetch_timeout),
            heard: now.instant,
            contact: Contact::None,
            snapshot: None,
            leader_high_watermark: None,
            voter_set_deadline: now.instant.plus(self.config.fetch_timeout),
            has_told_leader: false,
        };
        self.enter(State::Follower(follower), out);
        out.push(Effect::Following(following));
    }

    /// Sounds out an election.
    pub(super) fn become_prospective(&mut self, now: Now, out: &mut Vec<Effect>) {
        let endpoints = match &self.state {
            State::Follower(state) => state.endpoints.clone(),
            State::Unattached(_)
            | State::Prospective(_)
            | State::Candidate(_)
            | State::Leader(_)
            | State::Resigned(_) => Vec::new(),
        };
        let lost = match &self.state {
            State::Candidate(state) => state.lost + 1,
            State::Unattached(_)
            | State::Prospective(_)
            | State::Follower(_)
            | State::Leader(_)
            | State::Resigned(_) => 0,
        };
        let prospective = Prospective {
            election: self.state.election(self.config.own),
            endpoints,
            votes: Votes::begin(self.history.voters(), &self.config.own),
            again: None,
            deadline: self.election_deadline(now.instant),
            lost,
        };
        self.enter(State::Prospective(prospective), out);
    }

    /// Stands for election in a new epoch.
    pub(super) fn become_candidate(&mut self, now: Now, out: &mut Vec<Effect>) {
        let lost = match &self.state {
            State::Prospective(state) => state.lost,
            State::Unattached(_) | State::Candidate(_) | State::Follower(_) | State::Leader(_) | State::Resigned(_) => {
                0
            }
        };
        let candidate = Candidate {
            epoch: LeaderEpoch(self.state.epoch().0.checked_add(1).expect("fewer than 2^31 elections")),
            votes: Votes::begin(self.history.voters(), &self.config.own),
            deadline: self.election_deadline(now.instant),
            lost,
        };
        self.enter(State::Candidate(candidate), out);
    }

    /// Ends this replica's epoch as leader. It looks for the next at `deadline`.
    pub(super) fn become_resigned(&mut self, deadline: Option<Instant>, out: &mut Vec<Effect>) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        let successors = leader.successors(self.config.own.id);
        let resigned = Resigned {
            epoch: leader.epoch,
            untold: successors.iter().map(|voter| voter.id).collect(),
            successors,
            deadline: deadline.filter(|_| self.shutdown == Shutdown::No),
        };
        self.enter(State::Resigned(resigned), out);
    }

    /// Takes office.
    pub(super) fn enter_office(&mut self, leader: Leader, out: &mut Vec<Effect>) {
        let (epoch, start) = (leader.epoch, leader.start());
        self.enter(State::Leader(Box::new(leader)), out);
        out.push(Effect::Leading { epoch, start });
    }

    /// Leaves the present state for `next`, which is durable before anything that follows from it.
    fn enter(&mut self, next: State, out: &mut Vec<Effect>) {
        match &mut self.state {
            State::Leader(leader) => {
                if let Some(change) = leader.change.take() {
                    super::changing::give_up(change, out);
                }
                // Voters that were taken but did not reach the log were never in force.
                self.history.truncate(self.shape.end());
                out.push(Effect::Deposed);
            }
            State::Follower(follower) => {
                if let Some(fetch) = follower
                    .snapshot
                    .take()
                    .filter(|fetch| self.installing != Some(fetch.id))
                {
                    out.push(Effect::AbandonSnapshot(fetch.id));
                }
            }
            State::Unattached(_) | State::Prospective(_) | State::Candidate(_) | State::Resigned(_) => {}
        }
        self.state = next;
        self.requests.reset();
        // To sound out an election is to promise nothing, and who resigned has written that it led.
        if !matches!(self.state, State::Prospective(_) | State::Resigned(_)) {
            self.persist(out);
        }
    }

    /// Makes the state's election durable, if it is not.
    pub(super) fn persist(&mut self, out: &mut Vec<Effect>) {
        let election = self.state.election(self.config.own);
        if election != self.persisted {
            self.persisted = election.clone();
            out.push(Effect::Persist(election));
        }
    }

    /// Whom this replica voted for in `epoch`; nobody yet, if that is a new one.
    fn voted_in(&self, epoch: LeaderEpoch) -> Option<crate::replica::ReplicaKey> {
        let election = self.state.election(self.config.own);
        election.voted.filter(|_| election.epoch == epoch)
    }

    /// The election timeout and up to as much again, so that two voters rarely stand at the same moment.
    pub(super) fn election_deadline(&mut self, now: Instant) -> Instant {
        let timeout = self.config.election_timeout;
        now.plus(timeout).plus(self.random_below(timeout))
    }

    /// When to stand again after `lost` elections were lost: the more, the longer candidates are spread.
    pub(super) fn backoff_deadline(&mut self, lost: u32, now: Instant) -> Instant {
        let factor = 1_u32.checked_shl(lost).unwrap_or(u32::MAX);
        let longest = FIRST_ELECTION_BACKOFF
            .saturating_mul(factor)
            .min(self.config.election_backoff_max);
        now.plus(self.random_below(longest))
    }

    /// A time below `bound`, to the millisecond.
    pub(super) fn random_below(&mut self, bound: Duration) -> Duration {
        let bound = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.rng.below(bound.max(1)))
    }
}
