//! Waiting until what was appended is on all in-sync replicas.

use crate::Broker;
use crate::partitions::Hosted;
use crate::waiting::{self, Woken};
use base::Offset;
use partition::Signal;
use protocol::ErrorCode;
use std::sync::Arc;
use tokio::time::Instant;

/// An append that was not on all in-sync replicas yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) hosted: Arc<Hosted>,
    /// The high watermark that it waits for.
    pub(crate) until: Offset,
}

/// Waits for each append until the deadline; answers in the same order, REQUEST_TIMED_OUT for those that are not there by
/// then and NOT_LEADER_OR_FOLLOWER where the leadership was lost meanwhile.
pub(crate) async fn wait(broker: &Broker, appended: &[Pending], deadline: Instant) -> Vec<Result<(), ErrorCode>> {
    let signal = Arc::new(Signal::default());
    let mut outcomes: Vec<Option<Result<(), ErrorCode>>> = vec![None; appended.len()];
    loop {
        signal.lower();
        let mut waits = false;
        for (Pending { hosted, until }, outcome) in appended.iter().zip(&mut outcomes) {
            if outcome.is_some() {
                continue;
            }
            let mut partition = hosted.lock();
            if partition.high_watermark() >= *until {
                *outcome = Some(Ok(()));
            } else if partition.leadership().is_err() {
                *outcome = Some(Err(ErrorCode::NotLeaderOrFollower));
            } else {
                partition.park_produce(&signal, *until);
                waits = true;
            }
        }
        if !waits || waiting::wait(broker, &signal, deadline).await == Woken::TimeUp {
            break;
        }
    }
    let settle = |(pending, outcome): (&Pending, Option<Result<(), ErrorCode>>)| {
        outcome.unwrap_or_else(|| {
            pending.hosted.lock().leave(&signal);
            Err(ErrorCode::RequestTimedOut)
        })
    };
    appended.iter().zip(outcomes).map(settle).collect()
}
