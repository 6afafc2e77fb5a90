//! One coordinator behind its lock.

use super::author::Author;
use super::linger::Batches;
use super::open_batch::OpenBatch;
use super::tenant::{Place, Tenant};
use crate::partitions::Hosted;
use base::{Clock, Instant, LeaderEpoch, Offset};
use coordinator_runtime::Runtime;
use coordinator_runtime::{Moment, Outcome, Token};
use partition::{Signal, Wakes};
use protocol::ErrorCode;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

/// The coordinator of one partition of its tenant's topic, for one epoch of its leadership.
#[derive(Debug)]
pub(crate) struct Shard<T: Tenant> {
    pub(crate) index: i32,
    pub(crate) epoch: LeaderEpoch,
    pub(crate) hosted: Arc<Hosted>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) batches: Batches,
    /// How many are about to change the coordinator, and wait for its lock.
    pub(super) arriving: AtomicUsize,
    outbox: T::Outbox,
    /// The high watermark has moved, or the partition is led elsewhere.
    pub(super) moved: Arc<Signal>,
    /// There is an earlier deadline than the shard's task knows of, or nothing more to do.
    pub(super) changed: Notify,
    /// More has been committed: what was under way may be done.
    pub(crate) settled: Notify,
    phase: Mutex<Phase<T>>,
}

#[derive(Debug)]
enum Phase<T: Tenant> {
    Loading,
    Serving(Box<Serving<T>>),
    Gone,
}

/// A coordinator that has read its log.
#[derive(Debug)]
pub(crate) struct Serving<T: Tenant> {
    pub(crate) runtime: Runtime<T::State, T::Completion>,
    pub(crate) coordinator: T,
    /// What is decided and not written yet.
    pub(super) open: Option<OpenBatch<T>>,
    /// The end of the log that it read: a former coordinator may have acknowledged all below, and not all of it need be below the
    /// high watermark that this replica knows of so far.
    taken_over: Offset,
    /// Who waits for an answer.
    waiting: FxHashMap<Token, oneshot::Sender<T::Answer>>,
    next_token: u64,
}

impl<T: Tenant> Serving<T> {
    pub(super) fn new(runtime: Runtime<T::State, T::Completion>, coordinator: T) -> Self {
        Self {
            taken_over: runtime.end(),
            runtime,
            coordinator,
            open: None,
            waiting: FxHashMap::default(),
            next_token: 0,
        }
    }

    /// When there is something to do by the clock.
    fn next_deadline(&self) -> Option<Instant> {
        let batch = self.open.as_ref().and_then(|open| open.due);
        batch.into_iter().chain(self.coordinator.next_deadline()).min()
    }

    fn expect(&mut self, reply: oneshot::Sender<T::Answer>) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.waiting.insert(token, reply);
        token
    }
}

/// What may be sent once no lock is held.
#[derive(Debug)]
#[must_use]
pub(crate) struct Due<T: Tenant> {
    pub(super) wakes: Wakes,
    answers: Vec<(oneshot::Sender<T::Answer>, T::Answer)>,
}

impl<T: Tenant> Due<T> {
    pub(super) fn nothing() -> Self {
        Self {
            wakes: Wakes::none(),
            answers: Vec::new(),
        }
    }

    pub(super) fn fire(self) {
        self.wakes.fire();
        for (reply, answer) in self.answers {
            // Who has gone away does not want its answer any more.
            drop(reply.send(answer));
        }
    }
}

impl<T: Tenant> Shard<T> {
    pub(super) fn new(
        index: i32,
        epoch: LeaderEpoch,
        hosted: Arc<Hosted>,
        clock: Arc<dyn Clock>,
        batches: Batches,
        outbox: T::Outbox,
    ) -> Self {
        Self {
            index,
            epoch,
            hosted,
            clock,
            batches,
            arriving: AtomicUsize::new(0),
            outbox,
            moved: Arc::default(),
            changed: Notify::new(),
            settled: Notify::new(),
            phase: Mutex::new(Phase::Loading),
        }
    }

    /// Which coordinator this is.
    pub(crate) fn place(&self) -> Place {
        Place {
            partition: self.index,
            epoch: self.epoch,
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment {
            now: self.clock.now(),
            wall: self.clock.wall(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Phase<T>> {
        self.phase
            .lock()
            .expect("no code panics while it changes a coordinator")
    }

    /// Runs an operation, writes what it decided, and answers where its answer will come out.
    pub(crate) fn operate(
        &self,
        author: Author,
        operation: impl FnOnce(&mut T, &T::State, Moment, Token) -> Outcome<T::Record, T::Completion>,
    ) -> Result<oneshot::Receiver<T::Answer>, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        self.change(|shard, serving, due| {
            let token = serving.expect(reply);
            let moment = shard.moment();
            let outcome = operation(&mut serving.coordinator, serving.runtime.latest(), moment, token);
            shard.write_as(author, serving, outcome, due);
        })?;
        Ok(answer)
    }

    /// Changes the coordinator, and afterwards sends what became due.
    pub(crate) fn change(&self, change: impl FnOnce(&Self, &mut Serving<T>, &mut Due<T>)) -> Result<(), ErrorCode> {
        let mut due = Due::nothing();
        let has_settled = {
            self.arriving.fetch_add(1, Ordering::Relaxed);
            let mut phase = self.lock();
            self.arriving.fetch_sub(1, Ordering::Relaxed);
            let serving = phase.serving()?;
            let before = serving.next_deadline();
            let committed = serving.runtime.committed_end();
            change(self, serving, &mut due);
            self.close_batch(serving, &mut due);
            for (to, answer) in serving.coordinator.take_replies() {
                due.answers
                    .extend(serving.waiting.remove(&to).map(|reply| (reply, answer)));
            }
            serving.coordinator.hand_over(self.place(), &self.outbox);
            let after = serving.next_deadline();
            if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
                self.changed.notify_one();
            }
            serving.runtime.committed_end() > committed
        };
        due.fire();
        if has_settled {
            self.settled.notify_waiters();
        }
        Ok(())
    }

    /// Looks at what is committed: all that former coordinators acknowledged, or COORDINATOR_LOAD_IN_PROGRESS.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T, &T::State) -> R) -> Result<R, ErrorCode> {
        let mut phase = self.lock();
        let serving = phase.serving()?;
        if serving.runtime.committed_end() < serving.taken_over {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        Ok(look(&serving.coordinator, serving.runtime.committed()))
    }

    /// The log has been read. Answers whether anybody still wants it.
    pub(super) fn begin(&self, serve: impl FnOnce(Moment) -> Serving<T>) -> bool {
        let mut phase = self.lock();
        let wanted = matches!(*phase, Phase::Loading);
        if wanted {
            *phase = Phase::Serving(Box::new(serve(self.moment())));
        }
        wanted
    }

    /// This broker leads the partition no more: whoever waits is told to look elsewhere (its channel closes).
    pub(super) fn resign(&self) {
        let before = std::mem::replace(&mut *self.lock(), Phase::Gone);
        self.hosted.lock().leave(&self.moved);
        self.changed.notify_one();
        drop(before);
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(*self.lock(), Phase::Gone)
    }

    /// When there is something to do by the clock.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.lock().serving().ok()?.next_deadline()
    }

    /// Whether somebody has the lock.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        self.phase.try_lock().is_err()
    }

    /// Whether somebody waits for the lock to change the coordinator next.
    pub(super) fn is_awaited(&self) -> bool {
        // Whoever has the lock saw everybody before it come and go: a number that is not 0 stands for one to come.
        self.arriving.load(Ordering::Relaxed) > 0
    }
}

impl<T: Tenant> Phase<T> {
    fn serving(&mut self) -> Result<&mut Serving<T>, ErrorCode> {
        match self {
            Self::Loading => Err(ErrorCode::CoordinatorLoadInProgress),
            Self::Serving(serving) => Ok(serving),
            Self::Gone => Err(ErrorCode::NotCoordinator),
        }
    }
}
