//! What waits to be put on stable storage: a queue that is taken whole.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The queue of one log directory. Its length is bounded by the number of partitions, since each is in it
/// once; and of those that wait for their time likewise.
#[derive(Debug)]
pub struct FlushQueue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<Arc<T>>,
    /// What `flush.ms` asks for, some time.
    timed: Vec<Arc<T>>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
}

impl<T> Default for FlushQueue<T> {
    fn default() -> Self {
        let state = State {
            waiting: Vec::new(),
            timed: Vec::new(),
            phase: Phase::Open,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl<T> FlushQueue<T> {
    /// Adds one.
    pub fn push(&self, one: Arc<T>) {
        self.push_all([one]);
    }

    /// Adds several, to be taken together.
    pub fn push_all(&self, several: impl IntoIterator<Item = Arc<T>>) {
        let mut state = self.state();
        let was_empty = state.waiting.is_empty();
        state.waiting.extend(several);
        drop(state);
        if was_empty {
            self.changed.notify_one();
        }
    }

    /// Waits for something to do and takes all there is; none once the queue is closed and empty. Whatever comes while
    /// the caller works is there for its next call: nobody lingers, and the slower the disk the larger the group.
    pub fn take(&self) -> Option<Vec<Arc<T>>> {
        let mut state = self.state();
        loop {
            if !state.waiting.is_empty() {
                return Some(std::mem::take(&mut state.waiting));
            }
            if state.phase == Phase::Closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes all there is, if only nothing; none once the queue is closed and empty.
    pub fn take_at_once(&self) -> Option<Vec<Arc<T>>> {
        let mut state = self.state();
        if state.waiting.is_empty() && state.phase == Phase::Closed {
            return None;
        }
        Some(std::mem::take(&mut state.waiting))
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

    /// Takes all there is now.
    pub fn take_now(&self) -> Vec<Arc<T>> {
        std::mem::take(&mut self.state().waiting)
    }

    /// Nothing more will come.
    pub fn close(&self) {
        self.state().phase = Phase::Closed;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Every change is one assignment or one push.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_whole_and_ends_when_closed_and_empty() {
        let queue = FlushQueue::default();
        queue.push(Arc::new(1));
        queue.push(Arc::new(2));
        assert_eq!(queue.take(), Some(vec![Arc::new(1), Arc::new(2)]));
        assert_eq!(queue.take_at_once(), Some(vec![]));
        queue.push(Arc::new(3));
        queue.close();
        assert_eq!(
            queue.take(),
            Some(vec![Arc::new(3)]),
            "what came before the end is still there"
        );
        assert_eq!((queue.take(), queue.take_at_once()), (None, None));
    }

    #[test]
    fn what_waits_for_its_time_is_taken_by_itself() {
        let queue = FlushQueue::default();
        queue.push_timed(Arc::new(1));
        assert_eq!(queue.take_now(), vec![]);
        assert_eq!(queue.take_timed(), vec![Arc::new(1)]);
        assert_eq!(queue.take_timed(), vec![]);
    }

    #[test]
    fn who_waits_is_woken() {
        let queue = Arc::new(FlushQueue::default());
        let taker = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.take())
        };
        queue.push(Arc::new(7));
        assert_eq!(taker.join().expect("no panic"), Some(vec![Arc::new(7)]));
    }
}
