//! What is due when: at most one deadline for each purpose.

use base::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// Deadlines, each for a purpose `T`.
#[derive(Debug)]
pub struct Timers<T> {
    by_timer: BTreeMap<T, Instant>,
    by_time: BTreeSet<(Instant, T)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            by_timer: BTreeMap::new(),
            by_time: BTreeSet::new(),
        }
    }
}

impl<T: Clone + Ord> Timers<T> {
    /// Sets a deadline, in place of an earlier one for the same purpose.
    pub fn set(&mut self, timer: T, at: Instant) {
        if let Some(before) = self.by_timer.insert(timer.clone(), at) {
            self.by_time.remove(&(before, timer.clone()));
        }
        self.by_time.insert((at, timer));
    }

    /// Sets a deadline unless there is one for the same purpose.
    pub fn set_if_absent(&mut self, timer: T, at: Instant) {
        if !self.by_timer.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    /// Forgets a deadline.
    pub fn cancel(&mut self, timer: &T) {
        if let Some((timer, at)) = self.by_timer.remove_entry(timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// The next deadline.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes a deadline that has passed.
    pub fn take_due(&mut self, now: Instant) -> Option<T> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.by_timer.remove(&timer);
        Some(timer)
    }
}
