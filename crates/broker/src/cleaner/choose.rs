//! Choosing the log that is cleaned next: the dirtiest of those whose settings ask for it.

use super::measures::PRE_CLEAN;
use crate::Broker;
use crate::partitions::Hosted;
use std::sync::Arc;
use storage::StorageError;
use storage::cleaner::LogToClean;
use tracing::warn;

/// A log to clean; nobody else cleans it until it is given back.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) hosted: Arc<Hosted>,
    pub(super) log: LogToClean,
}

/// The dirtiest log that is due, taken.
pub(super) fn dirtiest(broker: &Broker) -> Option<Chosen> {
    let now = broker.clock.wall();
    let mut best: Option<Chosen> = None;
    let (mut dirtiest, mut overdue_ms) = (0.0_f64, 0);
    forget_the_deleted(broker);
    for hosted in broker.partitions.all() {
        if hosted.dir().is_offline() || is_taken(broker, &hosted) {
            continue;
        }
        let view = {
            let partition = hosted.lock();
            if !partition.log().config().compact {
                continue;
            }
            partition.log().cleaning_view(partition.last_stable_offset())
        };
        let log = match view.measure(now) {
            Ok(log) => log,
            Err(error) => {
                measure_failed(broker, &hosted, &error);
                continue;
            }
        };
        dirtiest = dirtiest.max(log.cleanable_ratio());
        overdue_ms = overdue_ms.max(log.overdue_ms);
        let is_dirtier = |best: &Chosen| log.cleanable_ratio() > best.log.cleanable_ratio();
        if log.is_due() && best.as_ref().is_none_or(is_dirtier) {
            best = Some(Chosen { hosted, log });
        }
    }
    broker.cleaner.measures.looked(broker.clock.now(), dirtiest, overdue_ms);
    best.filter(|chosen| take(broker, &chosen.hosted))
}

fn is_taken(broker: &Broker, hosted: &Hosted) -> bool {
    let partition = hosted.lock().topic_partition().clone();
    let state = broker.cleaner.state();
    let uncleanable = state.uncleanable.get(&hosted.dir().path);
    state.in_progress.contains(&partition) || uncleanable.is_some_and(|of_dir| of_dir.contains(&partition))
}

/// Another thread may have been faster.
fn take(broker: &Broker, hosted: &Hosted) -> bool {
    let partition = hosted.lock().topic_partition().clone();
    broker.cleaner.state().in_progress.insert(partition)
}

/// A topic that was deleted no longer counts as uncleanable; one of the same name begins anew.
fn forget_the_deleted(broker: &Broker) {
    let mut state = broker.cleaner.state();
    for of_dir in state.uncleanable.values_mut() {
        of_dir.retain(|partition| broker.partitions.get(&partition.topic, partition.partition).is_some());
    }
}

fn measure_failed(broker: &Broker, hosted: &Arc<Hosted>, error: &StorageError) {
    // Retention, or the topic's deletion, may have been faster.
    let is_gone = matches!(error, StorageError::Io(std::io::ErrorKind::NotFound));
    if !is_gone {
        warn!(partition = %hosted.lock().topic_partition(), %error, "{PRE_CLEAN}");
        super::pass::set_aside(broker, hosted);
    }
}
