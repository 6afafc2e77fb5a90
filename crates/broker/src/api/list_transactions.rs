//! ListTransactions (key 66): the transactional ids that this broker coordinates (KIP-664).
//!
//! Filtered by state and producer id, from version 1 by how long they run (KIP-994), from 2 by a pattern of the
//! transactional id (KIP-1152). Errors: COORDINATOR_LOAD_IN_PROGRESS while one of this broker's coordinators still reads its
//! log, INVALID_REGULAR_EXPRESSION. States that do not exist are named in the answer and let nothing through.

use crate::Broker;
use crate::coordinators::hosting::ask::look_at_all;
use coordinator_runtime::Moment;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::list_transactions_request::ListTransactionsRequest;
use protocol::messages::list_transactions_response::{ListTransactionsResponse, TransactionState};
use std::sync::Arc;
use transaction_coordinator::op::list_transactions::list_transactions;
use transaction_coordinator::{ListFilter, TransactionCoordinator};

/// Lists them.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    match list(broker, &request) {
        Ok((unknown_state_filters, transaction_states)) => ListTransactionsResponse {
            unknown_state_filters,
            transaction_states,
            ..Default::default()
        },
        Err(error) => ListTransactionsResponse { error_code: error.code(), ..Default::default() },
    }
}

fn list(
    broker: &Broker,
    request: &ListTransactionsRequest,
) -> Result<(Vec<String>, Vec<TransactionState>), ErrorCode> {
    let filter = ListFilter::new(request)?;
    let moment = Moment { now: broker.clock.now(), wall: broker.clock.wall() };
    let listed = look_at_all(broker, |_: &TransactionCoordinator, committed| {
        list_transactions(committed, moment, &filter)
    })?;
    Ok((filter.unknown_states().to_vec(), listed.into_iter().flatten().collect()))
}
