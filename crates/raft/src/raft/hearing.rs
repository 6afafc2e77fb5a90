//! What answers, and their absence, mean; and what anyone says of the leader.

use super::Raft;
use crate::config::Now;
use crate::effect::Effect;
use crate::fault::Fault;
use crate::message::{Answer, Destination, Leadership, Request, RequestId, SendFailure, VoteKind};
use crate::state::{Contact, State};
use crate::voters::Endpoint;
use base::{LeaderEpoch, NodeId};
use protocol::ErrorCode;

impl Raft {
    /// Takes in the answer to a request.
    pub(super) fn hear(
        &mut self,
        id: RequestId,
        to: Destination,
        request: Request,
        answer: Answer,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        match request {
            Request::Vote(_) | Request::BeginQuorumEpoch(_) | Request::EndQuorumEpoch(_) => {
                self.hear_of_election(to, request, answer, now, out);
            }
            Request::Fetch(_) | Request::FetchSnapshot(_) => self.hear_of_log(to, request, answer, now, out),
            Request::ApiVersions | Request::UpdateVoter(_) | Request::AddVoter(_) | Request::RemoveVoter(_) => {
                self.hear_of_voters(id, to, request, answer, now, out);
            }
        }
    }

    /// Takes in an answer about who is to lead, or leads.
    fn hear_of_election(&mut self, to: Destination, request: Request, answer: Answer, now: Now, out: &mut Vec<Effect>) {
        match (request, answer) {
            (
                Request::Vote(request),
                Answer::Vote {
                    error,
                    leadership,
                    granted,
                },
            ) => {
                if self.weigh(&to, error, leadership, now, out)
                    && let Some(voter) = to.node
                {
                    self.on_ballot(voter, &request, granted, now);
                }
            }
            (Request::BeginQuorumEpoch(request), Answer::BeginQuorumEpoch { error, leadership }) => {
                if self.weigh(&to, error, leadership, now, out) {
                    self.on_epoch_acknowledged(to.node, request.epoch, now);
                }
            }
            (Request::EndQuorumEpoch(request), Answer::EndQuorumEpoch { error, leadership }) => {
                if self.weigh(&to, error, leadership, now, out) {
                    self.on_end_acknowledged(to.node, request.epoch);
                }
            }
            (_, _) => self.answered_something_else(to, now),
        }
    }

    /// Takes in some of the leader's log, or of its snapshot.
    fn hear_of_log(&mut self, to: Destination, request: Request, answer: Answer, now: Now, out: &mut Vec<Effect>) {
        match (request, answer) {
            (
                Request::Fetch(request),
                Answer::Fetch {
                    error,
                    leadership,
                    fetched,
                },
            ) => {
                if self.weigh(&to, error, leadership, now, out) {
                    self.on_fetched(&to, &request, fetched, now, out);
                }
            }
            (
                Request::FetchSnapshot(request),
                Answer::FetchSnapshot {
                    error,
                    leadership,
                    chunk,
                },
            ) => {
                self.on_snapshot_answer(&to, &request, error, leadership, chunk, now, out);
            }
            (_, _) => self.answered_something_else(to, now),
        }
    }

    /// Takes in an answer about who votes, and what voters can do.
    fn hear_of_voters(
        &mut self,
        id: RequestId,
        to: Destination,
        request: Request,
        answer: Answer,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        match (request, answer) {
            (Request::ApiVersions, Answer::ApiVersions { error, kraft_versions }) => {
                self.on_api_versions(id, error, kraft_versions, now, out);
            }
            (Request::UpdateVoter(request), Answer::UpdateVoter { error, leadership }) => {
                if self.weigh(&to, error, leadership, now, out) {
                    self.on_leader_told(request.epoch);
                }
            }
            // Whether it worked shows in the log.
            (Request::AddVoter(_), Answer::AddVoter { .. }) | (Request::RemoveVoter(_), Answer::RemoveVoter { .. }) => {
            }
            (_, _) => self.answered_something_else(to, now),
        }
    }

    /// The host's mistake, or the other's.
    fn answered_something_else(&mut self, to: Destination, now: Now) {
        self.requests.pause(to, now.instant);
    }

    /// Takes in that a request has no answer.
    pub(super) fn miss(
        &mut self,
        id: RequestId,
        to: &Destination,
        request: &Request,
        failure: SendFailure,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let is_unknown_there = matches!(
            failure,
            SendFailure::UnsupportedVersion | SendFailure::Refused(ErrorCode::UnsupportedVersion)
        );
        match request {
            Request::Vote(request) if request.kind == VoteKind::PreVote && is_unknown_there => {
                self.on_no_pre_votes(now, out);
            }
            Request::Fetch(_) | Request::FetchSnapshot(_) if failure == SendFailure::Disconnected => {
                self.on_fetch_disconnected(to, now);
            }
            Request::UpdateVoter(request) if is_unknown_there => self.on_leader_told(request.epoch),
            Request::ApiVersions => self.on_api_versions(id, ErrorCode::BrokerNotAvailable, None, now, out),
            Request::Vote(_)
            | Request::BeginQuorumEpoch(_)
            | Request::EndQuorumEpoch(_)
            | Request::Fetch(_)
            | Request::FetchSnapshot(_)
            | Request::AddVoter(_)
            | Request::RemoveVoter(_)
            | Request::UpdateVoter(_) => {}
        }
    }

    /// Takes in what an answer says of the epoch and its leader; returns whether the rest of it counts.
    pub(super) fn weigh(
        &mut self,
        to: &Destination,
        error: ErrorCode,
        leadership: Leadership,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Leadership {
            leader,
            epoch,
            endpoints,
        } = leadership;
        let before = (self.epoch(), self.leadership().leader);
        let is_current = epoch >= self.epoch() && error != ErrorCode::UnknownLeaderEpoch;
        let contradicts = is_current && self.learn(epoch, leader, endpoints, now, out).is_err();
        let counts = is_current && !contradicts && error == ErrorCode::None;
        let is_news = before != (self.epoch(), self.leadership().leader);
        if !counts && !is_news {
            // Nothing came of it, so nothing would come of asking again at once.
            self.requests.pause(to.clone(), now.instant);
        }
        counts
    }

    /// Takes in who leads which epoch.
    ///
    /// # Errors
    /// If that contradicts what is known. It is reported, and ignored.
    pub(super) fn learn(
        &mut self,
        epoch: LeaderEpoch,
        leader: Option<NodeId>,
        endpoints: Vec<Endpoint>,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Fault> {
        if epoch < self.epoch() {
            return Ok(());
        }
        self.look_elsewhere(epoch, leader, &endpoints, out);
        let endpoints = match leader {
            Some(leader) if endpoints.is_empty() => self.endpoints_of(leader),
            _ => endpoints,
        };
        if leader == Some(self.config.own.id) {
            self.learn_of_own_epoch(epoch, now, out);
            return Ok(());
        }
        let known = if epoch == self.epoch() {
            self.known_leader()
        } else {
            None
        };
        if let (Some(known), Some(claimed)) = (known, leader)
            && known != claimed
        {
            let fault = Fault::TwoLeaders { epoch, known, claimed };
            out.push(Effect::Fault(fault));
            return Err(fault);
        }
        let is_news = epoch > self.epoch() || known.is_none() || self.leadership().endpoints.is_empty();
        match leader {
            Some(leader) if is_news && !endpoints.is_empty() => {
                self.become_follower(epoch, leader, endpoints, now, out)
            }
            Some(_) if is_news && epoch > self.epoch() => self.become_unattached(epoch, leader, now, out),
            None if epoch > self.epoch() => self.become_unattached(epoch, None, now, out),
            Some(_) | None => {}
        }
        Ok(())
    }

    /// A leader that could not be reached where it was looked for may have moved since the voters were written.
    fn look_elsewhere(
        &mut self,
        epoch: LeaderEpoch,
        leader: Option<NodeId>,
        endpoints: &[Endpoint],
        out: &mut Vec<Effect>,
    ) {
        if let State::Follower(state) = &mut self.state
            && (state.epoch, Some(state.leader)) == (epoch, leader)
            && state.contact != Contact::Held
            && !endpoints.is_empty()
            && state.endpoints != endpoints
        {
            state.endpoints = endpoints.to_vec();
            out.push(Effect::Following(self.leadership()));
        }
    }

    /// Who leads the current epoch, this replica included.
    fn known_leader(&self) -> Option<NodeId> {
        self.state.election(self.config.own).leader
    }

    /// Someone knows of an epoch that this replica led and has forgotten, as after the loss of its disk. It must not lead,
    /// nor vote for anyone else, in that epoch.
    fn learn_of_own_epoch(&mut self, epoch: LeaderEpoch, now: Now, out: &mut Vec<Effect>) {
        if epoch > self.epoch() {
            self.become_unattached(LeaderEpoch(epoch.0.saturating_add(1)), None, now, out);
        }
    }
}
