//! `log.cleaner.io.max.bytes.per.second`, for all threads together.

use base::Instant;
use std::sync::Mutex;
use std::time::Duration;

/// Hands out the time at which so many bytes may go.
#[derive(Debug)]
pub(super) struct Throttle {
    /// When the bytes granted so far are used up.
    free_at: Mutex<Instant>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            free_at: Mutex::new(Instant::ZERO),
        }
    }
}

impl Throttle {
    /// Grants `bytes` at `rate` a second: answers when they may be read or written.
    pub(super) fn grant(&self, bytes: usize, rate: f64, now: Instant) -> Instant {
        let seconds = bytes as f64 / rate.max(1.0);
        let mut free_at = self.free_at.lock().expect("no code panics while it adds two times");
        let at = (*free_at).max(now);
        *free_at = at.plus(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_granted_no_faster_than_the_rate_and_time_unused_is_lost() {
        let throttle = Throttle::default();
        let at = |millis| Instant::ZERO.plus(Duration::from_millis(millis));
        assert_eq!(throttle.grant(500, 1000.0, at(0)), at(0));
        assert_eq!(throttle.grant(500, 1000.0, at(100)), at(500));
        assert_eq!(throttle.grant(500, 1000.0, at(5000)), at(5000));
        assert_eq!(throttle.grant(1, f64::MAX, at(5100)), at(5500));
        assert_eq!(throttle.grant(1, f64::MAX, at(6000)), at(6000));
        assert_eq!(throttle.grant(1, f64::MAX, at(6000)), at(6000));
    }
}
