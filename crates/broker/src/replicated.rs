//! Waiting until what was appended may be acknowledged: on stable storage here, then on all in-sync replicas.

use crate::Broker;
use crate::partitions::Hosted;
use crate::waiting::{self, Woken};
use base::{LeaderEpoch, Offset};
use partition::{Partition, Replication, Signal};
use protocol::ErrorCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a flush may take before whoever waits is told that the fate of the records is not known. The disk is waited
/// for whatever the client's timeout: in Kafka, too, that does not count while it writes.
const LONGEST_FLUSH: Duration = Duration::from_secs(30);

/// An append that may not be acknowledged yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) hosted: Arc<Hosted>,
    /// The leader epoch it was appended in.
    pub(crate) epoch: LeaderEpoch,
    /// Up to where the log must be on stable storage.
    pub(crate) flush_until: Option<Offset>,
    /// The high watermark that it waits for.
    pub(crate) commit_until: Option<Offset>,
}

/// How the wait for one append went.
type Outcome = Result<(), ErrorCode>;

/// Waits for each append: for the disk, and then until the deadline for the high watermark. Answers in the same order,
/// REQUEST_TIMED_OUT for those that are not there by then, NOT_LEADER_OR_FOLLOWER where the leadership was lost meanwhile
/// and KAFKA_STORAGE_ERROR where the disk failed.
pub(crate) async fn wait(broker: &Broker, appended: &[Pending], deadline: Instant) -> Vec<Outcome> {
    let mut outcomes = vec![None; appended.len()];
    flushed(appended, &mut outcomes).await;
    replicated(broker, appended, &mut outcomes, deadline).await;
    outcomes.into_iter().map(|outcome| outcome.unwrap_or(Ok(()))).collect()
}

async fn flushed(appended: &[Pending], outcomes: &mut [Option<Outcome>]) {
    if appended.iter().all(|pending| pending.flush_until.is_none()) {
        return;
    }
    let signal = Arc::new(Signal::default());
    let deadline = Instant::now() + LONGEST_FLUSH;
    loop {
        let waits = look(appended, outcomes, &signal, |pending, partition| {
            let Some(until) = pending.flush_until.filter(|until| !partition.is_flushed(*until)) else {
                return Look::Reached;
            };
            if pending.hosted.dir().is_offline() || partition.log().is_offline() {
                return Look::Failed(match partition.leadership() {
                    Ok(_) => ErrorCode::KafkaStorageError,
                    // It was deleted.
                    Err(_) => ErrorCode::NotLeaderOrFollower,
                });
            }
            // Who leads by now does not matter: the disk will have it, and the client wants to know.
            partition.park_flush(&signal, until);
            Look::Waits
        });
        // A broker that stops flushes first, so the answer comes.
        if !waits || waiting::wait_on(&signal, deadline).await == Woken::TimeUp {
            break;
        }
    }
    give_up(appended, outcomes, &signal, |partition, pending| {
        pending.flush_until.is_none_or(|until| partition.is_flushed(until))
    });
}

async fn replicated(broker: &Broker, appended: &[Pending], outcomes: &mut [Option<Outcome>], deadline: Instant) {
    if appended.iter().all(|pending| pending.commit_until.is_none()) {
        return;
    }
    let signal = Arc::new(Signal::default());
    loop {
        let waits = look(appended, outcomes, &signal, |pending, partition| {
            let Some(until) = pending.commit_until else {
                return Look::Reached;
            };
            match partition.replication(pending.epoch, until) {
                Replication::Committed => Look::Reached,
                Replication::NotEnoughReplicas => Look::Failed(ErrorCode::NotEnoughReplicasAfterAppend),
                Replication::NotLeader => Look::Failed(ErrorCode::NotLeaderOrFollower),
                Replication::Waiting => {
                    partition.park_produce(&signal, until);
                    Look::Waits
                }
            }
        });
        if !waits || waiting::wait(broker, &signal, deadline).await == Woken::TimeUp {
            break;
        }
    }
    give_up(appended, outcomes, &signal, |partition, pending| {
        let is_committed = |until| partition.replication(pending.epoch, until) == Replication::Committed;
        pending.commit_until.is_none_or(is_committed)
    });
}

/// What a look at a partition tells.
enum Look {
    Reached,
    Failed(ErrorCode),
    Waits,
}

/// Looks at every append whose outcome is open, and answers whether any still waits.
fn look(
    appended: &[Pending],
    outcomes: &mut [Option<Outcome>],
    signal: &Arc<Signal>,
    look: impl Fn(&Pending, &mut Partition) -> Look,
) -> bool {
    signal.lower();
    let mut waits = false;
    for (pending, outcome) in appended.iter().zip(outcomes) {
        if outcome.is_some() {
            continue;
        }
        let mut partition = pending.hosted.lock();
        match look(pending, &mut partition) {
            Look::Reached => {}
            Look::Failed(error) => *outcome = Some(Err(error)),
            Look::Waits => waits = true,
        }
    }
    waits
}

/// The time is up for those that have not come there.
fn give_up(
    appended: &[Pending],
    outcomes: &mut [Option<Outcome>],
    signal: &Arc<Signal>,
    is_there: impl Fn(&Partition, &Pending) -> bool,
) {
    for (pending, outcome) in appended.iter().zip(outcomes) {
        if outcome.is_some() {
            continue;
        }
        let mut partition = pending.hosted.lock();
        if !is_there(&partition, pending) {
            partition.leave(signal);
            *outcome = Some(Err(ErrorCode::RequestTimedOut));
        }
    }
}
