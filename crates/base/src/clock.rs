//! Time as an argument: a monotonic instant for deadlines, a wall-clock timestamp for records.

use std::fmt;
use std::time::Duration;

/// Milliseconds since the Unix epoch, as records and retention count; -1 is Kafka's "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// No timestamp (-1).
    pub const NONE: Self = Self(-1);
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A point on a clock that never goes back; only differences mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    nanos: u64,
}

impl Instant {
    /// The clock's zero.
    pub const ZERO: Self = Self { nanos: 0 };

    /// The instant `after` the clock's zero.
    pub fn from_zero(after: Duration) -> Self {
        Self {
            nanos: u64::try_from(after.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// The time since the clock's zero.
    pub fn since_zero(self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// The time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }

    /// The instant `later` after this one.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        Self::from_zero(self.since_zero().saturating_add(later))
    }
}

/// Where time comes from; the simulator has its own.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Monotonic now.
    fn now(&self) -> Instant;
    /// Wall-clock now.
    fn wall(&self) -> Timestamp;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    zero: std::time::Instant,
}

impl SystemClock {
    /// A clock whose zero is this moment.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn new() -> Self {
        Self {
            zero: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::from_zero(self.zero.elapsed())
    }

    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn wall(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    }
}
