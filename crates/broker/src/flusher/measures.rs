//! What group commit says of itself.

use base::metric::{Descriptor, Histogram, Registry, Unit};
use std::sync::Arc;
use std::time::Duration;

const TIME: Descriptor = Descriptor::new(
    "kafka.log",
    "LogFlushStats",
    "LogFlushRateAndTimeMs",
    "How long flushes took; many partitions share one.",
);
const PARTITIONS: Descriptor = Descriptor::new(
    "riverrun.log",
    "LogFlushStats",
    "PartitionsPerFlush",
    "How many partitions shared a flush.",
);
const RECORDS: Descriptor = Descriptor::new(
    "riverrun.log",
    "LogFlushStats",
    "RecordsPerFlush",
    "How many records a flush put on stable storage.",
);

/// The flushers' figures.
#[derive(Debug)]
pub(super) struct Measures {
    time: Arc<Histogram>,
    partitions: Arc<Histogram>,
    records: Arc<Histogram>,
}

impl Measures {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            time: registry.histogram(&TIME, &[], Unit::Millis),
            partitions: registry.histogram(&PARTITIONS, &[], Unit::Count),
            records: registry.histogram(&RECORDS, &[], Unit::Count),
        }
    }

    pub(super) fn flushed(&self, took: Duration, partitions: usize, records: u64) {
        self.time.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.partitions.observe(partitions as u64);
        self.records.observe(records);
    }
}
