//! What follows from the clock, and from records that are committed or lost.

use crate::classic::group::ClassicGroup;
use crate::classic::rebalance;
use crate::completion::{Answer, Completion, Outcome, refusal};
use crate::consumer::fence;
use crate::coordinator::GroupCoordinator;
use crate::desk::Desk;
use crate::op::{expire_offsets, join_group};
use crate::state::GroupState;
use crate::timers::Timer;
use coordinator_runtime::Lost;
use coordinator_runtime::Moment;
use std::time::Duration;

/// When what was due and could not be written is tried again.
const BACKOFF: Duration = Duration::from_millis(500);

impl GroupCoordinator {
    /// Does one thing that is due; `None` if nothing is. To be called until it answers `None`, each outcome being written
    /// before the next call.
    pub fn on_timeout(&mut self, state: &GroupState, moment: Moment) -> Option<Outcome> {
        self.desk.moment = moment;
        let timer = self.desk.timers.take_due(moment.now)?;
        Some(match timer {
            Timer::Expiry => {
                let next = moment.now.plus(self.desk.settings.offsets_retention_check_interval);
                self.desk.timers.set(Timer::Expiry, next);
                expire_offsets::expire_offsets(self, state)
            }
            Timer::Session { ref group, .. } if state.consumer(group).is_some() => self.fence(state, timer),
            Timer::Revocation { .. } | Timer::ClassicJoin { .. } | Timer::ClassicSync { .. } => {
                self.fence(state, timer)
            }
            Timer::Session { group, member } => self.with(state, &group, |desk, group| {
                rebalance::session_ended(desk, group, &member)
            }),
            Timer::Join(group) => self.with(state, &group, rebalance::join_time_up),
            Timer::Sync(group) => self.with(state, &group, rebalance::sync_time_up),
        })
    }

    fn fence(&mut self, state: &GroupState, timer: Timer) -> Outcome {
        match fence::timed_out(&mut self.desk, state, &timer) {
            Some(draft) => Outcome::atomic(self.finish(draft), Completion::Timer(timer)),
            None => Outcome::unchanged(Completion::Nothing),
        }
    }

    fn with(
        &mut self,
        state: &GroupState,
        id: &str,
        act: impl FnOnce(&mut Desk, &mut ClassicGroup) -> Outcome,
    ) -> Outcome {
        if state.consumer(id).is_some() {
            // It was to become a classic group, and that was lost.
            self.groups.remove(id);
        }
        match self.groups.get_mut(id) {
            Some(group) => act(&mut self.desk, group),
            None => Outcome::unchanged(Completion::Nothing),
        }
    }

    /// The records of an outcome are committed.
    pub fn committed(&mut self, completion: Completion, moment: Moment) {
        self.desk.moment = moment;
        match completion {
            Completion::Nothing | Completion::Created { .. } | Completion::Timer(_) => {}
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
                    join_group::replaced(&mut self.desk, group, &replaced);
                }
            }
        }
    }

    /// The records of an outcome were not written, or will not be committed. The outcome is to be written: losing an
    /// assignment begins a rebalance.
    pub fn lost(&mut self, completion: Completion, lost: Lost, moment: Moment) -> Outcome {
        self.desk.moment = moment;
        let error = refusal(lost);
        match completion {
            Completion::Nothing => {}
            Completion::Reply(reply) => self.desk.reply(reply.to, Answer::Refused(error)),
            Completion::Timer(timer) => self.desk.timers.set(timer, moment.now.plus(BACKOFF)),
            Completion::Created { group } => self.drop_group(&group, error),
            Completion::Assigned { group, generation, .. } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    return rebalance::assignment_lost(&mut self.desk, group, generation, error);
                }
            }
            Completion::Replaced(replaced) => {
                if let Some(group) = self.groups.get_mut(&replaced.group) {
                    join_group::not_replaced(&mut self.desk, group, *replaced, error);
                }
            }
        }
        Outcome::unchanged(Completion::Nothing)
    }
}
