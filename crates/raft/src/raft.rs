//! The machine: the state of this replica, what it is told, and what it wants done.

mod changing;
mod election;
mod following;
mod hearing;
mod leading;
mod snapshotting;
mod transitions;

pub use changing::UpgradeError;
pub use leading::AppendError;

use crate::config::{Now, RaftConfig};
use crate::durability::Durability;
use crate::effect::Effect;
use crate::history::QuorumHistory;
use crate::log_shape::LogShape;
use crate::message::{Answer, Destination, Leadership, Request, RequestId, SendFailure, Ticket};
use crate::quorum_state::QuorumState;
use crate::replica::ReplicaKey;
use crate::requests::Requests;
use crate::snapshot_id::SnapshotId;
use crate::state::{Resigned, State, Unattached};
use base::{Instant, LeaderEpoch, Offset, Rng};
use protocol::ErrorCode;

/// More state changes than any one input can bring about: what exceeds it is a loop.
const LONGEST_CHAIN: usize = 16;

/// Why this program does not take part in the quorum it is configured for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Nobody votes, and nobody is known to ask.
    #[error(
        "the metadata quorum has no voters: set controller.quorum.bootstrap.servers or controller.quorum.voters, or \
         format the storage with --standalone or --initial-controllers"
    )]
    NoVoters,
}

/// One replica of the metadata log.
///
/// The host tells it everything that happens, and executes the effects strictly in order. It may tell several things
/// before it executes, but must then execute all of their effects in the order in which they came.
#[derive(Debug)]
pub struct Raft {
    pub(crate) config: RaftConfig,
    rng: Rng,
    pub(crate) history: QuorumHistory,
    pub(crate) shape: LogShape,
    pub(crate) state: State,
    requests: Requests,
    durability: Durability,
    high_watermark: Option<Offset>,
    /// What was last asked to be made durable.
    persisted: QuorumState,
    /// A snapshot that the host was told to put in the place of the log.
    installing: Option<SnapshotId>,
    shutdown: Shutdown,
    /// When there is something to do if nothing happens before.
    wake: Option<Instant>,
}

/// Whether the replica is to take part in elections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shutdown {
    No,
    UnderWay,
}

/// What a state has left to do.
enum Turn {
    /// The state changed: look again.
    Again,
    /// Nothing until then.
    Wait(Option<Instant>),
}

/// The earlier of two moments that may never come.
fn earlier(left: Option<Instant>, right: Option<Instant>) -> Option<Instant> {
    [left, right].into_iter().flatten().min()
}

impl Raft {
    /// A replica as it was when it stopped: `persisted` is its quorum state, `shape` its log, `history` what the control
    /// records in it say. A lone voter is leader when this returns; its effects must be executed first.
    ///
    /// # Errors
    /// If the quorum is not one this program can take part in.
    pub fn start(
        config: RaftConfig,
        persisted: QuorumState,
        shape: LogShape,
        history: QuorumHistory,
        rng: Rng,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<Self, StartError> {
        if history.voters().is_empty() && config.bootstrap.is_empty() {
            return Err(StartError::NoVoters);
        }
        let mut raft = Self {
            requests: Requests::new(config.request_timeout, config.retry_backoff),
            durability: Durability::from_start(shape.start()),
            high_watermark: shape.snapshot().map(|id| id.end),
            state: State::Unattached(Unattached {
                election: persisted.clone(),
                deadline: now.instant,
            }),
            persisted: persisted.clone(),
            installing: None,
            shutdown: Shutdown::No,
            wake: None,
            config,
            rng,
            history,
            shape,
        };
        raft.resume(persisted, now, out);
        if raft.history.voters().is_only_voter(&raft.config.own) {
            // Nobody else can win or object, so there is nothing to wait for.
            raft.become_prospective(now, out);
        }
        raft.drive(now, out);
        Ok(raft)
    }

    /// As Kafka resumes: a log newer than the quorum state wins over it, a former leader comes back resigned.
    fn resume(&mut self, persisted: QuorumState, now: Now, out: &mut Vec<Effect>) {
        let deadline = self.election_deadline(now.instant);
        if self.shape.last_epoch() > persisted.epoch {
            let election = QuorumState {
                epoch: self.shape.last_epoch(),
                leader: None,
                voted: None,
            };
            self.state = State::Unattached(Unattached { election, deadline });
            return;
        }
        self.state = State::Unattached(Unattached {
            election: persisted.clone(),
            deadline,
        });
        match persisted.leader {
            Some(leader) if leader == self.config.own.id => {
                self.state = State::Resigned(Resigned {
                    epoch: persisted.epoch,
                    untold: std::collections::BTreeSet::new(),
                    successors: Vec::new(),
                    deadline: Some(deadline),
                });
            }
            Some(leader) => {
                let endpoints = self.endpoints_of(leader);
                if !endpoints.is_empty() {
                    self.become_follower(persisted.epoch, leader, endpoints, now, out);
                }
            }
            None => {}
        }
    }

    /// This replica.
    pub fn own(&self) -> ReplicaKey {
        self.config.own
    }

    /// The current epoch.
    pub fn epoch(&self) -> LeaderEpoch {
        self.state.epoch()
    }

    /// The epoch this replica leads, if it does.
    pub fn leading(&self) -> Option<LeaderEpoch> {
        match &self.state {
            State::Leader(leader) => Some(leader.epoch),
            State::Unattached(_)
            | State::Prospective(_)
            | State::Candidate(_)
            | State::Follower(_)
            | State::Resigned(_) => None,
        }
    }

    /// Who leads, as far as this replica knows.
    pub fn leadership(&self) -> Leadership {
        let known = |leader, epoch, endpoints: &[_]| Leadership {
            leader,
            epoch,
            endpoints: endpoints.to_vec(),
        };
        match &self.state {
            State::Unattached(state) => known(state.election.leader, state.election.epoch, &[]),
            State::Prospective(state) => known(state.election.leader, state.election.epoch, &state.endpoints),
            State::Candidate(state) => known(None, state.epoch, &[]),
            State::Follower(state) => known(Some(state.leader), state.epoch, &state.endpoints),
            State::Leader(state) => known(Some(self.config.own.id), state.epoch, &self.config.endpoints),
            // Kafka names itself here still; whoever asks is better off looking for the next leader.
            State::Resigned(state) => known(None, state.epoch, &[]),
        }
    }

    /// Whether this replica votes.
    pub fn is_voter(&self) -> bool {
        self.history.voters().contains(&self.config.own)
    }

    /// What is committed as far as this replica knows.
    pub fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    /// What the log's control records say.
    pub fn history(&self) -> &QuorumHistory {
        &self.history
    }

    /// The log's outline.
    pub fn shape(&self) -> &LogShape {
        &self.shape
    }

    /// When [`Raft::on_timeout`] must be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.wake
    }

    /// A deadline may have passed.
    pub fn on_timeout(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.drive(now, out);
    }

    /// A request was received. It is answered by [`Effect::Answer`], now or later. Fetch, FetchSnapshot and ApiVersions
    /// have ways of their own and are refused here.
    pub fn on_request(&mut self, now: Now, ticket: Ticket, request: Request, out: &mut Vec<Effect>) {
        let answer = match request {
            Request::Vote(request) => Some(self.on_vote(&request, now, out)),
            Request::BeginQuorumEpoch(request) => Some(self.on_begin_quorum_epoch(request, now, out)),
            Request::EndQuorumEpoch(request) => Some(self.on_end_quorum_epoch(&request, now, out)),
            Request::AddVoter(request) => self.on_add_voter(ticket, request, now, out),
            Request::RemoveVoter(request) => self.on_remove_voter(ticket, &request, now),
            Request::UpdateVoter(request) => Some(self.on_update_voter(request, now)),
            Request::Fetch(_) | Request::FetchSnapshot(_) | Request::ApiVersions => Some(Answer::ApiVersions {
                error: ErrorCode::UnsupportedVersion,
                kraft_versions: None,
            }),
        };
        if let Some(answer) = answer {
            out.push(Effect::Answer { ticket, answer });
        }
        self.drive(now, out);
    }

    /// A request that this replica sent was answered.
    pub fn on_answer(&mut self, now: Now, id: RequestId, answer: Answer, out: &mut Vec<Effect>) {
        let Some((to, request)) = self.requests.take(id) else {
            return;
        };
        self.hear(id, to, request, answer, now, out);
        self.drive(now, out);
    }

    /// A request that this replica sent will not be answered.
    pub fn on_failed(&mut self, now: Now, id: RequestId, failure: SendFailure, out: &mut Vec<Effect>) {
        let Some((to, request)) = self.requests.fail(id, now.instant) else {
            return;
        };
        self.miss(id, &to, &request, failure, now, out);
        self.drive(now, out);
    }

    /// A flush is done: the oldest of those that were asked for.
    pub fn on_flushed(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.durability.done();
        if let State::Leader(leader) = &mut self.state {
            leader.on_own_flush(self.config.own.id, self.durability.flushed());
        }
        self.advance(now, out);
        self.drive(now, out);
    }

    /// A snapshot is finished that this replica wrote itself.
    pub fn on_snapshot(&mut self, id: SnapshotId) {
        self.shape.add_snapshot(id);
    }

    /// The log's prefix below `start`, which a snapshot covers, is gone.
    pub fn on_log_start(&mut self, start: Offset) {
        self.shape.start_at(start);
        self.history.forget_before(start);
    }

    /// Steps down for good, as before a shutdown, and takes part in no further election. What was taken but not sealed is
    /// dropped.
    pub fn resign(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.shutdown = Shutdown::UnderWay;
        if self.leading().is_some() {
            self.become_resigned(None, out);
        }
        self.drive(now, out);
    }

    /// Whether a shutdown need not wait for anyone: this replica does not lead, and if it did, all voters know that it
    /// stepped down.
    pub fn may_stop(&self) -> bool {
        match &self.state {
            State::Leader(_) => false,
            State::Resigned(state) => state.untold.is_empty(),
            State::Unattached(_) | State::Prospective(_) | State::Candidate(_) | State::Follower(_) => true,
        }
    }

    /// Lets the state do what is due, and whatever state follows from that.
    fn drive(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.requests.expire(now.instant);
        for _ in 0..LONGEST_CHAIN {
            let turn = match &self.state {
                State::Unattached(_) => self.drive_unattached(now, out),
                State::Prospective(_) => self.drive_prospective(now, out),
                State::Candidate(_) => self.drive_candidate(now, out),
                State::Follower(_) => self.drive_follower(now, out),
                State::Leader(_) => self.drive_leader(now, out),
                State::Resigned(_) => self.drive_resigned(now, out),
            };
            if let Turn::Wait(wake) = turn {
                self.wake = wake;
                return;
            }
        }
        // Every timeout is configured as zero. The host gets to execute what there is before it goes on.
        self.wake = Some(now.instant);
    }

    /// Sends `request` to `to`, if that has nothing else under way; else says when it can be tried again.
    fn send(
        &mut self,
        to: Destination,
        request: impl FnOnce() -> Request,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Option<Instant> {
        if let Some(until) = self.requests.busy_until(&to, now.instant) {
            return Some(until);
        }
        let request = request();
        let id = self.requests.sent(&to, request.clone(), now.instant);
        out.push(Effect::Send {
            id,
            to: to.clone(),
            request,
        });
        self.requests.busy_until(&to, now.instant)
    }

    /// Where the voter is reached.
    fn voter_destination(&self, id: base::NodeId) -> Option<Destination> {
        let voter = self.history.voters().get(id)?;
        self.config.reach(id, &voter.endpoints)
    }

    /// The endpoints of a node as the voter set has them; none if it is no voter.
    fn endpoints_of(&self, node: base::NodeId) -> Vec<crate::voters::Endpoint> {
        let voter = self.history.voters().get(node);
        voter.map_or_else(Vec::new, |voter| voter.endpoints.clone())
    }
}

#[cfg(test)]
mod tests;
