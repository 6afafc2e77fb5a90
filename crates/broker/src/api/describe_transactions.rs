//! DescribeTransactions (key 65): how far transactions are (KIP-664).
//!
//! Errors, per transactional id: INVALID_REQUEST (empty), TRANSACTIONAL_ID_NOT_FOUND, COORDINATOR_LOAD_IN_PROGRESS,
//! NOT_COORDINATOR.

use crate::Broker;
use crate::coordinators::transactions::ask::look;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use protocol::messages::describe_transactions_response::{DescribeTransactionsResponse, TransactionState};
use std::sync::Arc;
use transaction_coordinator::op::describe_transaction::describe_transaction;

/// Describes each.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let states = request.transactional_ids.into_iter().map(|id| describe(broker, id));
    DescribeTransactionsResponse { transaction_states: states.collect(), ..Default::default() }
}

fn describe(broker: &Broker, transactional_id: String) -> TransactionState {
    let described = if transactional_id.is_empty() {
        Err(ErrorCode::InvalidRequest)
    } else {
        look(broker, &transactional_id, |coordinator, committed| {
            describe_transaction(coordinator, committed, &transactional_id)
        })
    };
    described.unwrap_or_else(|error| TransactionState {
        error_code: error.code(),
        transactional_id,
        ..Default::default()
    })
}
