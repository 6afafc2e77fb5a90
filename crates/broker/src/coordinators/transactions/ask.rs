//! Asking the coordinator of a transactional id.

use crate::Broker;
use crate::coordinators::hosting::ask as hosting;
use base::ProducerId;
use coordinator_runtime::{Moment, Token};
use protocol::ErrorCode;
use std::sync::atomic::Ordering;
use tracing::warn;
use transaction_coordinator::{Answer, Outcome, TransactionCoordinator, TransactionState};

/// Has the id's coordinator run an operation, and waits for its answer; an answer that is not there in time is
/// COORDINATOR_NOT_AVAILABLE, and NOT_COORDINATOR if the coordinator is gone meanwhile.
pub(crate) async fn ask(
    broker: &Broker,
    id: &str,
    operation: impl FnOnce(&mut TransactionCoordinator, &TransactionState, Moment, Token) -> Outcome,
) -> Result<Answer, ErrorCode> {
    check(id)?;
    let limit = broker.config.load().requests.request_timeout;
    match hosting::ask(broker, id, Some(limit), operation).await? {
        Answer::Refused(error) => Err(error),
        answer => Ok(answer),
    }
}

/// The same for an operation that may need a fresh producer id: it is run again with one if it does.
pub(crate) async fn ask_with_producer_id(
    broker: &Broker,
    id: &str,
    operation: impl Fn(&mut TransactionCoordinator, &TransactionState, Moment, Option<ProducerId>, Token) -> Outcome,
) -> Result<Answer, ErrorCode> {
    let run = |fresh: Option<ProducerId>| {
        let operation = &operation;
        ask(broker, id, move |coordinator, state, moment, token| {
            operation(coordinator, state, moment, fresh, token)
        })
    };
    match run(None).await? {
        Answer::NeedsProducerId => run(Some(producer_id(broker).await?)).await,
        answer => Ok(answer),
    }
}

/// A producer id that nobody had before, or COORDINATOR_LOAD_IN_PROGRESS, which clients retry.
pub(crate) async fn producer_id(broker: &Broker) -> Result<ProducerId, ErrorCode> {
    let epoch = broker.epoch.load(Ordering::Acquire);
    let next = broker.producer_ids.next(broker.controller.as_ref(), broker.node, epoch);
    next.await.map_err(|error| {
        warn!(%error, "no producer id can be had");
        ErrorCode::CoordinatorLoadInProgress
    })
}

/// Looks at an id's committed state.
pub(crate) fn look<R>(
    broker: &Broker,
    id: &str,
    look: impl FnOnce(&TransactionCoordinator, &TransactionState) -> R,
) -> Result<R, ErrorCode> {
    check(id)?;
    hosting::shard_of::<TransactionCoordinator>(broker, id)?.look(look)
}

/// Nobody coordinates the empty id, and Kafka does not look for who would.
fn check(id: &str) -> Result<(), ErrorCode> {
    if id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(())
}
