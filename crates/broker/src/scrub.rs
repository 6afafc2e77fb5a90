//! The scrub: compares the checksums of what lies on the disk and is seldom read, so that rot is known while another copy is
//! still good.
//!
//! Each log directory is read through once in `riverrun.scrub.interval.ms`, its closed segments only, no faster than
//! `riverrun.scrub.io.max.bytes.per.second`. When the last pass ended is kept in the directory, so that restarts do not
//! put it off for ever; Kafka takes no notice of that file. What is found is logged and counted; the partition serves on,
//! for what can be read is still right.

use crate::Broker;
use crate::log_dirs::LogDir;
use base::Timestamp;
use base::metric::{Counter, Descriptor};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use storage::LogView;
use storage::fsck::Finding;
use storage::fsck::segment::{Depth, Walk};
use tokio::sync::watch;
use tracing::{error, info, warn};

/// When the last pass over the directory ended, in milliseconds since 1970.
const FILE: &str = "riverrun-scrub";
/// Read in one go before the scrub pauses.
const STEP: u64 = 1 << 20;
/// The interval may change: it is looked at at least so often.
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

/// What the scrub counts.
struct Counters {
    bytes: Arc<Counter>,
    damaged: Arc<Counter>,
}

/// Scrubs one directory as long as the broker runs.
pub async fn scrub(broker: Arc<Broker>, dir: Arc<LogDir>) {
    let counters = Counters {
        bytes: broker.metrics.counter(&BYTES, &[]),
        damaged: broker.metrics.counter(&DAMAGED, &[]),
    };
    let mut stopping = broker.stopping.clone();
    // A directory never scrubbed counts from this start on.
    let mut last = last_pass(&broker, &dir).unwrap_or(broker.clock.wall());
    loop {
        let wait = until_due(&broker, last);
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)) => {}
        }
        let is_due = until_due(&broker, last).is_some_and(|wait| wait.is_zero());
        if is_due && !dir.is_offline() {
            pass(&broker, &dir, &counters, &mut stopping).await;
            last = broker.clock.wall();
        }
    }
}

/// How long until the next pass; none if there is to be none.
fn until_due(broker: &Broker, last: Timestamp) -> Option<Duration> {
    let interval = u64::try_from(broker.config.load().scrub.riverrun_scrub_interval_ms).ok()?;
    let since = u64::try_from(broker.clock.wall().0 - last.0).unwrap_or(0);
    Some(Duration::from_millis(interval.saturating_sub(since)))
}

fn file(dir: &LogDir) -> PathBuf {
    dir.path.join(FILE)
}

fn last_pass(broker: &Broker, dir: &LogDir) -> Option<Timestamp> {
    let bytes = broker.fs.read(&file(dir)).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    text.trim().parse().ok().map(Timestamp)
}

async fn pass(broker: &Arc<Broker>, dir: &Arc<LogDir>, counters: &Counters, stopping: &mut watch::Receiver<bool>) {
    let mut damaged = 0;
    for hosted in broker.partitions.all() {
        if !Arc::ptr_eq(&hosted.dir, dir) {
            continue;
        }
        let view = hosted.lock().log().view();
        for number in 0..view.closed_segments() {
            match segment(broker, &view, number, counters, stopping).await {
                Ok(Some(found)) => damaged += found,
                Ok(None) => return,
                // Retention or the cleaner may have taken the file; a disk that fails shows it elsewhere too.
                Err(error) => warn!(dir = %dir.path.display(), %error, "a segment cannot be scrubbed"),
            }
        }
    }
    let now = broker.clock.wall();
    if let Err(error) = broker.fs.replace(&file(dir), format!("{}\n", now.0).as_bytes()) {
        warn!(dir = %dir.path.display(), %error, "the end of the scrub cannot be noted");
    }
    info!(dir = %dir.path.display(), damaged, "scrubbed");
}

/// Reads one segment through; answers how many batches are damaged, or nothing if the broker stops.
async fn segment(
    broker: &Broker,
    view: &LogView,
    number: usize,
    counters: &Counters,
    stopping: &mut watch::Receiver<bool>,
) -> io::Result<Option<u64>> {
    let mut walk = view.walk_closed(number, Depth::Checksums)?;
    let mut damaged = 0;
    loop {
        let stepped = tokio::task::spawn_blocking(move || step(walk)).await;
        let step = stepped.map_err(io::Error::other)??;
        counters.bytes.add(step.bytes);
        for finding in &step.findings {
            error!(%finding, "rot was found on the disk");
            counters.damaged.increment();
            damaged += 1;
        }
        if step.end == End::Reached {
            return Ok(Some(damaged));
        }
        walk = step.walk;
        let rate = broker.config.load().scrub.riverrun_scrub_io_max_bytes_per_second;
        let pause = Duration::from_secs_f64(step.bytes as f64 / rate.max(1.0));
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return Ok(None),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Reached,
    Ahead,
}

struct Step {
    walk: Walk,
    bytes: u64,
    findings: Vec<Finding>,
    end: End,
}

/// Reads on for a step's length.
fn step(mut walk: Walk) -> io::Result<Step> {
    let mut bytes = 0;
    let mut end = End::Ahead;
    while bytes < STEP {
        match walk.next_batch()? {
            Some(seen) => bytes += seen.header.size() as u64,
            None => {
                end = End::Reached;
                break;
            }
        }
    }
    Ok(Step {
        bytes,
        findings: walk.take_findings(),
        end,
        walk,
    })
}
