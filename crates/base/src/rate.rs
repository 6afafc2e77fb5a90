//! How fast something happens, measured over a few samples as Kafka's quotas do it.
//!
//! A rate that is just being begun to be measured is one over all the samples but the last: a burst may use up at once what the
//! limit allows for that long, and is then waited off.

use crate::clock::Instant;
use std::time::Duration;

/// Over how many samples a rate is measured, and how long each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    samples: u32,
    millis: u64,
}

impl Windows {
    /// At least one sample of at least a millisecond.
    pub fn new(samples: u32, each: Duration) -> Self {
        Self {
            samples: samples.max(1),
            millis: millis(each).max(1),
        }
    }

    /// How long one sample is.
    pub fn each(&self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// All samples but the last, for how long a limit is saved up.
    pub fn whole(&self) -> Duration {
        Duration::from_millis(self.millis.saturating_mul(u64::from(self.samples - 1)))
    }

    /// What is as old as this is forgotten.
    fn forgotten_after(&self) -> u64 {
        self.millis.saturating_mul(u64::from(self.samples))
    }
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// In milliseconds, as everything here: Kafka's arithmetic is.
    began: u64,
    last: u64,
    sum: f64,
    events: u64,
}

impl Sample {
    fn new(now: u64) -> Self {
        Self {
            began: now,
            last: now,
            sum: 0.0,
            events: 0,
        }
    }
}

/// What was counted of late.
#[derive(Clone, Debug)]
pub struct Rate {
    windows: Windows,
    /// A ring, once there is one more than the windows say: the oldest may have begun before what is measured, and overlap it.
    samples: Vec<Sample>,
    current: usize,
}

impl Rate {
    /// Nothing was counted yet.
    pub fn new(windows: Windows) -> Self {
        Self {
            windows,
            samples: Vec::new(),
            current: 0,
        }
    }

    /// Counts `amount`; less than nothing takes back what was counted.
    pub fn count(&mut self, amount: f64, now: Instant) {
        let now = since_zero(now);
        match self.samples.get(self.current) {
            None => self.samples.push(Sample::new(now)),
            Some(sample) if now.saturating_sub(sample.began) >= self.windows.millis => self.advance(now),
            Some(_) => {}
        }
        let sample = &mut self.samples[self.current];
        sample.sum += amount;
        sample.events += 1;
        sample.last = now;
    }

    fn advance(&mut self, now: u64) {
        self.current = (self.current + 1) % (self.windows.samples as usize + 1);
        match self.samples.get_mut(self.current) {
            Some(sample) => *sample = Sample::new(now),
            None => self.samples.push(Sample::new(now)),
        }
    }

    /// What was counted for each second.
    pub fn per_second(&mut self, now: Instant) -> f64 {
        self.forget(since_zero(now));
        let sum: f64 = self.samples.iter().map(|sample| sample.sum).sum();
        sum * 1_000.0 / self.measured(since_zero(now)) as f64
    }

    /// What was counted at a time on average; none if nothing was.
    pub fn mean(&mut self, now: Instant) -> Option<f64> {
        self.forget(since_zero(now));
        let events: u64 = self.samples.iter().map(|sample| sample.events).sum();
        let sum: f64 = self.samples.iter().map(|sample| sample.sum).sum();
        (events > 0).then(|| sum / events as f64)
    }

    /// For how long nothing may be counted so that the rate is no more than `limit` a second; nothing if it is not.
    pub fn excess(&mut self, limit: f64, now: Instant) -> Duration {
        let rate = self.per_second(now);
        if rate <= limit {
            return Duration::ZERO;
        }
        let millis = ((rate - limit) / limit * self.measured(since_zero(now)) as f64).round();
        // No longer than can be told; a conversion from a float stops at what fits.
        Duration::from_millis((millis as u64).min(u64::from(i32::MAX.unsigned_abs())))
    }

    /// Whether what was counted does not matter any more.
    pub fn is_forgotten(&self, now: Instant) -> bool {
        let now = since_zero(now);
        self.samples.iter().all(|sample| self.is_old(sample, now))
    }

    /// When something was counted last.
    pub fn last(&self) -> Instant {
        let last = self.samples.iter().map(|sample| sample.last).max().unwrap_or(0);
        Instant::from_zero(Duration::from_millis(last))
    }

    fn is_old(&self, sample: &Sample, now: u64) -> bool {
        now.saturating_sub(sample.last) >= self.windows.forgotten_after()
    }

    fn forget(&mut self, now: u64) {
        for at in 0..self.samples.len() {
            if self.is_old(&self.samples[at], now) {
                self.samples[at] = Sample::new(now);
            }
        }
    }

    /// Over how many milliseconds: since the oldest sample began, and as if no full one were missing but the last.
    fn measured(&self, now: u64) -> u64 {
        let oldest = self.samples.iter().map(|sample| sample.began).min().unwrap_or(now);
        let elapsed = now.saturating_sub(oldest);
        let full = elapsed / self.windows.millis;
        let missing = u64::from(self.windows.samples - 1).saturating_sub(full);
        elapsed
            .saturating_add(missing.saturating_mul(self.windows.millis))
            .max(1)
    }
}

fn since_zero(now: Instant) -> u64 {
    millis(now.since_zero())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
