//! How long another node has said nothing, counted so that nobody is blamed for this node's own pauses (ADR 15).
//!
//! Between two looks at most one beat counts, however late the second one comes: a process that was stopped, or starved of
//! its processors, has not been listening. And who answers slowly as a rule is given more time.

use base::Instant;
use std::time::Duration;

/// Into how many beats the shortest patience is divided.
const BEATS: u32 = 5;
/// Beats shorter than this would keep both sides busy.
const SHORTEST_BEAT: Duration = Duration::from_millis(10);
/// How much longer than its slowest answer of late a node may be silent.
const SLOWNESS: u32 = 3;
/// After an answer, what the slowest one counts for is less by one part of so many.
const FORGETTING: u32 = 32;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    patience: Duration,
    longest: Duration,
    silent: Duration,
    counted: Instant,
    slowest: Duration,
}

impl Silence {
    /// Nothing was heard yet. The node may be silent for `patience`, for longer if it is slow, but never for longer than
    /// `longest`.
    pub(crate) fn new(patience: Duration, longest: Duration, now: Instant) -> Self {
        Self {
            patience,
            longest,
            silent: Duration::ZERO,
            counted: now,
            slowest: Duration::ZERO,
        }
    }

    /// How often the node is asked, and the silence is counted.
    pub(crate) fn beat(&self) -> Duration {
        (self.patience / BEATS).max(SHORTEST_BEAT)
    }

    /// Nothing was heard since the last look.
    pub(crate) fn count(&mut self, now: Instant) {
        self.silent += now.since(self.counted).min(self.beat());
        self.counted = now;
    }

    /// The node answered after so long. An answer that comes after the limit says nothing of how slow it usually is.
    pub(crate) fn heard(&mut self, now: Instant, took: Duration) {
        self.broken(now);
        self.slowest -= self.slowest / FORGETTING;
        if took < self.patience {
            self.slowest = self.slowest.max(took);
        }
    }

    /// The node gave a sign of life.
    pub(crate) fn broken(&mut self, now: Instant) {
        self.silent = Duration::ZERO;
        self.counted = now;
    }

    /// It is known from elsewhere that the node has been silent for too long.
    pub(crate) fn presume(&mut self) {
        self.silent = self.longest;
    }

    /// How long it has been silent.
    pub(crate) fn lasts(&self) -> Duration {
        self.silent
    }

    /// Whether it has been silent for too long, where `factor` times the usual patience is due to it.
    pub(crate) fn is_over(&self, factor: u32) -> bool {
        let patience = self.patience.saturating_mul(factor);
        self.silent >= patience.max(self.slowest * SLOWNESS).min(self.longest)
    }
}

/// So many wrong guesses cost nothing.
const FREE: u32 = 4;
/// One is forgotten in this time.
const PENANCE: Duration = Duration::from_secs(60);

/// How often a node was taken for gone and was not: the more often, the more patience is due to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mistakes {
    count: u32,
    since: Option<Instant>,
}

impl Mistakes {
    /// One more.
    pub(crate) fn add(&mut self, now: Instant) {
        self.forget(now);
        self.count = self.count.saturating_add(1);
        self.since.get_or_insert(now);
    }

    /// How many times the usual patience is due.
    pub(crate) fn factor(&mut self, now: Instant) -> u32 {
        self.forget(now);
        1_u32.checked_shl(self.count.saturating_sub(FREE)).unwrap_or(u32::MAX)
    }

    fn forget(&mut self, now: Instant) {
        while let Some(since) = self.since.filter(|since| now.since(*since) >= PENANCE) {
            self.count -= 1;
            self.since = Some(since.plus(PENANCE)).filter(|_| self.count > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn at(millis: u64) -> Instant {
        Instant::from_zero(ms(millis))
    }

    fn silence() -> Silence {
        Silence::new(ms(500), ms(2_000), at(0))
    }

    /// Counts every beat until the limit.
    fn limit(silence: &mut Silence, factor: u32) -> u64 {
        let from = silence.counted.since_zero();
        for beat in 1.. {
            let now = from + silence.beat() * beat;
            silence.count(Instant::from_zero(now));
            if silence.is_over(factor) {
                return u64::try_from((now - from).as_millis()).unwrap();
            }
        }
        unreachable!("there is a limit")
    }

    #[test]
    fn own_pauses_count_for_one_beat() {
        let mut silence = silence();
        silence.count(at(60_000));
        silence.count(at(120_000));
        assert_eq!(silence.lasts(), ms(200));
        silence.count(at(120_050));
        assert_eq!(silence.lasts(), ms(250));
        silence.heard(at(120_060), ms(1));
        assert!(silence.lasts().is_zero() && !silence.is_over(1));
        assert_eq!(limit(&mut silence, 1), 500);
    }

    #[test]
    fn who_is_slow_gets_more_time_for_a_while() {
        let mut silence = silence();
        silence.heard(at(0), ms(300));
        assert_eq!(limit(&mut silence.clone(), 1), 900);
        // It has been answering at once since.
        for answer in 1..=200 {
            silence.heard(at(answer), ms(1));
        }
        assert_eq!(limit(&mut silence, 1), 500);
        silence.heard(at(300), ms(10_000));
        assert_eq!(limit(&mut silence, 1), 500, "it was given up, not slow");
    }

    #[test]
    fn mistakes_double_the_patience_and_are_forgotten() {
        let mut mistakes = Mistakes::default();
        for (mistake, factor) in [1, 1, 1, 1, 2, 4, 8].into_iter().enumerate() {
            mistakes.add(at(mistake as u64));
            assert_eq!(mistakes.factor(at(10)), factor, "mistake {mistake}");
        }
        let mut silence = silence();
        assert_eq!(limit(&mut silence.clone(), 2), 1_000);
        assert_eq!(limit(&mut silence, 8), 2_000, "never longer than the longest");
        assert_eq!(mistakes.factor(at(60_000)), 4);
        assert_eq!(mistakes.factor(at(119_999)), 4);
        assert_eq!(mistakes.factor(at(120_000)), 2);
        assert_eq!(mistakes.factor(at(3_600_000)), 1);
        mistakes.add(at(3_600_000));
        assert_eq!(mistakes.factor(at(3_600_001)), 1);
    }
}
