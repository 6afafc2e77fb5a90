//! What goes with the active controller's office: who has it, how it begins and ends, and what it does by the clock.

use super::Driver;
use crate::active_controller::ActiveController;
use crate::error::QuorumError;
use crate::incoming_snapshot::Installed;
use crate::operation::{Answer as Reply, Refused};
use crate::{snapshots, standby};
use base::Offset;
use client::Address;
use controller::{ControllerState, MutationQuotas, Origin, Periodic, Sessions};
use raft::Leadership;

impl Driver {
    /// Tells the rest of the node who the active controller is.
    pub(super) fn announce(&self) {
        let own = self.replica.raft.own().id;
        let leadership = self.replica.raft.leadership();
        let now = match leadership.leader {
            // Elected, but not yet at work.
            Some(leader) if leader == own && self.active.is_none() => ActiveController {
                epoch: leadership.epoch,
                ..ActiveController::UNKNOWN
            },
            Some(leader) if leader != own => ActiveController {
                id: leadership.leader,
                epoch: leadership.epoch,
                address: self.address(&leadership),
            },
            Some(_) | None => ActiveController {
                id: leadership.leader,
                epoch: leadership.epoch,
                address: None,
            },
        };
        self.announced.send_if_modified(|known| {
            let differs = *known != now;
            *known = now;
            differs
        });
    }

    /// Everything below `high_watermark` is committed. A leader has applied it already; a follower applies it now.
    pub(super) fn commit(&mut self, high_watermark: Offset) -> Result<(), QuorumError> {
        let answers = if self.active.is_some() {
            self.follow_machine();
            self.runtime.commit(high_watermark)
        } else {
            standby::follow(
                &mut self.runtime,
                &mut self.publisher,
                &self.replica.log,
                high_watermark,
            )?;
            Vec::new()
        };
        // First the picture, then the answers: who was told of a topic finds it.
        let end = self.runtime.committed_end();
        let kraft_version = self.replica.raft.history().kraft_version_at(end);
        self.publisher.publish(self.runtime.committed(), end, kraft_version);
        for answer in answers {
            answer(Ok(()));
        }
        Ok(())
    }

    /// What this leader wrote and did not see committed may be lost; who waits for it asks the next one.
    pub(super) fn leave_office(&mut self) {
        self.active = None;
        self.fail_everything();
    }

    /// Where the leader is reached by other controllers, and by brokers.
    fn address(&self, leadership: &Leadership) -> Option<Address> {
        let mut endpoints = leadership.endpoints.iter();
        let endpoint = endpoints.find(|endpoint| endpoint.listener == self.listener)?;
        Some(Address {
            host: endpoint.host.clone(),
            port: endpoint.port,
        })
    }

    /// The leader's snapshot took the place of this replica's log, and of the state.
    pub(super) fn take_over(&mut self, installed: Installed) {
        let Installed { file, header, image } = installed;
        let state = ControllerState::from_snapshot(snapshots::loader(file.id, &header, image), file.id.end);
        self.runtime.install(state, file.id.end);
        self.publisher.note_snapshot(file.id.end);
        self.snapshotter.add(file);
    }

    /// The voters may have changed.
    pub(super) fn follow_voters(&mut self) {
        let voters = self.replica.raft.history().voters();
        let known = &mut self.desk.settings.quorum_nodes;
        if !voters.ids().eq(known.iter().copied()) {
            *known = voters.ids().collect();
        }
    }

    /// A new leader applies what of its log is not committed yet: it will be, with the first record of its epoch. Its
    /// own first writes go to the disk together with that record.
    pub(super) fn take_office(&mut self) -> Result<(), QuorumError> {
        let leading = self.replica.raft.leading();
        if leading.is_none() || leading == self.active {
            return Ok(());
        }
        if self.active.is_some() {
            self.leave_office();
        }
        standby::apply_the_rest(&mut self.runtime, &mut self.publisher, &self.replica.log)?;
        self.active = leading;
        self.follow_machine();
        let now = self.clock.now();
        let desk = &mut self.desk;
        desk.sessions = Sessions::activate(desk.settings.session_timeout, self.runtime.latest(), now);
        desk.mutations = MutationQuotas::new(desk.settings.mutation_window);
        if let Some(own) = self.previous_life.take() {
            desk.sessions.end(own);
        }
        desk.periodic = Periodic::activate(&desk.settings, now);
        let first = controller::activate(self.runtime.latest(), &desk.settings, &self.bootstrap);
        self.write(first.map(nobody));
        self.register();
        Ok(())
    }

    /// Registers this controller, if it is not or no longer registered.
    fn register(&mut self) {
        if let Some(outcome) = self.registration.due(self.runtime.latest()) {
            self.write(outcome.map(nobody));
        }
    }

    /// Does what the controller has to do by the clock.
    pub(super) fn tick(&mut self) {
        if self.active.is_none() {
            return;
        }
        self.register();
        self.last_word.take(self.runtime.latest(), &mut self.desk.sessions);
        // Each turn does one task, and moves its deadline or removes what was due.
        while self.desk.periodic.next_deadline(&self.desk.sessions) <= self.clock.now() {
            let outcome = self.decide(Origin::Direct, |state, context, periodic| {
                periodic.on_timeout(state, context)
            });
            self.write(outcome.map(nobody));
        }
    }

    /// Every parked answer is refused: what it rests on will not be committed by this leader.
    pub(super) fn fail_everything(&mut self) {
        let end = self.runtime.committed_end();
        for answer in self.runtime.revert(end) {
            answer(Err(Refused::NotController));
        }
    }
}

/// The answer to what the controller did on its own.
fn nobody((): ()) -> Reply {
    Box::new(|_| ())
}
