//! `log.cleaner.io.max.bytes.per.second`, for all threads together.

use base::Instant;
use std::sync::Mutex;
use std::time::Duration;

/// Lets so many bytes go in a second. What has gone is owed, and paid off at the rate of the moment: a changed rate holds at
/// once, also for who waits.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    owed: Mutex<Owed>,
}

#[derive(Debug)]
struct Owed {
    bytes: f64,
    /// As of when.
    at: Instant,
}

impl Default for Owed {
    fn default() -> Self {
        Self {
            bytes: 0.0,
            at: Instant::ZERO,
        }
    }
}

impl Throttle {
    /// Lets `bytes` go at `rate` a second, or answers how long to wait before asking again.
    pub(super) fn take(&self, bytes: usize, rate: f64, now: Instant) -> Result<(), Duration> {
        let rate = rate.max(1.0);
        let mut owed = self.owed.lock().expect("no code panics while it counts bytes");
        let paid = now.since(owed.at).as_secs_f64() * rate;
        owed.bytes = (owed.bytes - paid).max(0.0);
        owed.at = now;
        // Less than a byte is what arithmetic left over.
        if owed.bytes < 1.0 {
            owed.bytes += bytes as f64;
            return Ok(());
        }
        Err(Duration::try_from_secs_f64(owed.bytes / rate).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_no_faster_than_the_rate_and_time_unused_is_lost() {
        let throttle = Throttle::default();
        let at = |millis| Instant::ZERO.plus(Duration::from_millis(millis));
        let millis = Duration::from_millis;
        assert_eq!(throttle.take(500, 1000.0, at(0)), Ok(()));
        assert_eq!(throttle.take(500, 1000.0, at(100)), Err(millis(400)));
        assert_eq!(throttle.take(500, 1000.0, at(500)), Ok(()));
        assert_eq!(throttle.take(500, 1000.0, at(5000)), Ok(()));
        assert_eq!(throttle.take(1, 1000.0, at(5100)), Err(millis(400)));
    }

    #[test]
    fn a_changed_rate_holds_for_what_has_gone_before() {
        let throttle = Throttle::default();
        let at = |millis| Instant::ZERO.plus(Duration::from_millis(millis));
        assert_eq!(throttle.take(1_000_000, 1.0, at(0)), Ok(()));
        assert_eq!(throttle.take(1, 1.0, at(0)), Err(Duration::from_secs(1_000_000)));
        assert_eq!(throttle.take(1, 1_000_000.0, at(0)), Err(Duration::from_secs(1)));
        assert_eq!(throttle.take(1, f64::MAX, at(1)), Ok(()));
    }
}
