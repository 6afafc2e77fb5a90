//! A host's clocks: all tick together, but what they say of the date is each one's own.

use base::{Clock, Instant, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// The date at which every simulation begins.
const BEGINNING: i64 = 1_750_000_000_000;

/// The clocks of one host; a clone shows the same.
#[derive(Clone, Debug)]
pub struct HostClock {
    ticks: Arc<AtomicU64>,
    ahead: Arc<AtomicI64>,
}

impl HostClock {
    /// Clocks that show the right time.
    pub(crate) fn new(ticks: &Arc<AtomicU64>) -> Self {
        Self {
            ticks: Arc::clone(ticks),
            ahead: Arc::default(),
        }
    }

    /// The date jumps.
    pub(crate) fn jump(&self, millis: i64) {
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for HostClock {
    fn now(&self) -> Instant {
        Instant::from_zero(Duration::from_millis(self.ticks.load(Ordering::Relaxed)))
    }

    fn wall(&self) -> Timestamp {
        let ticks = i64::try_from(self.ticks.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        Timestamp(BEGINNING + ticks + self.ahead.load(Ordering::Relaxed))
    }
}
