//! KIP-853: changes of the voter set, which the leader makes one at a time.

use super::Raft;
use crate::config::Now;
use crate::control::ControlRecord;
use crate::effect::Effect;
use crate::message::{AddVoterRequest, Answer, RemoveVoterRequest, Request, RequestId, Ticket, UpdateVoterRequest};
use crate::state::State;
use crate::voter_change::{Stage, VoterChange};
use crate::voters::{KRaftVersionRange, Voter, VoterSet};
use base::{Instant, Offset};
use protocol::ErrorCode;

/// Why `kraft.version` is not raised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// This replica does not lead.
    #[error("this node does not lead the metadata quorum")]
    NotLeader,
    /// The level cannot be lowered, or is unknown.
    #[error("kraft.version cannot be changed from {from} to {to}")]
    Level {
        /// The level in force.
        from: i16,
        /// The one asked for.
        to: i16,
    },
    /// Not every voter has said which directory its log is in and that it can live with the level.
    #[error("voter {0} has not reported its directory id and a range of kraft.version that covers the level")]
    Voter(base::NodeId),
}

/// Why a change is refused, in the words of the answer.
type Refusal = (ErrorCode, Option<String>);

impl Raft {
    pub(super) fn on_add_voter(
        &mut self,
        ticket: Ticket,
        request: AddVoterRequest,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Option<Answer> {
        match self.begin_adding(ticket, request, now, out) {
            Ok(()) => None,
            Err((error, message)) => Some(Answer::AddVoter { error, message }),
        }
    }

    fn begin_adding(
        &mut self,
        ticket: Ticket,
        request: AddVoterRequest,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        self.check_leads()?;
        if request.voter.id.0 < 0 || request.voter.directory.is_none() {
            return Err(invalid("the new voter's id or directory id is missing"));
        }
        let listener = &self.config.listener;
        if !request.endpoints.iter().any(|endpoint| endpoint.listener == *listener) {
            return Err(invalid(&format!(
                "the new voter has no endpoint for the listener {listener}"
            )));
        }
        self.check_may_change(now)?;
        if self.history.voters().get(request.voter.id).is_some() {
            let message = format!("node {} is a voter already", request.voter.id);
            return Err((ErrorCode::DuplicateVoter, Some(message)));
        }
        let to = self.config.reach(request.voter.id, &request.endpoints);
        let to = to.ok_or_else(|| invalid("the new voter has no endpoint"))?;
        if self.requests.busy_until(&to, now.instant).is_some() {
            return Err(later("the new voter cannot be asked at the moment"));
        }
        let id = self.requests.sent(&to, Request::ApiVersions, now.instant);
        let request = Stage::Asking { request, id };
        self.begin_change(ticket, request, now);
        out.push(Effect::Send {
            id,
            to,
            request: Request::ApiVersions,
        });
        Ok(())
    }

    /// The node that is to become a voter says what it supports.
    pub(super) fn on_api_versions(
        &mut self,
        id: RequestId,
        error: ErrorCode,
        supported: Option<KRaftVersionRange>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let Some(change) = leader
            .change
            .take_if(|change| matches!(&change.stage, Stage::Asking { id: asked, .. } if *asked == id))
        else {
            return;
        };
        let Stage::Asking { request, .. } = change.stage else {
            return;
        };
        let checked = self.check_new_voter(&request, error, supported, now);
        let (answer, voters) = match checked {
            Ok(voters) => ((ErrorCode::None, None), Some(voters)),
            Err(refusal) => (refusal, None),
        };
        let mut ticket = change.ticket;
        if voters.is_none() || VoterChange::answers_early(&request) {
            let (error, message) = answer;
            let answer = Answer::AddVoter { error, message };
            out.extend(ticket.take().map(|ticket| Effect::Answer { ticket, answer }));
        }
        if let Some(voters) = voters {
            let offset = self.append_voters(voters, now);
            if let State::Leader(leader) = &mut self.state {
                leader.change = Some(VoterChange {
                    ticket,
                    stage: Stage::Adding(offset),
                    deadline: change.deadline,
                });
            }
        }
    }

    fn check_new_voter(
        &self,
        request: &AddVoterRequest,
        error: ErrorCode,
        supported: Option<KRaftVersionRange>,
        now: Now,
    ) -> Result<VoterSet, Refusal> {
        if error != ErrorCode::None {
            return Err(later("the new voter did not say what it supports"));
        }
        let level = self.history.kraft_version();
        let Some(kraft_versions) = supported.filter(|range| range.covers(level)) else {
            return Err(invalid(&format!(
                "the new voter does not support kraft.version {level}"
            )));
        };
        let is_caught_up = self
            .leader()
            .is_some_and(|leader| leader.is_caught_up(now.wall, &request.voter));
        if !is_caught_up {
            return Err(later("the new voter's log is too far behind"));
        }
        let voter = Voter {
            key: request.voter,
            endpoints: request.endpoints.clone(),
            kraft_versions,
        };
        let added = self.history.voters().with_added(voter);
        added.ok_or((ErrorCode::DuplicateVoter, None))
    }

    pub(super) fn on_remove_voter(&mut self, ticket: Ticket, request: &RemoveVoterRequest, now: Now) -> Option<Answer> {
        match self.begin_removing(ticket, request, now) {
            Ok(()) => None,
            Err((error, message)) => Some(Answer::RemoveVoter { error, message }),
        }
    }

    fn begin_removing(&mut self, ticket: Ticket, request: &RemoveVoterRequest, now: Now) -> Result<(), Refusal> {
        self.check_leads()?;
        if request.voter.id.0 < 0 || request.voter.directory.is_none() {
            return Err(invalid("the voter's id or directory id is missing"));
        }
        self.check_may_change(now)?;
        let Some(left) = self.history.voters().without(&request.voter) else {
            let message = format!("{} is not a voter, or is the only one", request.voter);
            return Err((ErrorCode::VoterNotFound, Some(message)));
        };
        let offset = self.append_voters(left, now);
        self.begin_change(ticket, Stage::Removing(offset), now);
        Ok(())
    }

    pub(super) fn on_update_voter(&mut self, request: UpdateVoterRequest, now: Now) -> Answer {
        let error = match self.update_voter(request, now) {
            Ok(()) => ErrorCode::None,
            Err((error, _)) => error,
        };
        Answer::UpdateVoter {
            error,
            leadership: self.leadership(),
        }
    }

    fn update_voter(&mut self, request: UpdateVoterRequest, now: Now) -> Result<(), Refusal> {
        if request.epoch < self.epoch() {
            return Err((ErrorCode::FencedLeaderEpoch, None));
        }
        if request.epoch > self.epoch() {
            return Err((ErrorCode::UnknownLeaderEpoch, None));
        }
        self.check_leads()?;
        let range = request.kraft_versions;
        let listens = request
            .endpoints
            .iter()
            .any(|endpoint| endpoint.listener == self.config.listener);
        let is_sound = range.min >= 0 && range.max >= range.min && request.voter.directory.is_some();
        if !listens || !is_sound || !range.covers(self.history.kraft_version()) {
            return Err((ErrorCode::InvalidRequest, None));
        }
        let voter = Voter {
            key: request.voter,
            endpoints: request.endpoints,
            kraft_versions: range,
        };
        if !self.history.voters().contains(&voter.key) {
            return Err((ErrorCode::VoterNotFound, None));
        }
        if self.history.kraft_version() < 1 {
            if let State::Leader(leader) = &mut self.state {
                leader.announced.insert(voter.key.id, voter);
            }
            return Ok(());
        }
        self.check_may_change(now)?;
        let updated = self.history.voters().with_updated(voter);
        self.append_voters(updated, now);
        Ok(())
    }

    fn check_leads(&self) -> Result<(), Refusal> {
        match self.leader() {
            Some(_) => Ok(()),
            None => Err((ErrorCode::NotLeaderOrFollower, None)),
        }
    }

    /// A change has to wait until the leader knows that the one before it is committed: majorities of sets that differ in
    /// one voter have a voter in common, those of other sets may not.
    fn check_may_change(&mut self, now: Now) -> Result<(), Refusal> {
        let leader = self.leader().ok_or((ErrorCode::NotLeaderOrFollower, None))?;
        if leader
            .change
            .as_ref()
            .is_some_and(|change| change.deadline > now.instant)
        {
            return Err(later("another change of the voters is under way"));
        }
        let Some(high_watermark) = leader.high_watermark() else {
            return Err(later("the leader does not know yet what is committed"));
        };
        let level = self.history.kraft_version();
        if level < 1 {
            let message = format!("kraft.version is {level}: the voters are those of the configuration");
            return Err((ErrorCode::UnsupportedVersion, Some(message)));
        }
        if !self.history.voters_are_committed(high_watermark) {
            return Err(later("the last change of the voters is not committed"));
        }
        Ok(())
    }

    fn begin_change(&mut self, ticket: Ticket, stage: Stage, now: Now) {
        let deadline = now.instant.plus(self.config.request_timeout);
        if let State::Leader(leader) = &mut self.state {
            leader.change = Some(VoterChange {
                ticket: Some(ticket),
                stage,
                deadline,
            });
        }
    }

    /// Puts `voters` in the log, from where on they are in force.
    fn append_voters(&mut self, voters: VoterSet, now: Now) -> Offset {
        let State::Leader(leader) = &mut self.state else {
            unreachable!("checked: this replica leads")
        };
        let offset = leader.accumulator.next();
        leader.adopt(&voters);
        let record = ControlRecord::Voters(voters.clone());
        leader.accumulator.append_control(now.wall, &[record]);
        self.history.set_voters(offset, voters);
        offset
    }

    /// Gives up the change under way if it took too long; returns when it will have.
    pub(super) fn expire_change(&mut self, now: Now, out: &mut Vec<Effect>) -> Option<Instant> {
        let State::Leader(leader) = &mut self.state else {
            return None;
        };
        let late = leader.change.take_if(|change| change.deadline <= now.instant);
        if let Some(change) = late {
            answer(change, (ErrorCode::RequestTimedOut, None), out);
        }
        leader.change.as_ref().map(|change| change.deadline)
    }

    /// Answers the change under way if it is committed. A leader that is no voter any more steps down.
    pub(super) fn end_committed_change(&mut self, committed: Offset, now: Now, out: &mut Vec<Effect>) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let done = leader.change.take_if(|change| match change.stage {
            Stage::Asking { .. } => false,
            Stage::Adding(offset) | Stage::Removing(offset) => offset < committed,
        });
        if let Some(change) = done {
            answer(change, (ErrorCode::None, None), out);
        }
        if !self.is_voter() && self.history.voters_are_committed(committed) {
            let deadline = self.election_deadline(now.instant);
            self.become_resigned(Some(deadline), out);
        }
    }

    /// Whether [`Raft::upgrade_kraft_version`] would do it.
    ///
    /// # Errors
    /// Why not.
    pub fn check_kraft_version(&self, level: i16) -> Result<(), UpgradeError> {
        let leader = self.leader().ok_or(UpgradeError::NotLeader)?;
        let from = self.history.kraft_version();
        if level < from || !KRaftVersionRange::SUPPORTED.covers(level) {
            return Err(UpgradeError::Level { from, to: level });
        }
        if level == from {
            return Ok(());
        }
        let others = self.history.voters().ids().filter(|id| *id != self.config.own.id);
        for id in others {
            let announced = leader.announced.get(&id);
            if !announced.is_some_and(|voter| voter.kraft_versions.covers(level)) {
                return Err(UpgradeError::Voter(id));
            }
        }
        Ok(())
    }

    /// KIP-853: raises `kraft.version` to `level`, from which on the voters are records of the log. Nothing happens unless
    /// the level is above the current one and [`Raft::check_kraft_version`] allows it.
    pub fn upgrade_kraft_version(&mut self, now: Now, level: i16) {
        if level <= self.history.kraft_version() || self.check_kraft_version(level).is_err() {
            return;
        }
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let mut voters = self.history.voters().with_updated(self.config.own_voter());
        for voter in leader.announced.values() {
            voters = voters.with_updated(voter.clone());
        }
        let first = leader.accumulator.next();
        leader.adopt(&voters);
        let records = [
            ControlRecord::KRaftVersion(level),
            ControlRecord::Voters(voters.clone()),
        ];
        leader.accumulator.append_control(now.wall, &records);
        self.history.set_kraft_version(first, level);
        self.history.set_voters(first.next(), voters);
    }
}

/// Answers a change that its leader cannot finish.
pub(super) fn give_up(change: VoterChange, out: &mut Vec<Effect>) {
    answer(change, (ErrorCode::NotLeaderOrFollower, None), out);
}

fn answer(change: VoterChange, (error, message): Refusal, out: &mut Vec<Effect>) {
    let Some(ticket) = change.ticket else {
        return;
    };
    let answer = match change.stage {
        Stage::Asking { .. } | Stage::Adding(_) => Answer::AddVoter { error, message },
        Stage::Removing(_) => Answer::RemoveVoter { error, message },
    };
    out.push(Effect::Answer { ticket, answer });
}

fn invalid(message: &str) -> Refusal {
    (ErrorCode::InvalidRequest, Some(message.to_owned()))
}

fn later(message: &str) -> Refusal {
    (ErrorCode::RequestTimedOut, Some(message.to_owned()))
}
