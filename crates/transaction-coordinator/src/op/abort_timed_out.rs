//! What the coordinator does every `transaction.abort.timed.out.transaction.cleanup.interval.ms`: aborts transactions that
//! take longer than their producers said, and fences these producers.

use crate::completion::{Completion, Outcome};
use crate::coordinator::TransactionCoordinator;
use crate::op::init_producer_id::{NeedsProducerId, fence};
use crate::state::TransactionState;
use crate::status::TransactionStatus;
use crate::transaction::{NO_TIMEOUT_MS, Transaction};
use base::ProducerId;
use coordinator_runtime::Moment;
use std::sync::Arc;

/// Aborts one transaction whose producer's epochs are used up, with the producer id that this takes. Nothing if it has
/// ended meanwhile; the id is unused then.
pub fn abort_starved(
    coordinator: &mut TransactionCoordinator,
    state: &TransactionState,
    moment: Moment,
    fresh: ProducerId,
) -> Outcome {
    while let Some(id) = coordinator.starved.pop_first() {
        if let Some(known) = timed_out(coordinator, state, moment, &id) {
            let known = Arc::clone(known);
            if let Ok(outcome) = fence(coordinator, moment, &id, &known, Some(fresh), None) {
                return outcome;
            }
        }
    }
    Outcome::unchanged(Completion::Nothing)
}

/// Looks for transactions that take too long.
pub(crate) fn look(coordinator: &mut TransactionCoordinator, state: &TransactionState, moment: Moment) {
    let all = state.transactions().map(|(id, _)| id);
    let late = all.filter(|id| timed_out(coordinator, state, moment, id).is_some());
    coordinator.timed_out = late.cloned().collect();
}

/// Aborts the next of them.
pub(crate) fn next(
    coordinator: &mut TransactionCoordinator,
    state: &TransactionState,
    moment: Moment,
) -> Option<Outcome> {
    while let Some(id) = coordinator.timed_out.pop_front() {
        if let Some(known) = timed_out(coordinator, state, moment, &id) {
            let known = Arc::clone(known);
            match fence(coordinator, moment, &id, &known, None, None) {
                Ok(outcome) => return Some(outcome),
                Err(NeedsProducerId) => {
                    coordinator.starved.insert(id);
                }
            }
        }
    }
    None
}

fn timed_out<'a>(
    coordinator: &TransactionCoordinator,
    state: &'a TransactionState,
    moment: Moment,
    id: &Arc<str>,
) -> Option<&'a Arc<Transaction>> {
    let known = state.transaction(id)?;
    let is_late = known.status == TransactionStatus::Ongoing
        && known.timeout_ms != NO_TIMEOUT_MS
        && known.started.0.saturating_add(i64::from(known.timeout_ms)) < moment.wall.0
        && !coordinator.pending.contains_key(id);
    is_late.then_some(known)
}
