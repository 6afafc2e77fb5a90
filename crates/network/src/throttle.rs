//! Holding back a client that is over its quota (KIP-219): it is answered at once and told to wait, and until it should have
//! waited, its connection is not read.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// For how long a connection is to be held back, if at all.
#[derive(Debug, Default)]
pub struct Throttle {
    millis: AtomicU32,
}

impl Throttle {
    /// No further request of the connection is begun before those that it has made are answered and this time has passed
    /// since. Of several times the longest counts.
    pub fn hold(&self, time: Duration) {
        let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        self.millis.fetch_max(millis, Ordering::Relaxed);
    }

    /// For how long the connection is to be held back, from now on; none if it is not.
    pub(crate) fn take(&self) -> Option<Duration> {
        // Mostly there is nothing to take: then nothing is written either.
        if self.millis.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let millis = self.millis.swap(0, Ordering::Relaxed);
        Some(Duration::from_millis(u64::from(millis)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_counts_and_only_once() {
        let throttle = Throttle::default();
        assert_eq!(throttle.take(), None);
        throttle.hold(Duration::from_millis(20));
        throttle.hold(Duration::from_millis(30));
        throttle.hold(Duration::from_millis(10));
        assert_eq!(throttle.take(), Some(Duration::from_millis(30)));
        assert_eq!(throttle.take(), None);
        throttle.hold(Duration::ZERO);
        assert_eq!(throttle.take(), None);
    }
}
