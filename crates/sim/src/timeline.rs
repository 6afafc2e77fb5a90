//! Virtual time: what will happen, and when.

use std::collections::BTreeMap;

/// Events by their time; those of one time come in the order in which they were put in.
#[derive(Debug)]
pub struct Timeline<E> {
    now: u64,
    sequence: u64,
    coming: BTreeMap<(u64, u64), E>,
}

impl<E> Timeline<E> {
    /// Nothing happens yet; it is `now`, in whatever unit the world counts.
    pub fn starting(now: u64) -> Self {
        Self {
            now,
            sequence: 0,
            coming: BTreeMap::new(),
        }
    }

    /// The time.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Puts in what happens after so much time.
    pub fn after(&mut self, delay: u64, event: E) {
        self.sequence += 1;
        self.coming.insert((self.now + delay, self.sequence), event);
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<u64> {
        self.coming.first_key_value().map(|((at, _), _)| *at)
    }

    /// Moves on to `at`, which may be a time at which nothing was put in: a deadline of a machine. Time never goes back.
    pub fn move_to(&mut self, at: u64) {
        self.now = self.now.max(at);
    }

    /// Takes the next event and moves on to its time.
    pub fn take_next(&mut self) -> Option<E> {
        let ((at, _), event) = self.coming.pop_first()?;
        self.move_to(at);
        Some(event)
    }

    /// Takes out what will not happen after all.
    pub fn retain(&mut self, mut keep: impl FnMut(&E) -> bool) {
        self.coming.retain(|_, event| keep(event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_they_were_put_in() {
        let mut timeline = Timeline::starting(100);
        for (delay, event) in [(5, "later"), (1, "first"), (1, "second")] {
            timeline.after(delay, event);
        }
        assert_eq!(timeline.next_at(), Some(101));
        assert_eq!(timeline.take_next(), Some("first"));
        timeline.after(0, "third");
        timeline.retain(|event| *event != "later");
        assert_eq!(
            (timeline.take_next(), timeline.take_next()),
            (Some("second"), Some("third"))
        );
        assert_eq!((timeline.take_next(), timeline.now()), (None, 101));
        timeline.move_to(90);
        assert_eq!(timeline.now(), 101);
    }
}
