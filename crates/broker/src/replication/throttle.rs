//! Replication throttles (KIP-73): how fast replicas that catch up may, so that clients do not notice.
//!
//! A rate is measured over `replication.quota.window.num` samples of `replication.quota.window.size.seconds`. Only replicas
//! that the topic names count and are held back, and of those only such as are not in sync.

use base::Instant;
use config::BrokerConfig;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// `leader.replication.throttled.rate`
const LEADER_RATE: &str = "leader.replication.throttled.rate";
/// `follower.replication.throttled.rate`
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
/// `replica.alter.log.dirs.io.max.bytes.per.second`
const LOG_DIRS_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";

/// The throttles of a broker.
#[derive(Debug, Default)]
pub struct Throttles {
    /// Of what it sends to followers.
    pub leader: Throttle,
    /// Of what it fetches from leaders.
    pub follower: Throttle,
    /// Of what moves between its log directories.
    pub log_dirs: Throttle,
}

impl Throttles {
    /// Takes over settings.
    pub fn configure(&self, config: &BrokerConfig) {
        let replication = &config.replication;
        let between_brokers = (
            replication.replication_quota_window_num,
            replication.replication_quota_window_size_seconds,
        );
        let between_log_dirs = (
            replication.alter_log_dirs_replication_quota_window_num,
            replication.alter_log_dirs_replication_quota_window_size_seconds,
        );
        self.leader.configure(config, LEADER_RATE, between_brokers);
        self.follower.configure(config, FOLLOWER_RATE, between_brokers);
        self.log_dirs.configure(config, LOG_DIRS_RATE, between_log_dirs);
    }
}

/// Which replicas of a topic are throttled, as its settings name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttled {
    /// As `leader.replication.throttled.replicas` says.
    pub as_leader: bool,
    /// As `follower.replication.throttled.replicas` says.
    pub as_follower: bool,
}

/// Whether `entries` (`partition:broker`, or `*` for all) name this replica.
pub fn names(entries: &[String], partition: i32, broker: i32) -> bool {
    entries.iter().map(|entry| entry.trim()).any(|entry| {
        let named = |(index, node): (&str, &str)| {
            (index.trim().parse() == Ok(partition)) && (node.trim().parse() == Ok(broker))
        };
        entry == "*" || entry.split_once(':').is_some_and(named)
    })
}

/// One throttle.
#[derive(Debug, Default)]
pub struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes a second; none for no limit.
    limit: Option<u64>,
    window: Window,
}

impl Throttle {
    /// `window` is how many samples there are, and of how many seconds.
    fn configure(&self, config: &BrokerConfig, key: &str, window: (i32, i32)) {
        let limit = config.dynamic_number(key).filter(|rate| *rate < i64::MAX);
        let natural = |number: i32| u32::try_from(number).unwrap_or(1).max(1);
        let mut state = self.state();
        state.limit = limit.map(|rate| u64::try_from(rate).unwrap_or(0));
        state.window.most = natural(window.0) as usize;
        let seconds = natural(window.1);
        state.window.sample = Duration::from_secs(u64::from(seconds));
    }

    /// Whether more than the limit was counted of late.
    pub fn is_exceeded(&self, now: Instant) -> bool {
        let mut state = self.state();
        let Some(limit) = state.limit else { return false };
        state.window.bytes_per_second(now) > limit as f64
    }

    /// Bytes a second; none for no limit.
    pub fn limit(&self) -> Option<u64> {
        self.state().limit
    }

    /// Counts bytes of a throttled replica.
    pub fn count(&self, bytes: u64, now: Instant) {
        let mut state = self.state();
        if state.limit.is_some() {
            state.window.count(bytes, now);
        }
    }

    /// Bytes a second of late.
    pub fn rate(&self, now: Instant) -> f64 {
        self.state().window.bytes_per_second(now)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // What a panic could leave behind is a count that is a little off.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last few samples.
#[derive(Debug)]
struct Window {
    sample: Duration,
    most: usize,
    samples: VecDeque<(Instant, u64)>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            sample: Duration::from_secs(1),
            most: 11,
            samples: VecDeque::new(),
        }
    }
}

impl Window {
    fn count(&mut self, bytes: u64, now: Instant) {
        match self.samples.back_mut() {
            Some((began, counted)) if now.since(*began) < self.sample => *counted += bytes,
            _ => {
                self.samples.push_back((now, bytes));
                if self.samples.len() > self.most {
                    self.samples.pop_front();
                }
            }
        }
    }

    fn bytes_per_second(&mut self, now: Instant) -> f64 {
        let whole = self.sample.saturating_mul(u32::try_from(self.most).unwrap_or(u32::MAX));
        while self
            .samples
            .front()
            .is_some_and(|(began, _)| now.since(*began) >= whole)
        {
            self.samples.pop_front();
        }
        let Some((began, _)) = self.samples.front() else {
            return 0.0;
        };
        let bytes: u64 = self.samples.iter().map(|(_, bytes)| bytes).sum();
        // As in Kafka, a rate that is just being begun to be measured is one over a whole sample.
        bytes as f64 / now.since(*began).max(self.sample).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_zero(Duration::from_millis(millis))
    }

    #[test]
    fn a_burst_is_paid_off_by_waiting() {
        let throttle = Throttle::default();
        throttle.state().limit = Some(1000);
        throttle.count(3000, at(0));
        assert!(throttle.is_exceeded(at(0)), "3000 in the first second");
        assert!(throttle.is_exceeded(at(2900)));
        assert!(!throttle.is_exceeded(at(3000)), "1000 a second over three");
        throttle.count(500, at(3000));
        assert!(throttle.is_exceeded(at(3400)));
        assert!(!throttle.is_exceeded(at(11_000)), "the burst is forgotten");
        assert!((throttle.rate(at(11_000)) - 62.5).abs() < 0.001);
    }

    #[test]
    fn without_a_limit_nothing_is_exceeded() {
        let throttle = Throttle::default();
        throttle.count(u64::MAX, at(0));
        assert!(!throttle.is_exceeded(at(0)));
    }

    #[test]
    fn replicas_are_named_one_by_one_or_all() {
        let entries = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert!(names(&entries("0:1,3:2"), 3, 2));
        assert!(!names(&entries("0:1,3:2"), 3, 1));
        assert!(names(&entries("*"), 9, 9));
        assert!(!names(&[], 0, 0));
    }
}
