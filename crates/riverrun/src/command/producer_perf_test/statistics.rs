//! What is measured of a run, and how Kafka's tool prints it.

use std::time::Duration;
use tokio::time::Instant;

/// Latencies that are kept for the percentiles, at most.
const SAMPLES: u64 = 500_000;

/// Counts, bytes and latencies of a stretch of time.
#[derive(Debug)]
struct Stretch {
    started: Instant,
    count: u64,
    bytes: u64,
    latency: u64,
    max_latency: u64,
    /// Every so many-th latency is kept; none of a window.
    sampling: Option<u64>,
    samples: Vec<u32>,
}

impl Stretch {
    fn new(started: Instant, sampling: Option<u64>) -> Self {
        Self {
            started,
            count: 0,
            bytes: 0,
            latency: 0,
            max_latency: 0,
            sampling,
            samples: Vec::new(),
        }
    }

    fn add(&mut self, millis: u64, bytes: u64) {
        if self
            .sampling
            .is_some_and(|sampling| self.count.is_multiple_of(sampling))
        {
            self.samples.push(u32::try_from(millis).unwrap_or(u32::MAX));
        }
        self.count += 1;
        self.bytes += bytes;
        self.latency += millis;
        self.max_latency = self.max_latency.max(millis);
    }

    /// Records and MiB a second, and the average latency.
    fn rates(&self, now: Instant) -> (f64, f64, f64) {
        let seconds = now.duration_since(self.started).as_secs_f64().max(1e-3);
        let count = self.count as f64;
        (
            count / seconds,
            self.bytes as f64 / seconds / 1_048_576.0,
            self.latency as f64 / count.max(1.0),
        )
    }

    fn total(&self, now: Instant, what: &str) -> String {
        let (records, megabytes, average) = self.rates(now);
        let mut sorted = self.samples.clone();
        sorted.sort_unstable();
        let percentile = |share: f64| sorted.get((share * sorted.len() as f64) as usize).copied().unwrap_or(0);
        format!(
            "{} {what}, {records:.6} records/sec ({megabytes:.2} MB/sec), {average:.2} ms avg latency, {:.2} ms max \
             latency, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.",
            self.count,
            self.max_latency as f64,
            percentile(0.5),
            percentile(0.95),
            percentile(0.99),
            percentile(0.999),
        )
    }
}

/// What is measured of a run.
pub struct Statistics {
    whole: Stretch,
    window: Stretch,
    steady: Option<Stretch>,
    warmup: u64,
    sampling: u64,
    interval: Duration,
    failed: u64,
}

impl Statistics {
    /// Begins to measure a run of `records`, of which the first `warmup` are not steady state.
    pub fn new(records: u64, warmup: u64, interval: Duration) -> Self {
        let now = Instant::now();
        let sampling = (records / records.clamp(1, SAMPLES)).max(1);
        if warmup > 0 {
            println!("Warmup first {warmup} records. Steady state results will print after the complete test summary.");
        }
        Self {
            whole: Stretch::new(now, Some(sampling)),
            window: Stretch::new(now, None),
            steady: None,
            warmup,
            sampling,
            interval,
            failed: 0,
        }
    }

    /// Counts a record that was written.
    pub fn add(&mut self, latency: Duration, size: usize, now: Instant) {
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.whole.add(millis, size as u64);
        self.window.add(millis, size as u64);
        if let Some(steady) = &mut self.steady {
            steady.add(millis, size as u64);
        } else if self.warmup > 0 && self.whole.count >= self.warmup {
            self.steady = Some(Stretch::new(now, Some(self.sampling)));
        }
        if now.duration_since(self.window.started) >= self.interval {
            let (records, megabytes, average) = self.window.rates(now);
            println!(
                "{} records sent, {records:.1} records/sec ({megabytes:.2} MB/sec), {average:.1} ms avg latency, \
                 {:.1} ms max latency.",
                self.window.count, self.window.max_latency as f64
            );
            self.window = Stretch::new(now, None);
        }
    }

    /// Counts a record that was not written.
    pub fn fail(&mut self, error: &str) {
        self.failed += 1;
        // One reason is enough where thousands share it.
        if self.failed.is_power_of_two() {
            eprintln!("ERROR {} record(s) not written: {error}", self.failed);
        }
    }

    /// How many records were not written.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Prints the results.
    pub fn print_total(&self) {
        let now = Instant::now();
        println!("{}", self.whole.total(now, "records sent"));
        if let Some(steady) = &self.steady {
            println!("{}", steady.total(now, "steady state records sent"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_in_kafkas_form() {
        let started = Instant::now();
        let mut stretch = Stretch::new(started, Some(1));
        (1..=1000).for_each(|millis| stretch.add(millis, 1024));
        assert_eq!(
            stretch.total(started + Duration::from_secs(2), "records sent"),
            "1000 records sent, 500.000000 records/sec (0.49 MB/sec), 500.50 ms avg latency, 1000.00 ms max latency, \
             501 ms 50th, 951 ms 95th, 991 ms 99th, 1000 ms 99.9th."
        );
    }
}
