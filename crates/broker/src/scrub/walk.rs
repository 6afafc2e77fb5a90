//! Reading a segment through, as slowly as is asked for.

use super::Counters;
use crate::Broker;
use std::io;
use std::time::Duration;
use storage::damage::Damage;
use storage::fsck::Finding;
use storage::fsck::segment::Walk;
use tokio::sync::watch;
use tracing::error;

/// Read in one go before the scrub pauses.
const STEP: u64 = 1 << 20;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many batches are damaged.
    pub(super) batches: u64,
    pub(super) damages: Vec<Damage>,
}

/// Walks to the end of the segment; answers nothing if the broker stops.
pub(super) async fn through(
    broker: &Broker,
    mut walk: Walk,
    counters: &Counters,
    stopping: &mut watch::Receiver<bool>,
) -> io::Result<Option<Found>> {
    let mut found = Found::default();
    loop {
        let stepped = network::thread::beside(move || step(walk)).await;
        let step = stepped.map_err(io::Error::other)??;
        counters.bytes.add(step.bytes);
        for finding in &step.findings {
            error!(%finding, "rot was found on the disk");
            counters.damaged.increment();
            found.batches += 1;
        }
        found.damages.extend(step.damages);
        if step.end == End::Reached {
            return Ok(Some(found));
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
    damages: Vec<Damage>,
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
        damages: walk.take_damages(),
        end,
        walk,
    })
}
