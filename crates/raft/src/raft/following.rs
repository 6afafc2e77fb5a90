//! Pulling the leader's log: fetches and truncation.

use super::{Raft, Turn, earlier};
use crate::config::{Join, Now, Participation};
use crate::contents::{Contents, LogBatch};
use crate::effect::Effect;
use crate::fault::Fault;
use crate::log_shape::LogPosition;
use crate::message::{
    AckWhen, AddVoterRequest, Destination, FetchRequest, FetchSnapshotRequest, Fetched, RemoveVoterRequest, Request,
    UpdateVoterRequest,
};
use crate::state::{Contact, Follower, State};
use crate::voters::KRaftVersionRange;
use base::{Instant, LeaderEpoch, Offset};
use bytes::Bytes;
use records::{BatchError, batches};
use std::time::Duration;

/// A leader that cannot be connected to counts as gone after so many attempts in a row.
const FAILURES_OF_A_LOST_LEADER: u32 = 2;
/// Its voters then stand within this time, each at another moment.
const SUCCESSION: Duration = Duration::from_millis(100);

impl Raft {
    pub(super) fn drive_follower(&mut self, now: Now, out: &mut Vec<Effect>) -> Turn {
        let State::Follower(state) = &self.state else {
            return Turn::Again;
        };
        let deadline = state.fetch_deadline;
        let is_over = deadline <= now.instant;
        if self.may_stand() && is_over {
            self.become_prospective(now, out);
            return Turn::Again;
        }
        let wake = if self.is_voter() {
            self.fetch_from_leader(now, out)
        } else if is_over
            || self
                .leader_destination()
                .is_none_or(|to| self.requests.is_pausing(&to, now.instant))
        {
            self.fetch_from_anyone(now, out)
        } else {
            self.fetch_from_leader(now, out)
        };
        Turn::Wait(if is_over { wake } else { earlier(Some(deadline), wake) })
    }

    /// Asks any known node for the log: if it does not lead, it says who does.
    pub(super) fn fetch_from_anyone(&mut self, now: Now, out: &mut Vec<Effect>) -> Option<Instant> {
        if let Some(until) = self.requests.under_way_until(now.instant) {
            return Some(until);
        }
        if !self.may_fetch(out) {
            return None;
        }
        let known = self.known_nodes();
        let start = self.rng.below(known.len().max(1) as u64);
        let (before, after) = known.split_at(usize::try_from(start).unwrap_or(0).min(known.len()));
        let mut wake = None;
        for to in after.iter().chain(before) {
            match self.requests.busy_until(to, now.instant) {
                None => return self.send_fetch(to.clone(), now, out),
                until => wake = earlier(wake, until),
            }
        }
        wake
    }

    /// The bootstrap servers and the leader; the voters, where no bootstrap servers are configured.
    fn known_nodes(&self) -> Vec<Destination> {
        let mut known = self.config.bootstrap.clone();
        if known.is_empty() {
            let ids = self.history.voters().ids().filter(|id| *id != self.config.own.id);
            known.extend(ids.filter_map(|id| self.voter_destination(id)));
        }
        known.extend(self.leader_destination().filter(|to| !known.contains(to)));
        let own = &self.config.endpoints;
        known.retain(|to| !own.iter().any(|own| own.host == to.host && own.port == to.port));
        known
    }

    fn leader_destination(&self) -> Option<Destination> {
        match &self.state {
            State::Follower(state) => self.config.reach(state.leader, &state.endpoints),
            State::Unattached(_)
            | State::Prospective(_)
            | State::Candidate(_)
            | State::Leader(_)
            | State::Resigned(_) => None,
        }
    }

    fn fetch_from_leader(&mut self, now: Now, out: &mut Vec<Effect>) -> Option<Instant> {
        let to = self.leader_destination()?;
        if let Some(until) = self.requests.busy_until(&to, now.instant) {
            return Some(until);
        }
        if let Some(request) = self.take_voter_set_request(now) {
            return self.send(to, || request, now, out);
        }
        if !self.may_fetch(out) {
            return None;
        }
        let State::Follower(state) = &self.state else {
            return None;
        };
        let Some(fetch) = state.snapshot else {
            return self.send_fetch(to, now, out);
        };
        let request = FetchSnapshotRequest {
            replica: self.config.own,
            epoch: state.epoch,
            id: fetch.id,
            position: fetch.position,
        };
        self.send(to, || Request::FetchSnapshot(request), now, out)
    }

    fn send_fetch(&mut self, to: Destination, now: Now, out: &mut Vec<Effect>) -> Option<Instant> {
        let request = FetchRequest {
            replica: self.config.own,
            epoch: self.epoch(),
            position: self.shape.end_position(),
            high_watermark: self.high_watermark,
        };
        self.send(to, || Request::Fetch(request), now, out)
    }

    /// Whether a fetch may say where this log ends. The leader counts that as durable, so it is flushed first.
    fn may_fetch(&mut self, out: &mut Vec<Effect>) -> bool {
        if self.installing.is_some() {
            return false;
        }
        let end = self.shape.end();
        if !self.has_to_flush() || self.durability.covers(end) {
            return true;
        }
        if !self.durability.will_cover(end) {
            self.durability.ask(end);
            out.push(Effect::Flush);
        }
        false
    }

    fn has_to_flush(&self) -> bool {
        matches!(self.config.participation, Participation::Controller { .. })
    }

    /// KIP-853: what the leader should be told about this replica as a voter, if it is time to look.
    fn take_voter_set_request(&mut self, now: Now) -> Option<Request> {
        let next = now.instant.plus(self.config.fetch_timeout);
        let State::Follower(state) = &mut self.state else {
            return None;
        };
        if state.voter_set_deadline > now.instant {
            return None;
        }
        state.voter_set_deadline = next;
        let (epoch, has_told_leader) = (state.epoch, state.has_told_leader);
        let own = self.config.own_voter();
        let is_dynamic = self.history.kraft_version() >= 1;
        if self.is_voter() {
            let is_known = if is_dynamic {
                self.history.voters().get(own.key.id) == Some(&own)
            } else {
                has_told_leader
            };
            return (!is_known).then_some(Request::UpdateVoter(UpdateVoterRequest {
                epoch,
                voter: own.key,
                endpoints: own.endpoints,
                kraft_versions: KRaftVersionRange::SUPPORTED,
            }));
        }
        let joins = self.config.participation == Participation::Controller { join: Join::Automatic };
        if !joins || !is_dynamic {
            return None;
        }
        Some(match self.history.voters().get(own.key.id) {
            // This node before its disk was replaced.
            Some(former) => Request::RemoveVoter(RemoveVoterRequest { voter: former.key }),
            None => Request::AddVoter(AddVoterRequest {
                voter: own.key,
                endpoints: own.endpoints,
                ack: AckWhen::Appended,
            }),
        })
    }

    /// The leader knows this voter.
    pub(super) fn on_leader_told(&mut self, in_epoch: LeaderEpoch) {
        if let State::Follower(state) = &mut self.state
            && state.epoch == in_epoch
        {
            state.has_told_leader = true;
        }
    }

    /// The connection to `to` failed. If that was the leader's, and it failed again, the leader is most likely gone: the
    /// voters do not wait for the fetch timeout then, but sound out an election (which a leader that lives survives).
    pub(super) fn on_fetch_disconnected(&mut self, to: &Destination, now: Now) {
        if self.leader_destination().as_ref() != Some(to) {
            return;
        }
        let soon = now.instant.plus(self.random_below(SUCCESSION));
        let State::Follower(state) = &mut self.state else {
            return;
        };
        let failures = match state.contact {
            Contact::None => return,
            Contact::Held => 1,
            Contact::Lost { failures } => failures.saturating_add(1),
        };
        state.contact = Contact::Lost { failures };
        if failures == FAILURES_OF_A_LOST_LEADER {
            state.fetch_deadline = state.fetch_deadline.min(soon);
        }
    }

    /// The host's own questions to this epoch's leader have gone unanswered for `silent`: it hangs, or the way to it is lost.
    /// Unless a fetch was answered meanwhile, a voter sounds out an election, and an observer asks other nodes who leads.
    pub fn on_leader_silent(&mut self, now: Now, epoch: LeaderEpoch, silent: Duration, out: &mut Vec<Effect>) {
        if let State::Follower(state) = &self.state
            && state.epoch == epoch
            && now.instant.since(state.heard) >= silent
        {
            self.lose_leader(now);
            self.drive(now, out);
        }
    }

    /// What was asked of the leader will not be answered. A voter need not wait longer for an election.
    fn lose_leader(&mut self, now: Now) {
        let stands = self.may_stand();
        if let Some(to) = self.leader_destination().filter(|_| !stands) {
            self.requests.give_up(&to, now.instant);
        }
        if let State::Follower(state) = &mut self.state {
            state.contact = Contact::Lost {
                failures: FAILURES_OF_A_LOST_LEADER,
            };
            if stands {
                state.fetch_deadline = now.instant;
            }
        }
    }

    /// The leader answered a fetch.
    pub(super) fn on_fetched(
        &mut self,
        to: &Destination,
        request: &FetchRequest,
        fetched: Fetched,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        // What was asked before a change of the log, or of the epoch, is of no use any more.
        if request.position != self.shape.end_position() || self.installing.is_some() {
            return;
        }
        if !matches!(&self.state, State::Follower(state) if state.epoch == request.epoch) {
            return;
        }
        let taken = match fetched {
            Fetched::Records { bytes, high_watermark } => self.take_records(&bytes, high_watermark, now, out),
            Fetched::Diverging(position) => self.take_truncation(position, out),
            Fetched::Snapshot(id) => self.take_snapshot_id(id, out),
        };
        match taken {
            Ok(()) => self.hold_contact(now),
            Err(fault) => {
                out.push(Effect::Fault(fault));
                self.requests.pause(to.clone(), now.instant);
            }
        }
    }

    pub(super) fn hold_contact(&mut self, now: Now) {
        let deadline = now.instant.plus(self.config.fetch_timeout);
        if let State::Follower(state) = &mut self.state {
            state.fetch_deadline = deadline;
            state.heard = now.instant;
            state.contact = Contact::Held;
        }
    }

    fn take_records(
        &mut self,
        bytes: &Bytes,
        high_watermark: Option<Offset>,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Fault> {
        let base = self.shape.end();
        let size = self.take_batches(bytes);
        if size == 0 && !bytes.is_empty() {
            return Err(Fault::Records {
                epoch: self.epoch(),
                at: base,
            });
        }
        let end = self.shape.end();
        if size > 0 {
            out.push(Effect::AppendFetched {
                bytes: bytes.slice(..size),
                base,
                end,
            });
            if self.has_to_flush() {
                self.durability.ask(end);
                out.push(Effect::Flush);
            }
        }
        if let State::Follower(state) = &mut self.state {
            state.leader_high_watermark = state.leader_high_watermark.max(high_watermark);
        }
        self.advance(now, out);
        Ok(())
    }

    /// Takes the batches that continue the log, up to the first that does not; returns their size.
    fn take_batches(&mut self, bytes: &[u8]) -> usize {
        let mut size = 0;
        for batch in batches(bytes) {
            let view = match batch {
                Ok(view) => view,
                Err(BatchError::Partial { .. }) => break,
                Err(_) => break,
            };
            let Ok(batch) = LogBatch::read(&view) else {
                break;
            };
            let continues = batch.base == self.shape.end() && batch.end > batch.base;
            if !continues || batch.epoch < self.shape.last_epoch() || batch.epoch > self.epoch() {
                break;
            }
            self.shape.grow(batch.epoch, batch.end);
            if let Contents::Control(records) = &batch.contents {
                for (offset, record) in records {
                    self.history.take(*offset, record);
                }
            }
            size += view.bytes().len();
        }
        size
    }

    fn take_truncation(&mut self, diverging: LogPosition, out: &mut Vec<Effect>) -> Result<(), Fault> {
        let to = self.shape.truncation(diverging);
        self.check_committed(to)?;
        if to >= self.shape.end() || to < self.shape.start() {
            return Err(Fault::Records {
                epoch: self.epoch(),
                at: self.shape.end(),
            });
        }
        self.shape.truncate(to);
        self.history.truncate(to);
        self.durability.truncate(to);
        out.push(Effect::Truncate(to));
        Ok(())
    }

    pub(super) fn check_committed(&self, to: Offset) -> Result<(), Fault> {
        match self.high_watermark {
            Some(high_watermark) if to < high_watermark => Err(Fault::TruncationBelowHighWatermark {
                epoch: self.epoch(),
                to,
                high_watermark,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// What of this follower's log is known to be committed: as much as it has, durably if it has to.
    pub(super) fn committed_for(&self, state: &Follower) -> Option<Offset> {
        let end = if self.has_to_flush() {
            self.durability.flushed()
        } else {
            self.shape.end()
        };
        state.leader_high_watermark.map(|committed| committed.min(end))
    }
}
