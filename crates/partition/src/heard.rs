//! When a follower was last heard of, for all partitions that it fetches over one session.
//!
//! A fetch says of every partition of its session that the follower has not moved there. Of thousands that are idle that
//! is not noted one by one: they share the time, and a leader looks at it when a follower falls behind.

use base::Instant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time of a session's last fetch.
#[derive(Debug, Default)]
pub struct Heard {
    nanos: AtomicU64,
}

impl Heard {
    /// A fetch came. Time only goes on.
    pub fn tell(&self, now: Instant) {
        let nanos = u64::try_from(now.since_zero().as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_max(nanos, Ordering::Relaxed);
    }

    /// When the last came; the clock's zero before the first.
    pub fn last(&self) -> Instant {
        Instant::from_zero(Duration::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }
}
