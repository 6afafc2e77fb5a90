//! What became of the markers that the host was given to write.

use crate::completion::{Completion, Outcome};
use crate::coordinator::TransactionCoordinator;
use crate::markers::{MarkerResult, MarkerRun, Progress};
use crate::pending::Pending;
use crate::settings::RETRY_BACKOFF;
use crate::timers::Timer;
use base::TopicPartition;
use coordinator_runtime::Moment;
use std::sync::Arc;

/// Takes note of the results for some partitions of a run; results of an earlier run, and results that are known already,
/// change nothing. The outcome is to be written: once nothing remains, the transaction is done.
pub fn markers_written(
    coordinator: &mut TransactionCoordinator,
    moment: Moment,
    id: &Arc<str>,
    run: MarkerRun,
    results: &[(TopicPartition, MarkerResult)],
) -> Outcome {
    let Some(Pending::Markers(markers)) = coordinator.pending.get_mut(id) else {
        return nothing();
    };
    if markers.run != run || markers.progress != Progress::Writing {
        return nothing();
    }
    for (partition, result) in results {
        match result {
            MarkerResult::Written | MarkerResult::Gone => {
                markers.remaining.remove(partition);
                markers.waiting.remove(partition);
            }
            MarkerResult::Retry if markers.remaining.contains(partition) => {
                markers.waiting.insert(partition.clone());
            }
            MarkerResult::Retry => {}
            MarkerResult::Fenced => {
                tracing::info!(%id, %partition, "markers are not written any more: another coordinator has taken over");
                markers.progress = Progress::Fenced;
                return nothing();
            }
        }
    }
    if !markers.waiting.is_empty() {
        let again = moment.now.plus(RETRY_BACKOFF);
        coordinator.timers.set(Timer::Resend(Arc::clone(id)), again);
    }
    complete(coordinator, id).unwrap_or_else(nothing)
}

/// The record that says that a transaction is done, once no marker remains to be written.
pub(crate) fn complete(coordinator: &mut TransactionCoordinator, id: &Arc<str>) -> Option<Outcome> {
    let Some(Pending::Markers(markers)) = coordinator.pending.get_mut(id) else {
        return None;
    };
    if !markers.remaining.is_empty() || markers.progress != Progress::Writing {
        return None;
    }
    markers.progress = Progress::Completing;
    let completed = Arc::new(markers.prepared.completed(markers.decided));
    let record = coordinator.record(id, completed);
    let completion = Completion::Completed { id: Arc::clone(id) };
    Some(Outcome::atomic(vec![record], completion))
}

fn nothing() -> Outcome {
    Outcome::unchanged(Completion::Nothing)
}
