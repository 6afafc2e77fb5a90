//! What waits to be put on stable storage, whose turn it is to do that, and when.
//!
//! One flush of a log directory is under way at a time. Most begin on the thread of the connection that brought what waits, as soon
//! as it has nothing more to read: nothing is handed over, and its answers go out from there. What is much, or comes
//! while somebody flushes, is for the directory's own thread; so is what is asked for by anybody but a connection.

mod gathering;

pub use gathering::Load;

use base::{Clock, Instant};
use gathering::{Begin, Gathering};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The queue of one log directory. Its length is bounded by the number of partitions, since each is in it
/// once; and of those that wait for their time likewise.
#[derive(Debug)]
pub struct FlushQueue<T> {
    state: Mutex<State<T>>,
    /// For the thread.
    changed: Condvar,
    /// Whether something was put off since [`FlushQueue::settle`].
    put_off: AtomicBool,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<Arc<T>>,
    /// What of it was put off.
    load: Load,
    /// How many of them, from the first on, somebody has begun to write.
    begun: usize,
    /// Whether the thread is to flush as soon as it can.
    haste: Haste,
    /// What `flush.ms` asks for, some time.
    timed: Vec<Arc<T>>,
    phase: Phase,
    turn: TurnOf,
    thread: Thread,
    gathering: Gathering,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    None,
    Urgent,
}

/// Whether a flush is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TurnOf {
    Nobody,
    Somebody,
}

/// What the thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    Works,
    Sleeps,
    /// Until then, unless it is woken.
    SleepsUntil(Instant),
}

/// So many partitions are worth beginning with before their turn.
const MANY: usize = 4;

/// What the caller of [`FlushQueue::settle`] is to do.
#[derive(Debug)]
pub enum Due<'a, T> {
    /// Nothing.
    Nothing,
    /// It has the turn.
    Flush(Taken<'a, T>),
    /// To begin with the writing of these, whose flush is not its business.
    Begin(Vec<Arc<T>>),
}

/// Who looks after what was put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looker {
    /// One that may wait for the disk.
    Patient,
    /// One that must not.
    Hurried,
}

impl<T> Default for FlushQueue<T> {
    fn default() -> Self {
        let state = State {
            waiting: Vec::new(),
            load: Load::default(),
            begun: 0,
            haste: Haste::None,
            timed: Vec::new(),
            phase: Phase::Open,
            turn: TurnOf::Nobody,
            thread: Thread::Works,
            gathering: Gathering::default(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            put_off: AtomicBool::new(false),
        }
    }
}

/// What waited, and the turn to flush it, which ends when this is dropped.
#[derive(Debug)]
pub struct Taken<'a, T> {
    queue: &'a FlushQueue<T>,
    clock: &'a dyn Clock,
    waiting: Vec<Arc<T>>,
    load: Load,
    begun: Instant,
    is_brief: bool,
}

impl<T> Taken<'_, T> {
    /// What is to be flushed.
    pub fn all(&self) -> &[Arc<T>] {
        &self.waiting
    }

    /// Whether it takes no time to speak of, as far as the last flushes tell.
    pub fn is_brief(&self) -> bool {
        self.is_brief
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        let now = self.clock.now();
        let mut state = self.queue.state();
        state.turn = TurnOf::Nobody;
        let came = state.load;
        state.gathering.flushed(now, now.since(self.begun), self.load, came);
        // What came meanwhile is for the thread, so that the caller can go on.
        match state.begin(now) {
            Some(begin) => self.queue.wake_for(state, begin),
            None if state.phase == Phase::Closed => self.queue.wake_thread(state),
            None => {}
        }
    }
}

impl<T> FlushQueue<T> {
    /// Adds one, for the thread.
    pub fn push(&self, one: Arc<T>) {
        self.push_all([one]);
    }

    /// Adds several, for the thread, to be taken together.
    pub fn push_all(&self, several: impl IntoIterator<Item = Arc<T>>) {
        let mut state = self.state();
        state.waiting.extend(several);
        state.haste = Haste::Urgent;
        if state.turn == TurnOf::Nobody {
            self.wake_thread(state);
        }
    }

    /// A batch of so many bytes is to be flushed, with `one` if it is not in the queue yet. Whoever says so calls
    /// [`FlushQueue::settle`] before it waits for anything.
    pub fn put_off(&self, one: Option<Arc<T>>, bytes: u64) {
        let mut state = self.state();
        state.waiting.extend(one);
        state.load.add(bytes);
        self.put_off.store(true, Ordering::Release);
    }

    /// Sees to it that what was put off is flushed: by the caller, who gets the turn, by the thread, or by who flushes now.
    pub fn settle<'a>(&'a self, clock: &'a dyn Clock, looker: impl FnOnce() -> Looker) -> Due<'a, T> {
        if !self.put_off.load(Ordering::Acquire) {
            return Due::Nothing;
        }
        let now = clock.now();
        let mut state = self.state();
        self.put_off.store(false, Ordering::Release);
        if state.turn == TurnOf::Somebody {
            // Who flushes looks again at the end.
            return state.unbegun().map_or(Due::Nothing, Due::Begin);
        }
        let Some(begin) = state.begin(now) else {
            return Due::Nothing;
        };
        if begin == Begin::Now && state.haste == Haste::None {
            if state.gathering.is_light(state.load) && looker() == Looker::Patient {
                return Due::Flush(self.turn(&mut state, clock, now));
            }
            state.haste = Haste::Urgent;
        }
        self.wake_for(state, begin);
        Due::Nothing
    }

    /// Waits for something to do and takes all there is; none once the queue is closed and empty. Whatever comes while
    /// the caller works is there for its next call: the slower the disk the larger the group.
    pub fn take<'a>(&'a self, clock: &'a dyn Clock) -> Option<Taken<'a, T>> {
        let mut state = self.state();
        loop {
            let now = clock.now();
            let begin = state.begin(now);
            state = match begin {
                Some(Begin::Now) => return Some(self.turn(&mut state, clock, now)),
                None if state.phase == Phase::Closed && state.turn == TurnOf::Nobody => return None,
                None => {
                    state.thread = Thread::Sleeps;
                    self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
                }
                Some(Begin::At(then)) => {
                    state.thread = Thread::SleepsUntil(then);
                    let slept = self.changed.wait_timeout(state, then.since(now));
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.thread = Thread::Works;
        }
    }

    /// Takes all there is, if only nothing; none once the queue is closed and empty.
    pub fn take_at_once<'a>(&'a self, clock: &'a dyn Clock) -> Option<Taken<'a, T>> {
        let mut state = self.state();
        if state.waiting.is_empty() && state.phase == Phase::Closed {
            return None;
        }
        Some(self.turn(&mut state, clock, clock.now()))
    }

    /// Whether little is under way, as far as the last flushes tell.
    pub fn is_light(&self) -> bool {
        self.state().gathering.is_light(Load::default())
    }

    /// Adds one that is to be flushed in time, but not yet.
    pub fn push_timed(&self, one: Arc<T>) {
        self.state().timed.push(one);
    }

    /// Whether any is to be flushed in time.
    pub fn has_timed(&self) -> bool {
        !self.state().timed.is_empty()
    }

    /// Takes all that are to be flushed in time.
    pub fn take_timed(&self) -> Vec<Arc<T>> {
        std::mem::take(&mut self.state().timed)
    }

    /// Nothing more will come.
    pub fn close(&self) {
        let mut state = self.state();
        state.phase = Phase::Closed;
        self.wake_thread(state);
    }

    fn turn<'a>(&'a self, state: &mut State<T>, clock: &'a dyn Clock, now: Instant) -> Taken<'a, T> {
        state.turn = TurnOf::Somebody;
        state.haste = Haste::None;
        state.begun = 0;
        let load = std::mem::take(&mut state.load);
        state.gathering.begins(load);
        Taken {
            queue: self,
            clock,
            waiting: std::mem::take(&mut state.waiting),
            load,
            begun: now,
            is_brief: state.gathering.is_brief(),
        }
    }

    /// Sees to it that the thread is there in time.
    fn wake_for(&self, state: MutexGuard<'_, State<T>>, begin: Begin) {
        let is_in_time = match (state.thread, begin) {
            (Thread::Works, _) => true,
            (Thread::SleepsUntil(alarm), Begin::At(then)) => alarm <= then,
            (Thread::Sleeps | Thread::SleepsUntil(_), _) => false,
        };
        if !is_in_time {
            self.wake_thread(state);
        }
    }

    fn wake_thread(&self, state: MutexGuard<'_, State<T>>) {
        let sleeps = state.thread != Thread::Works;
        drop(state);
        if sleeps {
            self.changed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Every change is one assignment or one push.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// What is to be written already while somebody else's flush is under way: data of many files takes the disk longer than what
    /// is done for all of them at once.
    fn unbegun(&mut self) -> Option<Vec<Arc<T>>> {
        if self.waiting.len() < MANY || self.begun == self.waiting.len() {
            return None;
        }
        let new = self.waiting[self.begun..].to_vec();
        self.begun = self.waiting.len();
        Some(new)
    }

    /// When the thread is to flush; none while there is nothing for it.
    fn begin(&self, now: Instant) -> Option<Begin> {
        if self.waiting.is_empty() || self.turn == TurnOf::Somebody {
            return None;
        }
        Some(match (self.haste, self.phase) {
            (Haste::None, Phase::Open) => self.gathering.begin(self.load, now),
            (Haste::Urgent, _) | (_, Phase::Closed) => Begin::Now,
        })
    }
}

#[cfg(test)]
mod tests;
