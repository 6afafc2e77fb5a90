//! The scrub: compares the checksums of what lies on the disk and is seldom read, so that rot is known while another copy is
//! still good, and puts that copy in its place.
//!
//! Each log directory is read through once in `riverrun.scrub.interval.ms`, its closed segments only, no faster than
//! `riverrun.scrub.io.max.bytes.per.second`. When the last pass ended is kept in the directory, so that restarts do not
//! put it off for ever; Kafka takes no notice of that file. What is found is logged and counted, and from then on nobody
//! is served from it: CORRUPT_MESSAGE. The rest of the partition serves on. [`mend`] asks the other replicas for it, at
//! once and then again and again.

mod mend;
mod walk;

use crate::Broker;
use crate::log_dirs::LogDir;
use crate::partitions::Hosted;
use base::Timestamp;
use base::metric::{Counter, Descriptor, Gauge};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use storage::closed::ClosedSegment;
use storage::damage::Damage;
use storage::fsck::segment::Depth;
use tokio::sync::watch;
use tracing::{info, warn};

/// When the last pass over the directory ended, in milliseconds since 1970.
const FILE: &str = "riverrun-scrub";
/// The interval may change: it is looked at at least so often. What could not be mended is tried again as often.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

const BYTES: Descriptor = Descriptor::new(
    "riverrun.storage",
    "Scrub",
    "BytesTotal",
    "Bytes whose checksums were compared in the background.",
);
const DAMAGED: Descriptor = Descriptor::new(
    "riverrun.storage",
    "Scrub",
    "DamagedBatchesTotal",
    "Batches that the scrub found to be other than they were written; each pass counts them again.",
);
const MENDED: Descriptor = Descriptor::new(
    "riverrun.storage",
    "Scrub",
    "MendedBatchesTotal",
    "Damaged batches that another replica's took the place of.",
);
const UNMENDED: Descriptor = Descriptor::new(
    "riverrun.storage",
    "Scrub",
    "UnmendedSegments",
    "Segments of which something is damaged and not served, since no other replica has given it.",
);

/// What the scrub counts.
struct Counters {
    bytes: Arc<Counter>,
    damaged: Arc<Counter>,
    mended: Arc<Counter>,
    unmended: Arc<Gauge>,
}

impl Counters {
    fn new(broker: &Broker, dir: &LogDir) -> Self {
        let label = dir.path.display().to_string();
        Self {
            bytes: broker.metrics.counter(&BYTES, &[]),
            damaged: broker.metrics.counter(&DAMAGED, &[]),
            mended: broker.metrics.counter(&MENDED, &[]),
            unmended: broker.metrics.gauge(&UNMENDED, &[("logDirectory", &label)]),
        }
    }
}

/// A segment with damage that is known.
struct Ill {
    hosted: Arc<Hosted>,
    segment: ClosedSegment,
    damages: Vec<Damage>,
}

/// The scrub of one directory.
struct Scrub {
    broker: Arc<Broker>,
    dir: Arc<LogDir>,
    counters: Counters,
    stopping: watch::Receiver<bool>,
    ill: Vec<Ill>,
}

/// Scrubs one directory as long as the broker runs.
pub async fn scrub(broker: Arc<Broker>, dir: Arc<LogDir>) {
    let mut scrub = Scrub {
        counters: Counters::new(&broker, &dir),
        stopping: broker.stopping.clone(),
        ill: Vec::new(),
        broker,
        dir,
    };
    // A directory never scrubbed counts from this start on.
    let mut last = scrub.last_pass().unwrap_or(scrub.broker.clock.wall());
    loop {
        let wait = scrub.until_due(last);
        tokio::select! {
            _ = scrub.stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)) => {}
        }
        if scrub.dir.is_offline() {
            continue;
        }
        if scrub.until_due(last).is_some_and(|wait| wait.is_zero()) {
            scrub.pass().await;
            last = scrub.broker.clock.wall();
        } else {
            scrub.mend_all().await;
        }
    }
}

impl Scrub {
    /// How long until the next pass; none if there is to be none.
    fn until_due(&self, last: Timestamp) -> Option<Duration> {
        let interval = u64::try_from(self.broker.config.load().scrub.riverrun_scrub_interval_ms).ok()?;
        let since = u64::try_from(self.broker.clock.wall().0 - last.0).unwrap_or(0);
        Some(Duration::from_millis(interval.saturating_sub(since)))
    }

    fn file(&self) -> PathBuf {
        self.dir.path.join(FILE)
    }

    fn last_pass(&self) -> Option<Timestamp> {
        let bytes = self.broker.fs.read(&self.file()).ok()?;
        let text = std::str::from_utf8(&bytes).ok()?;
        text.trim().parse().ok().map(Timestamp)
    }

    async fn pass(&mut self) {
        // All of it is found again.
        self.ill.clear();
        let mut damaged = 0;
        for hosted in self.broker.partitions.all() {
            if !Arc::ptr_eq(&hosted.dir(), &self.dir) {
                continue;
            }
            let view = hosted.lock().log().view();
            for segment in view.closed() {
                match self.look(&segment).await {
                    Ok(Some(found)) => {
                        damaged += found.batches;
                        self.found(&hosted, segment, found.damages).await;
                    }
                    Ok(None) => return,
                    // Retention or the cleaner may have taken the file; a disk that fails shows it elsewhere too.
                    Err(error) => warn!(dir = %self.dir.path.display(), %error, "a segment cannot be scrubbed"),
                }
            }
        }
        self.show();
        let (dir, now) = (self.dir.path.display(), self.broker.clock.wall());
        if let Err(error) = self.broker.fs.replace(&self.file(), format!("{}\n", now.0).as_bytes()) {
            warn!(%dir, %error, "the end of the scrub cannot be noted");
        }
        info!(%dir, damaged, unmended_segments = self.ill.len(), "scrubbed");
    }

    async fn look(&mut self, segment: &ClosedSegment) -> std::io::Result<Option<walk::Found>> {
        let walk = segment.walk(Depth::Checksums)?;
        walk::through(&self.broker, walk, &self.counters, &mut self.stopping).await
    }

    /// Nobody is served from what is damaged; then it is mended, if that can be.
    async fn found(&mut self, hosted: &Arc<Hosted>, segment: ClosedSegment, damages: Vec<Damage>) {
        segment.quarantine(&damages);
        if damages.is_empty() {
            return;
        }
        let ill = Ill {
            hosted: Arc::clone(hosted),
            segment,
            damages,
        };
        let left = self.mend(ill).await;
        self.ill.extend(left);
        self.show();
    }

    /// Tries again to mend what could not be mended before.
    async fn mend_all(&mut self) {
        for ill in std::mem::take(&mut self.ill) {
            let left = self.mend(ill).await;
            self.ill.extend(left);
        }
        self.show();
    }

    fn show(&self) {
        self.counters.unmended.set(self.ill.len() as f64);
    }
}
