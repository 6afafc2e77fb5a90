//! What follows from the clock, and from records that are committed or lost.

use crate::completion::{Answer, Completion, Outcome, Reply, refusal};
use crate::coordinator::TransactionCoordinator;
use crate::markers::Progress;
use crate::op::{abort_timed_out, expire_ids, markers_written};
use crate::pending::Pending;
use crate::settings::RETRY_BACKOFF;
use crate::state::TransactionState;
use crate::timers::Timer;
use coordinator_runtime::{Lost, Moment};
use std::sync::Arc;

impl TransactionCoordinator {
    /// Does one thing that is due; `None` if nothing is. To be called until it answers `None`, each outcome being written
    /// before the next call.
    pub fn on_timeout(&mut self, state: &TransactionState, moment: Moment) -> Option<Outcome> {
        loop {
            if let Some(outcome) = abort_timed_out::next(self, state, moment) {
                return Some(outcome);
            }
            if let Some(outcome) = expire_ids::next(self, state, moment) {
                return Some(outcome);
            }
            match self.timers.take_due(moment.now)? {
                Timer::TakenOver => return Some(Outcome::unchanged(Completion::TakenOver)),
                Timer::Resend(id) => self.resend(&id),
                Timer::Complete(id) => {
                    if let Some(outcome) = markers_written::complete(self, &id) {
                        return Some(outcome);
                    }
                }
                Timer::AbortTimedOut => {
                    let next = moment.now.plus(self.settings.abort_timed_out_interval);
                    self.timers.set(Timer::AbortTimedOut, next);
                    abort_timed_out::look(self, state, moment);
                }
                Timer::Expiry => {
                    let next = moment.now.plus(self.settings.remove_expired_interval);
                    self.timers.set(Timer::Expiry, next);
                    expire_ids::look(self, state, moment);
                }
            }
        }
    }

    /// The records of an outcome are committed.
    pub fn committed(&mut self, completion: Completion, moment: Moment) {
        match completion {
            Completion::Nothing => {}
            Completion::Reply(reply) => self.reply(reply),
            Completion::Changed { id, reply } => {
                self.pending.remove(&id);
                self.reply(reply);
            }
            Completion::Prepared { id, prepared, reply } => {
                self.begin_markers(&id, prepared, moment);
                if let Some(reply) = reply {
                    self.reply(reply);
                }
            }
            Completion::Completed { id } => {
                self.pending.remove(&id);
            }
            Completion::Expired { ids } => self.release(&ids),
            Completion::TakenOver => self.go_on(moment),
        }
    }

    /// The records of an outcome were not written. Nothing follows that has to be written at once: what must not be given
    /// up is tried again after [`RETRY_BACKOFF`].
    pub fn lost(&mut self, completion: Completion, lost: Lost, moment: Moment) -> Outcome {
        match completion {
            Completion::Nothing => {}
            Completion::Reply(reply) => self.refuse(reply, lost),
            Completion::Changed { id, reply } => {
                self.pending.remove(&id);
                self.refuse(reply, lost);
            }
            Completion::Prepared { id, reply, .. } => {
                self.pending.remove(&id);
                if let Some(reply) = reply {
                    self.refuse(reply, lost);
                }
            }
            Completion::Completed { id } => {
                if let Some(Pending::Markers(markers)) = self.pending.get_mut(&id) {
                    markers.progress = Progress::Writing;
                    self.timers.set(Timer::Complete(id), moment.now.plus(RETRY_BACKOFF));
                }
            }
            Completion::Expired { ids } => self.release(&ids),
            Completion::TakenOver => self.timers.set(Timer::TakenOver, moment.now.plus(RETRY_BACKOFF)),
        }
        Outcome::unchanged(Completion::Nothing)
    }

    fn refuse(&mut self, reply: Reply, lost: Lost) {
        self.reply(Reply {
            to: reply.to,
            answer: Answer::Refused(refusal(lost)),
        });
    }

    fn release(&mut self, ids: &[Arc<str>]) {
        for id in ids {
            self.pending.remove(id);
        }
    }

    fn go_on(&mut self, moment: Moment) {
        let taken_over = self.pending.iter().filter_map(|(id, pending)| match pending {
            Pending::TakenOver(prepared) => Some((Arc::clone(id), Arc::clone(prepared))),
            Pending::Writing { .. } | Pending::Markers(_) => None,
        });
        let taken_over: Vec<_> = taken_over.collect();
        for (id, prepared) in taken_over {
            self.begin_markers(&id, prepared, moment);
        }
    }
}
