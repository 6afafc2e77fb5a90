//! The groups of one partition as long as this broker leads it.

use crate::classic::group::ClassicGroup;
use crate::classic::rebalance;
use crate::completion::{Answer, Completion, Lost, Outcome, Reply, Token};
use crate::op;
use crate::settings::GroupSettings;
use crate::state::GroupState;
use crate::timers::{Timer, Timers};
use base::{Instant, Rng, Timestamp};
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Now, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For deadlines.
    pub now: Instant,
    /// For records.
    pub wall: Timestamp,
}

/// What the operations on one group need besides the group.
#[derive(Debug)]
pub struct Desk {
    pub(crate) settings: GroupSettings,
    pub(crate) timers: Timers,
    pub(crate) rng: Rng,
    pub(crate) moment: Moment,
    pub(crate) replies: Vec<Reply>,
}

impl Desk {
    pub(crate) fn reply(&mut self, to: Token, answer: Answer) {
        self.replies.push(Reply { to, answer });
    }
}

/// See the module.
#[derive(Debug)]
pub struct GroupCoordinator {
    pub(crate) groups: BTreeMap<Arc<str>, ClassicGroup>,
    pub(crate) desk: Desk,
}

impl GroupCoordinator {
    /// A coordinator that has taken over what `state` says: every member has its session timeout to be heard of. Outcomes
    /// are to be written at once: groups that are over `group.max.size` begin a rebalance.
    pub fn take_over(state: &GroupState, settings: GroupSettings, rng: Rng, moment: Moment) -> Self {
        let mut timers = Timers::default();
        timers.set(
            Timer::Expiry,
            moment.now.plus(settings.offsets_retention_check_interval),
        );
        let mut coordinator = Self {
            groups: BTreeMap::new(),
            desk: Desk {
                settings,
                timers,
                rng,
                moment,
                replies: Vec::new(),
            },
        };
        for (id, stored) in state.groups() {
            if stored
                .metadata
                .as_ref()
                .is_some_and(|metadata| !metadata.members.is_empty())
            {
                coordinator.open(state, id);
            }
        }
        coordinator.shrink();
        coordinator
    }

    fn shrink(&mut self) {
        let Self { groups, desk } = self;
        for group in groups.values_mut() {
            if group.members().len() > desk.settings.max_size {
                tracing::info!(group = %group.id, members = group.members().len(), "a loaded group is over group.max.size");
                // A group with members that all have yet to join writes nothing now.
                let outcome = rebalance::prepare(desk, group);
                debug_assert!(outcome.records.is_empty());
            }
        }
    }

    /// A group that exists, taken from the log if it was not looked at before.
    pub(crate) fn open(&mut self, state: &GroupState, id: &str) -> Option<(&mut ClassicGroup, &mut Desk)> {
        if !self.groups.contains_key(id) {
            let stored = state.group(id)?;
            let group = ClassicGroup::load(id, stored.metadata.as_deref());
            for member in group.members().values() {
                rebalance::await_heartbeat(&mut self.desk, &group.id, member);
            }
            self.groups.insert(Arc::clone(&group.id), group);
        }
        let group = self.groups.get_mut(id)?;
        Some((group, &mut self.desk))
    }

    /// A group as readers see it: with its members if it is live, else as the log has it. None if the log, as far as it is
    /// committed, has no such group.
    pub(crate) fn look<R>(&self, committed: &GroupState, id: &str, look: impl FnOnce(&ClassicGroup) -> R) -> Option<R> {
        let stored = committed.group(id)?;
        Some(match self.groups.get(id) {
            Some(group) => look(group),
            None => look(&ClassicGroup::load(id, stored.metadata.as_deref())),
        })
    }

    /// Forgets a group that is being deleted.
    pub(crate) fn drop_group(&mut self, id: &str, error: ErrorCode) {
        let Some(mut group) = self.groups.remove(id) else {
            return;
        };
        let members: Vec<Arc<str>> = group.members().keys().chain(group.pending()).cloned().collect();
        for member in members {
            self.desk.timers.cancel(&Timer::Session {
                group: Arc::clone(&group.id),
                member,
            });
        }
        self.desk.timers.cancel(&Timer::Join(Arc::clone(&group.id)));
        self.desk.timers.cancel(&Timer::Sync(Arc::clone(&group.id)));
        rebalance::refuse_all(&mut self.desk, &mut group, error);
    }

    /// When [`GroupCoordinator::on_timeout`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.desk.timers.next()
    }

    /// Does one thing that is due; `None` if nothing is. To be called until it answers `None`, each outcome being written
    /// before the next call.
    pub fn on_timeout(&mut self, state: &GroupState, moment: Moment) -> Option<Outcome> {
        self.desk.moment = moment;
        let timer = self.desk.timers.take_due(moment.now)?;
        Some(match timer {
            Timer::Expiry => {
                let next = moment.now.plus(self.desk.settings.offsets_retention_check_interval);
                self.desk.timers.set(Timer::Expiry, next);
                op::expire_offsets::expire_offsets(self, state)
            }
            Timer::Session { group, member } => {
                self.with(&group, |desk, group| rebalance::session_ended(desk, group, &member))
            }
            Timer::Join(group) => self.with(&group, rebalance::join_time_up),
            Timer::Sync(group) => self.with(&group, rebalance::sync_time_up),
        })
    }

    fn with(&mut self, id: &str, act: impl FnOnce(&mut Desk, &mut ClassicGroup) -> Outcome) -> Outcome {
        match self.groups.get_mut(id) {
            Some(group) => act(&mut self.desk, group),
            None => Outcome::unchanged(Completion::Nothing),
        }
    }

    /// The records of an outcome are committed.
    pub fn committed(&mut self, completion: Completion, moment: Moment) {
        self.desk.moment = moment;
        match completion {
            Completion::Nothing | Completion::Created { .. } => {}
            Completion::Reply(reply) => self.desk.replies.push(reply),
            Completion::Assigned {
                group,
                generation,
                assignment,
            } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    rebalance::assigned(&mut self.desk, group, generation, &assignment);
                }
            }
            Completion::Replaced(replaced) => {
                if let Some(group) = self.groups.get_mut(&replaced.group) {
                    op::join_group::replaced(&mut self.desk, group, &replaced);
                }
            }
        }
    }

    /// The records of an outcome were not written, or will not be committed. The outcome is to be written: losing an
    /// assignment begins a rebalance.
    pub fn lost(&mut self, completion: Completion, lost: Lost, moment: Moment) -> Outcome {
        self.desk.moment = moment;
        let error = lost.code();
        match completion {
            Completion::Nothing => {}
            Completion::Reply(reply) => self.desk.reply(reply.to, Answer::Refused(error)),
            Completion::Created { group, by } => {
                self.desk.reply(by, Answer::Refused(error));
                self.drop_group(&group, error);
            }
            Completion::Assigned { group, generation, .. } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    return rebalance::assignment_lost(&mut self.desk, group, generation, error);
                }
            }
            Completion::Replaced(replaced) => {
                if let Some(group) = self.groups.get_mut(&replaced.group) {
                    op::join_group::not_replaced(&mut self.desk, group, *replaced, error);
                }
            }
        }
        Outcome::unchanged(Completion::Nothing)
    }

    /// This broker is not the coordinator any more: everyone who waits is told.
    pub fn resign(&mut self) {
        let groups: Vec<Arc<str>> = self.groups.keys().cloned().collect();
        for group in groups {
            self.drop_group(&group, ErrorCode::NotCoordinator);
        }
    }

    /// The answers that are ready to be sent.
    pub fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.desk.replies)
    }
}
