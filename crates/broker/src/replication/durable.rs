//! A follower acknowledges records by asking for the next: it must not before they are on stable storage.

use crate::Broker;
use crate::checkpoints;
use crate::log_dirs::LogDir;
use crate::partitions::{Hosted, request_flushes};
use crate::waiting;
use base::Offset;
use partition::{NextFetch, Partition, Signal, Wakes};
use std::sync::Arc;
use std::time::Duration;
use storage::FlushWish;
use tokio::time::Instant;

/// How long a flush may take before the fetcher looks again; the flush itself has no end but the disk's.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Brings partitions to where they may be fetched: has what was appended flushed as one, where its durability asks for
/// that, and waits for it; after a cut has that written down. A directory that fails ends the wait too: its partitions
/// are fetched no more.
pub(super) async fn settle(broker: &Broker, partitions: &[Arc<Hosted>]) {
    let cut: Vec<&Arc<Hosted>> = partitions
        .iter()
        .filter(|hosted| hosted.lock_quietly().next_fetch() == NextFetch::AfterCheckpoint)
        .collect();
    if !cut.is_empty() {
        network::thread::in_place(|| note_cuts(broker, &cut));
    }
    let mut due = Vec::new();
    let mut awaited = Vec::new();
    for hosted in partitions {
        let partition = hosted.lock_quietly();
        if partition.log().flush_wish() == FlushWish::Now {
            due.push(hosted);
        }
        if let NextFetch::AfterFlush(until) = partition.next_fetch() {
            awaited.push((hosted, until));
        }
    }
    request_flushes(due);
    if !awaited.is_empty() {
        flushed(awaited).await;
    }
}

/// Writes the recovery points of logs that were cut, a file for each directory.
fn note_cuts(broker: &Broker, cut: &[&Arc<Hosted>]) {
    let mut dirs: Vec<Arc<LogDir>> = Vec::new();
    for hosted in cut {
        let lies_in = hosted.dir();
        if !dirs.iter().any(|dir| Arc::ptr_eq(dir, &lies_in)) {
            dirs.push(Arc::clone(&lies_in));
        }
    }
    for dir in &dirs {
        checkpoints::write_recovery_points_of(broker, dir);
    }
    let mut wakes = Wakes::none();
    for hosted in cut.iter().filter(|hosted| !hosted.dir().is_offline()) {
        wakes.merge(hosted.lock_quietly().recovery_point_noted());
    }
    wakes.fire();
}

async fn flushed(mut waiting: Vec<(&Arc<Hosted>, Offset)>) {
    let signal = Arc::new(Signal::default());
    loop {
        signal.lower();
        waiting.retain(|(hosted, until)| {
            let mut partition = hosted.lock_quietly();
            let waits = !hosted.dir().is_offline() && still_waits(&partition, *until);
            if waits {
                partition.park_flush(&signal, *until);
            }
            waits
        });
        if waiting.is_empty() {
            return;
        }
        _ = waiting::wait_on(&signal, Instant::now() + LOOK_AGAIN).await;
    }
}

/// What was waited for may have been cut off, or the replica's role have changed: then nothing is.
fn still_waits(partition: &Partition, until: Offset) -> bool {
    !partition.is_flushed(until) && matches!(partition.next_fetch(), NextFetch::AfterFlush(_))
}
