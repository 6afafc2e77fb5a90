//! Each log, where its directory is in use: how large it is, of how many segments, and between which offsets.

use crate::Broker;
use base::metric::Descriptor;
use partition::Partition;
use std::sync::Arc;
use storage::Log;

const fn log(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.log", "Log", name, help)
}

const SIZE: Descriptor = log("Size", "Bytes of the log's segments.");
const SEGMENTS: Descriptor = log("NumLogSegments", "The log's segments.");
const START: Descriptor = log("LogStartOffset", "The first offset that can be read.");
const END: Descriptor = log("LogEndOffset", "The offset after the last record.");
const RETENTION: Descriptor = log(
    "RetentionSizeInPercent",
    "The log's size in percent of retention.bytes; 0 without such a limit (KIP-1257).",
);

/// Shows what is asked for when the page is read; nothing is kept for a log that nobody asks about.
pub(super) fn show(broker: &Arc<Broker>) {
    show_each(broker, &SIZE, |log| log.size() as f64);
    show_each(broker, &SEGMENTS, |log| log.segment_count() as f64);
    show_each(broker, &START, |log| log.log_start_offset().0 as f64);
    show_each(broker, &END, |log| log.log_end_offset().0 as f64);
    show_each(broker, &RETENTION, |log| {
        percent(log.size(), log.config().retention_bytes) as f64
    });
}

fn show_each(broker: &Arc<Broker>, descriptor: &Descriptor, read: fn(&Log) -> f64) {
    let weak = Arc::downgrade(broker);
    broker.metrics.asked_gauges(descriptor, &[], move |show| {
        let hosted = weak.upgrade().map(|broker| broker.partitions.all()).unwrap_or_default();
        for hosted in hosted.iter().filter(|hosted| !hosted.dir().is_offline()) {
            let look = |partition: &Partition| (partition.topic_partition().clone(), read(partition.log()));
            let (partition, value) = look(&hosted.lock());
            let index = partition.partition.to_string();
            show(&[("topic", &partition.topic), ("partition", &index)], value);
        }
    });
}

/// As Kafka counts: whole percents, rounded down, and none of no limit.
fn percent(size: u64, limit: i64) -> u64 {
    match u64::try_from(limit) {
        Ok(limit) if limit > 0 => u64::try_from(u128::from(size) * 100 / u128::from(limit)).unwrap_or(u64::MAX),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn percents_are_kafkas() {
        let cases = [(0, 100, 0), (999, 1000, 99), (1500, 1000, 150), (5, 0, 0), (5, -1, 0)];
        for (size, limit, wanted) in cases {
            assert_eq!(percent(size, limit), wanted, "{size} of {limit}");
        }
        assert_eq!(percent(u64::MAX, i64::MAX), 200);
    }
}
