//! What a broker does now and then: retention, flushes, checkpoints, expiry.

use crate::Broker;
use crate::partitions::Hosted;
use crate::removals::Removals;
use crate::{checkpoints, flusher, open_files};
use base::Clock;
use network::tick;
use std::sync::Arc;
use std::time::Duration;
use storage::StorageError;
use tracing::warn;

/// The recovery points are written at least that often, whatever is configured: a start reads again what was flushed since, and
/// the file costs little.
const RECOVERY_POINTS_EVERY: Duration = Duration::from_secs(5);
/// Runs `duty` after `log.initial.task.delay.ms` and then every `interval` (asked anew each time) until the broker stops, if
/// `is_due` says so; the disk may make it wait, so it has a thread of its own while it runs.
async fn every(
    broker: Arc<Broker>,
    interval: fn(&Broker) -> Duration,
    is_due: fn(&Broker) -> bool,
    duty: impl Fn(&Broker) + Send + Sync + 'static,
) {
    let duty = Arc::new(duty);
    let mut stopping = broker.stopping.clone();
    let mut wait = broker.config.load().log.log_initial_task_delay.min(interval(&broker));
    loop {
        tokio::select! {
            () = tick::pause(wait.max(Duration::from_millis(1))) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        wait = interval(&broker);
        if !is_due(&broker) {
            continue;
        }
        let (for_duty, duty) = (Arc::clone(&broker), Arc::clone(&duty));
        if network::thread::beside(move || duty(&for_duty)).await.is_err() {
            warn!("a housekeeping duty failed; it is tried again at its next turn");
        }
    }
}

/// Starts all duties. An idle broker only looks, once in a while, whether there is one.
pub fn start(broker: &Arc<Broker>, removals: &Removals) {
    let spawn = |interval: fn(&Broker) -> Duration, is_due: fn(&Broker) -> bool, duty: fn(&Broker)| {
        tokio::spawn(every(Arc::clone(broker), interval, is_due, duty));
    };
    spawn(
        |broker| {
            let configured = broker.config.load().log.log_flush_offset_checkpoint_interval;
            configured.min(RECOVERY_POINTS_EVERY)
        },
        checkpoints::have_recovery_points_moved,
        checkpoints::write_moved_recovery_points,
    );
    spawn(
        |broker| broker.config.load().log.log_flush_start_offset_checkpoint_interval,
        |_| true,
        checkpoints::write_log_starts,
    );
    spawn(
        |broker| broker.config.load().log.replica_high_watermark_checkpoint_interval,
        checkpoints::may_high_watermarks_have_moved,
        checkpoints::write_high_watermarks,
    );
    spawn(
        |broker| broker.config.load().log.producer_id_expiration_check_interval,
        |_| true,
        expire_producers,
    );
    // One timer for both: each costs an idle broker two wake-ups.
    spawn(
        flush_interval,
        |broker| flusher::may_be_due(broker) || open_files::is_above_share(broker),
        |broker| {
            flusher::flush_due(broker);
            open_files::stay_below_share(broker);
        },
    );
    let removals = removals.clone();
    let retention = every(
        Arc::clone(broker),
        |broker| broker.config.load().log.log_retention_check_interval,
        |_| true,
        move |broker| enforce_retention(broker, &removals),
    );
    tokio::spawn(retention);
}

/// The partitions whose directory is in use: in one that failed nothing is touched any more.
fn online(broker: &Broker) -> impl Iterator<Item = Arc<Hosted>> {
    broker
        .partitions
        .all()
        .into_iter()
        .filter(|hosted| !hosted.dir().is_offline())
}

/// How many segments leave a log under its lock at a time.
const BITE: usize = 8;

/// Deletes old segments of every log.
pub fn enforce_retention(broker: &Broker, removals: &Removals) {
    for hosted in online(broker) {
        if let Err(error) = retire(broker.clock.as_ref(), removals, &hosted) {
            let partition = hosted.lock().topic_partition().clone();
            let now = broker.partitions.get(&partition.topic, partition.partition);
            // A topic that was deleted meanwhile took its files with it.
            if now.is_some_and(|now| Arc::ptr_eq(&now, &hosted)) {
                hosted.dir().failed(&error);
            }
        }
    }
}

/// The lock is held for moments: producers must not notice how much goes.
fn retire(clock: &dyn Clock, removals: &Removals, hosted: &Hosted) -> Result<(), StorageError> {
    let now = clock.wall();
    let view = {
        let partition = hosted.lock();
        partition.log().retention_view(partition.high_watermark())
    };
    let old = view.find_old(now)?;
    while !old.is_empty() {
        let (retired, delay) = {
            let mut partition = hosted.lock();
            let delay = partition.log().config().file_delete_delay_ms;
            (partition.log_mut().take_out(&old, BITE, now)?, delay)
        };
        if retired.is_empty() {
            break;
        }
        removals.files(retired.rename()?, delay);
    }
    Ok(())
}

/// How often it is looked what `flush.ms` wants flushed, and whether the logs have too many files open. Where nothing was said
/// and there is nothing to be expected, as seldom as other duties, with which an idle broker then wakes.
fn flush_interval(broker: &Broker) -> Duration {
    // Kafka's default, Long.MAX_VALUE, means that nothing asks for flushes by time; a topic may (`flush.ms`).
    let configured = broker.config.load().log.log_flush_scheduler_interval_ms;
    if configured == i64::MAX && !flusher::may_be_due(broker) && open_files::are_few(broker) {
        return RECOVERY_POINTS_EVERY;
    }
    Duration::from_millis(u64::try_from(configured).unwrap_or(0).clamp(1, 1000))
}

fn expire_producers(broker: &Broker) {
    let now = broker.clock.wall();
    for hosted in online(broker) {
        hosted.lock().log_mut().expire_producers(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitions::watched::Watched;
    use crate::removals::Removal;
    use base::Timestamp;
    use base::clock::SystemClock;
    use records::BatchBuilder;
    use storage::LogConfig;

    #[test]
    fn nothing_is_read_renamed_or_removed_under_the_lock_however_much_is_old() {
        let config = LogConfig {
            retention_ms: 1,
            segment_bytes: 200,
            ..LogConfig::default()
        };
        let watched = Watched::new(config);
        for _ in 0..5 * BITE {
            let mut builder = BatchBuilder::new();
            builder.append(Timestamp(1), None, Some(&[b'v'; 100]), &[]);
            watched.append(builder.build());
        }
        // One that is young stays, and with it the last segment: to make a new one takes the lock, as every append that rolls does.
        let clock = SystemClock::new();
        let mut builder = BatchBuilder::new();
        builder.append(Timestamp(clock.wall().0 + 3_600_000), None, Some(b"young"), &[]);
        watched.append(builder.build());
        let (removals, mut due) = Removals::new(Arc::new(SystemClock::new()));
        watched.begin();
        retire(&clock, &removals, &watched.hosted).expect("retired");
        assert_eq!(watched.hosted.lock().log().segment_count(), 1);
        assert!(watched.done() >= 5 * BITE, "the files were renamed");
        assert_eq!(watched.under_lock(), Vec::<String>::new());
        let mut bites = 0;
        while let Some(removal) = due.next() {
            let Removal::Files(doomed) = removal else {
                panic!("{removal:?}")
            };
            assert!(doomed.segments <= BITE, "{} segments at once", doomed.segments);
            doomed.remove(watched.fs.as_ref()).expect("removed");
            bites += 1;
        }
        assert!(bites >= 5, "{bites}");
    }
}
