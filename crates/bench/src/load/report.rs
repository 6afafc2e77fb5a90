//! What a load tells of itself: one line of JSON.

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::time::Duration;

/// Times from a nanosecond to ten minutes, three digits of each.
pub struct Times(pub Histogram<u64>);

impl Times {
    /// Nothing yet.
    pub fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, 600_000_000_000, 3)?))
    }

    /// Adds a time.
    pub fn add(&mut self, time: Duration) {
        self.0
            .saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1));
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Its percentiles in milliseconds.
    pub fn json(&self) -> Value {
        let at = |quantile: f64| milliseconds(self.0.value_at_quantile(quantile));
        json!({
            "count": self.0.len(),
            "p50": at(0.5),
            "p90": at(0.9),
            "p99": at(0.99),
            "p999": at(0.999),
            "p9999": at(0.9999),
            "max": milliseconds(self.0.max()),
        })
    }
}

fn milliseconds(nanoseconds: u64) -> f64 {
    (nanoseconds as f64 / 1e3).round() / 1e3
}

/// CPU-seconds of this process so far.
pub fn own_cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
