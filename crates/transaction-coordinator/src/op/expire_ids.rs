//! What the coordinator does every `transaction.remove.expired.transaction.cleanup.interval.ms`: forgets transactional ids
//! that were not used for `transactional.id.expiration.ms`.

use crate::completion::{Completion, Outcome};
use crate::coordinator::TransactionCoordinator;
use crate::record::TransactionRecord;
use crate::state::TransactionState;
use coordinator_runtime::Moment;
use std::sync::Arc;

/// How many ids are forgotten with one batch.
const BATCH: usize = 500;

/// Looks for ids that expire.
pub(crate) fn look(coordinator: &mut TransactionCoordinator, state: &TransactionState, moment: Moment) {
    let all = state.transactions().map(|(id, _)| id);
    let expired = all.filter(|id| is_expired(coordinator, state, moment, id));
    coordinator.expired = expired.cloned().collect();
}

/// Forgets the next of them.
pub(crate) fn next(
    coordinator: &mut TransactionCoordinator,
    state: &TransactionState,
    moment: Moment,
) -> Option<Outcome> {
    let mut ids = Vec::new();
    while ids.len() < BATCH
        && let Some(id) = coordinator.expired.pop_front()
    {
        if is_expired(coordinator, state, moment, &id) {
            ids.push(id);
        }
    }
    if ids.is_empty() {
        return None;
    }
    tracing::info!(ids = ids.len(), "transactional ids expire");
    let format = coordinator.settings.version.value_format();
    let mut tombstones = Vec::with_capacity(ids.len());
    for id in &ids {
        if let Some(known) = state.transaction(id) {
            coordinator.hold(id, known.producer());
        }
        tombstones.push(TransactionRecord::tombstone(id, format));
    }
    Some(Outcome::atomic(tombstones, Completion::Expired { ids }))
}

fn is_expired(coordinator: &TransactionCoordinator, state: &TransactionState, moment: Moment, id: &Arc<str>) -> bool {
    let expiration = i64::try_from(coordinator.settings.id_expiration.as_millis()).unwrap_or(i64::MAX);
    state.transaction(id).is_some_and(|known| {
        known.status.is_idle()
            && known.updated.0 <= moment.wall.0.saturating_sub(expiration)
            && !coordinator.pending.contains_key(id)
    })
}
