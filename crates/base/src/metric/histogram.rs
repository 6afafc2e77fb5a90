//! How values are spread, within an eighth of each value, in a few kilobytes.
//!
//! The count and the sum are of all time; the quantiles are of the last turn or two of [`Histogram::turn`], as an operator
//! wants to see what is, not what was in January.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Bits of a value that are kept below its first.
const BITS: u32 = 3;
/// Buckets for each power of two.
const STEPS: usize = 1 << BITS;
/// Values of 2^40 and more (12 days in microseconds) share the last bucket.
const POWERS: usize = 40;
const BUCKETS: usize = (POWERS - BITS as usize) * STEPS + STEPS;

/// The quantiles that are shown: those of Kafka's JMX histograms.
pub const QUANTILES: [f64; 6] = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];

/// What is observed, and how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Count,
    /// Microseconds are observed, milliseconds shown.
    Millis,
}

impl Unit {
    fn scale(self) -> f64 {
        match self {
            Self::Count => 1.0,
            Self::Millis => 1000.0,
        }
    }
}

/// How values are spread.
#[derive(Debug)]
pub struct Histogram {
    unit: Unit,
    count: AtomicU64,
    sum: AtomicU64,
    /// The turn being filled, 0 or 1, and the one before.
    filling: AtomicUsize,
    turns: [Box<[AtomicU32; BUCKETS]>; 2],
}

/// What a histogram says at one moment, in the unit it is shown in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many values there ever were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The values of [`QUANTILES`], of late; 0 if there were none.
    pub quantiles: [f64; QUANTILES.len()],
}

impl Histogram {
    /// An empty histogram.
    pub fn new(unit: Unit) -> Self {
        let empty = || Box::new([const { AtomicU32::new(0) }; BUCKETS]);
        Self {
            unit,
            count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            filling: AtomicUsize::new(0),
            turns: [empty(), empty()],
        }
    }

    /// Takes note of a value.
    pub fn observe(&self, value: u64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
        let turn = self.filling.load(Ordering::Relaxed) & 1;
        self.turns[turn][bucket(value)].fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note of a time; for [`Unit::Millis`].
    pub fn observe_time(&self, time: std::time::Duration) {
        debug_assert_eq!(self.unit, Unit::Millis, "a time is no plain number");
        self.observe(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Begins a new turn: what was observed before the last one no longer counts for the quantiles.
    pub fn turn(&self) {
        let next = (self.filling.load(Ordering::Relaxed) + 1) & 1;
        for bucket in self.turns[next].iter() {
            bucket.store(0, Ordering::Relaxed);
        }
        self.filling.store(next, Ordering::Relaxed);
    }

    /// What it says now.
    pub fn summary(&self) -> Summary {
        let at = |bucket: usize| {
            let load = |turn: usize| u64::from(self.turns[turn][bucket].load(Ordering::Relaxed));
            load(0) + load(1)
        };
        let total: u64 = (0..BUCKETS).map(at).sum();
        let scale = self.unit.scale();
        let mut quantiles = [0.0; QUANTILES.len()];
        let (mut seen, mut next) = (0, 0);
        for bucket in (0..BUCKETS).take_while(|_| total > 0) {
            seen += at(bucket);
            while next < QUANTILES.len() && seen as f64 >= QUANTILES[next] * total as f64 {
                quantiles[next] = middle(bucket) / scale;
                next += 1;
            }
        }
        Summary {
            count: self.count(),
            sum: self.sum.load(Ordering::Relaxed) as f64 / scale,
            quantiles,
        }
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS as u64 {
        return value as usize;
    }
    let power = value.ilog2();
    let step = (value >> (power - BITS)) as usize & (STEPS - 1);
    ((power - BITS) as usize * STEPS + STEPS + step).min(BUCKETS - 1)
}

/// The middle of what falls into a bucket.
fn middle(bucket: usize) -> f64 {
    if bucket < STEPS {
        return bucket as f64;
    }
    let (row, step) = (bucket / STEPS - 1, bucket % STEPS);
    let width = (1_u64 << row) as f64;
    let low = (STEPS + step) as f64 * width;
    low + (width - 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_within_a_sixteenth_of_itself() {
        for power in 0..POWERS {
            for value in [1 << power, (1 << power) + (1 << power) / 3, (2 << power) - 1_u64] {
                let shown = middle(bucket(value));
                let off = (shown - value as f64).abs() / value as f64;
                assert!(off <= 1.0 / 16.0, "{value} is shown as {shown}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_of_late_and_the_count_is_of_all_time() {
        let histogram = Histogram::new(Unit::Millis);
        assert_eq!(histogram.summary().quantiles, [0.0; 6]);
        (1..=100).for_each(|value| histogram.observe(value * 1000));
        let summary = histogram.summary();
        assert_eq!((summary.count, summary.sum), (100, 5050.0));
        for (wanted, shown) in [50.0, 75.0, 95.0, 98.0, 99.0, 100.0].iter().zip(summary.quantiles) {
            assert!((shown - wanted).abs() <= wanted / 8.0, "{wanted} is shown as {shown}");
        }
        histogram.turn();
        histogram.observe_time(std::time::Duration::from_millis(1));
        assert!(histogram.summary().quantiles[0] > 40.0, "the last turn still counts");
        histogram.turn();
        histogram.turn();
        assert_eq!(histogram.summary().quantiles, [0.0; 6]);
        assert_eq!(histogram.summary().count, 101);
    }
}
