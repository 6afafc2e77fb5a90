//! What the cleaner says of itself, under the names of Kafka's MBeans.

use crate::Broker;
use base::Instant;
use base::metric::{Descriptor, Gauge, Registry};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storage::cleaner::CleanerStats;

/// Said of a log whose dirt cannot even be measured.
pub(super) const PRE_CLEAN: &str = "the log's dirt cannot be measured; it is left as it is until the next start";

const CLEANER: &str = "LogCleaner";
const MANAGER: &str = "LogCleanerManager";
const MAX_CLEAN_TIME: Descriptor = Descriptor::new(
    "kafka.log",
    CLEANER,
    "max-clean-time-secs",
    "The longest of the threads' last cleanings.",
);
const RECOPY: Descriptor = Descriptor::new(
    "kafka.log",
    CLEANER,
    "cleaner-recopy-percent",
    "The share of the bytes read that the last cleanings kept.",
);
const BUFFER: Descriptor = Descriptor::new(
    "kafka.log",
    CLEANER,
    "max-buffer-utilization-percent",
    "How full the fullest map of keys was in the last cleanings.",
);
const DELAY: Descriptor = Descriptor::new(
    "kafka.log",
    CLEANER,
    "max-compaction-delay-secs",
    "By how much max.compaction.lag.ms has passed at most.",
);
const DIRTIEST: Descriptor = Descriptor::new(
    "kafka.log",
    MANAGER,
    "max-dirty-percent",
    "The uncompacted share of the dirtiest log.",
);
const SINCE_RUN: Descriptor = Descriptor::new(
    "kafka.log",
    MANAGER,
    "time-since-last-run-ms",
    "How long ago the cleaner last looked for a log to clean.",
);
const UNCLEANABLE: Descriptor = Descriptor::new(
    "kafka.log",
    MANAGER,
    "uncleanable-partitions-count",
    "Partitions that the cleaner gave up on.",
);

/// The cleaner's figures.
#[derive(Debug)]
pub struct Measures {
    max_clean_time: Arc<Gauge>,
    recopy: Arc<Gauge>,
    buffer: Arc<Gauge>,
    delay: Arc<Gauge>,
    dirtiest: Arc<Gauge>,
    /// When the cleaner last looked, in milliseconds of the broker's clock.
    looked_at: AtomicU64,
    /// Each thread's last cleaning.
    last: Mutex<Vec<Option<(CleanerStats, Duration)>>>,
}

impl Measures {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            max_clean_time: registry.gauge(&MAX_CLEAN_TIME, &[]),
            recopy: registry.gauge(&RECOPY, &[]),
            buffer: registry.gauge(&BUFFER, &[]),
            delay: registry.gauge(&DELAY, &[]),
            dirtiest: registry.gauge(&DIRTIEST, &[]),
            looked_at: AtomicU64::new(0),
            last: Mutex::default(),
        }
    }

    /// A thread has looked at all logs.
    pub(super) fn looked(&self, now: Instant, dirtiest: f64, overdue_ms: i64) {
        self.looked_at.store(millis(now.since_zero()), Ordering::Relaxed);
        self.dirtiest.set((dirtiest * 100.0).floor());
        self.delay.set(overdue_ms as f64 / 1000.0);
    }

    /// A thread has cleaned a log.
    pub(super) fn cleaned(&self, thread: usize, stats: &CleanerStats, took: Duration) {
        let mut last = self.last.lock().expect("no code panics while it notes figures");
        if last.len() <= thread {
            last.resize(thread + 1, None);
        }
        last[thread] = Some((*stats, took));
        let all = || last.iter().flatten();
        let read: u64 = all().map(|(stats, _)| stats.bytes_read).sum();
        let written: u64 = all().map(|(stats, _)| stats.bytes_written).sum();
        self.recopy.set((written as f64 * 100.0 / read.max(1) as f64).floor());
        let fullest = all().map(|(stats, _)| stats.map_utilization).fold(0.0, f64::max);
        self.buffer.set((fullest * 100.0).floor());
        let longest = all().map(|(_, took)| took.as_secs_f64()).fold(0.0, f64::max);
        self.max_clean_time.set(longest);
    }
}

/// Shows what is asked for when the page is read.
pub(super) fn show(broker: &Arc<Broker>) {
    let weak = Arc::downgrade(broker);
    broker.metrics.asked_gauge(&SINCE_RUN, &[], move || {
        let Some(broker) = weak.upgrade() else { return 0.0 };
        let looked_at = broker.cleaner.measures.looked_at.load(Ordering::Relaxed);
        millis(broker.clock.now().since_zero()).saturating_sub(looked_at) as f64
    });
    for dir in &broker.log_dirs.dirs {
        let (weak, path) = (Arc::downgrade(broker), dir.path.clone());
        let label = path.display().to_string();
        broker
            .metrics
            .asked_gauge(&UNCLEANABLE, &[("logDirectory", &label)], move || {
                let broker = weak.upgrade();
                let count =
                    broker.map(|broker| broker.cleaner.state().uncleanable.get(&path).map_or(0, |set| set.len()));
                count.unwrap_or(0) as f64
            });
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
