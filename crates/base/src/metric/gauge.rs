//! A value that goes up and down.

use std::sync::atomic::{AtomicU64, Ordering};

/// A value that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds to the value; less than nothing takes away.
    pub fn add(&self, more: f64) {
        let add = |bits: u64| Some((f64::from_bits(bits) + more).to_bits());
        // The closure always answers, so the update cannot fail.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// The value; 0 before the first.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_holds_what_was_set_and_added() {
        let gauge = Gauge::default();
        assert_eq!(gauge.get(), 0.0);
        gauge.set(2.5);
        gauge.add(-4.0);
        assert_eq!(gauge.get(), -1.5);
    }
}
