//! When the next flush begins: at once, or when those have come back whom the one before it answered.
//!
//! A producer with a few requests in flight is answered all at once, and sends the next ones one after the other. A flush that
//! begins with the first of them leaves the others to the next one, and so on for ever: two groups by turns, two flushes where one
//! would do. So it waits for them, for no longer than a flush takes; and where nobody comes back (each request is
//! somebody else's), it does so ever more rarely.

use base::Instant;
use std::time::Duration;

/// Batches that wait for a flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How many.
    pub batches: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// More than this takes the processor longer than a flush has to be waited for anyway: better, one group is appended while
/// the other is flushed.
const FEW: Load = Load {
    batches: 8,
    bytes: 128 << 10,
};
/// The longest wait, however slow the disk.
const LONGEST: Duration = Duration::from_millis(1);
/// A flush that takes no longer is brief: to hand over to another thread what else there is to do costs a good part of that. After so many of
/// them the next one is expected to be.
const BRIEF: Duration = Duration::from_micros(500);
const SURE: u32 = 8;
/// After waits in vain so many rounds at most (its logarithm) pass without one.
const RARELY: u32 = 8;

impl Load {
    pub(super) fn add(&mut self, bytes: u64) {
        self.batches += 1;
        self.bytes += bytes;
    }

    fn and(self, other: Self) -> Self {
        Self {
            batches: self.batches + other.batches,
            bytes: self.bytes + other.bytes,
        }
    }

    /// Whether flushes cost more than what they are for.
    fn is_light(self) -> bool {
        self.batches <= FEW.batches && self.bytes <= FEW.bytes
    }
}

/// When a flush is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// At once.
    Now,
    /// Then, if it has not begun before.
    At(Instant),
}

/// What is known of who may come back.
#[derive(Debug)]
pub(super) struct Gathering {
    /// Batches that are waited for.
    expected: usize,
    /// For how long.
    until: Instant,
    /// Waits in vain, one after the other.
    in_vain: u32,
    /// Rounds that are to pass without a wait.
    pass: u32,
    /// What the flush before the last one was for.
    before: Load,
    /// Whether little is under way, as far as the last flushes tell.
    weight: Weight,
    /// How many flushes were brief, one after the other, up to the last one.
    brief: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Light,
    Heavy,
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            expected: 0,
            until: Instant::ZERO,
            in_vain: 0,
            pass: 0,
            before: Load::default(),
            weight: Weight::Light,
            brief: 0,
        }
    }
}

impl Gathering {
    /// A flush that took so long has answered `answered`; `came` came meanwhile.
    pub(super) fn flushed(&mut self, now: Instant, took: Duration, answered: Load, came: Load) {
        let all = answered.and(came);
        self.brief = if took <= BRIEF { self.brief.saturating_add(1) } else { 0 };
        self.until = now.plus(took.min(LONGEST));
        // Two groups that take turns are seen one at a time.
        self.weight = match all.is_light() && self.before.is_light() {
            true => Weight::Light,
            false => Weight::Heavy,
        };
        self.before = answered;
        self.expected = match (self.weight, self.pass) {
            (Weight::Light, 0) => all.batches,
            (Weight::Light, _) => {
                self.pass -= 1;
                0
            }
            (Weight::Heavy, _) => 0,
        };
    }

    /// Whether the flush of what waits is best done by who brought it, who does nothing else meanwhile.
    pub(super) fn is_light(&self, waiting: Load) -> bool {
        self.weight == Weight::Light && waiting.is_light()
    }

    /// Whether a flush can be expected to take no time to speak of: the last ones did not.
    pub(super) fn is_brief(&self) -> bool {
        self.brief >= SURE
    }

    /// When the flush of what waits is to begin.
    pub(super) fn begin(&self, waiting: Load, now: Instant) -> Begin {
        if waiting.batches >= self.expected || now >= self.until {
            Begin::Now
        } else {
            Begin::At(self.until)
        }
    }

    /// A flush of `waiting` begins.
    pub(super) fn begins(&mut self, waiting: Load) {
        if self.expected > 1 && waiting.batches >= self.expected {
            self.in_vain = 0;
        } else if waiting.batches * 2 < self.expected {
            self.in_vain = (self.in_vain + 1).min(RARELY);
            self.pass = 1 << self.in_vain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUSH: Duration = Duration::from_micros(250);

    fn load(batches: usize) -> Load {
        Load {
            batches,
            bytes: 16_384 * batches as u64,
        }
    }

    fn at(micros: u64) -> Instant {
        Instant::from_zero(Duration::from_micros(micros))
    }

    #[test]
    fn those_who_were_answered_are_waited_for_but_no_longer_than_a_flush() {
        let mut gathering = Gathering::default();
        assert_eq!(gathering.begin(load(1), at(0)), Begin::Now);
        gathering.flushed(at(1_000), FLUSH, load(4), load(1));
        assert_eq!(gathering.begin(load(4), at(1_100)), Begin::At(at(1_250)));
        assert_eq!(gathering.begin(load(5), at(1_100)), Begin::Now);
        assert_eq!(gathering.begin(load(1), at(1_250)), Begin::Now);
        gathering.flushed(at(2_000), Duration::from_secs(1), load(5), load(0));
        assert_eq!(gathering.begin(load(1), at(2_100)), Begin::At(at(3_000)), "a slow disk");
    }

    #[test]
    fn a_single_request_at_a_time_waits_for_nobody() {
        let mut gathering = Gathering::default();
        gathering.flushed(at(1_000), FLUSH, load(1), load(0));
        assert_eq!(gathering.begin(load(1), at(1_001)), Begin::Now);
    }

    #[test]
    fn many_are_not_waited_for() {
        let mut gathering = Gathering::default();
        gathering.flushed(at(1_000), FLUSH, load(5), load(4));
        assert_eq!(gathering.begin(load(1), at(1_001)), Begin::Now);
        let large = Load {
            batches: 2,
            bytes: 1 << 20,
        };
        let mut gathering = Gathering::default();
        gathering.flushed(at(2_000), FLUSH, large, load(0));
        assert_eq!(gathering.begin(load(1), at(2_001)), Begin::Now);
        gathering.flushed(at(3_000), FLUSH, load(1), load(0));
        assert!(!gathering.is_light(load(1)), "the other group was large");
        gathering.flushed(at(4_000), FLUSH, load(1), load(0));
        assert!(gathering.is_light(load(1)) && !gathering.is_light(large));
    }

    #[test]
    fn waits_in_vain_become_rare_and_one_that_is_not_makes_them_common_again() {
        let mut gathering = Gathering::default();
        let waits = |gathering: &mut Gathering, rounds: u64| {
            (0..rounds).fold(0, |waits, _| {
                gathering.flushed(at(0), FLUSH, load(3), load(1));
                let begin = gathering.begin(load(1), at(1));
                gathering.begins(load(1));
                waits + u32::from(begin != Begin::Now)
            })
        };
        assert!(waits(&mut gathering, 1_000) < 15);
        while waits(&mut gathering, 1) == 0 {}
        (gathering.pass, gathering.in_vain) = (0, 3);
        gathering.flushed(at(0), FLUSH, load(3), load(1));
        gathering.begins(load(4));
        assert_eq!(waits(&mut gathering, 1), 1);
        assert_eq!(gathering.in_vain, 1);
    }
}
