//! ListTransactions (66): the transactional ids of this coordinator, as far as they are committed.
//! Errors: INVALID_REGULAR_EXPRESSION. KIP-664, KIP-994, KIP-1152.

use crate::list_filter::ListFilter;
use crate::state::TransactionState as Committed;
use coordinator_runtime::Moment;
use protocol::messages::list_transactions_response::TransactionState;

/// The ids that the filters let through.
pub fn list_transactions(committed: &Committed, moment: Moment, filter: &ListFilter) -> Vec<TransactionState> {
    let all = committed.transactions();
    let wanted = all.filter(|(id, known)| filter.lets_through(id, known, moment.wall));
    let states = wanted.map(|(id, known)| TransactionState {
        transactional_id: id.to_string(),
        producer_id: known.producer_id.0,
        transaction_state: known.status.name().to_owned(),
    });
    states.collect()
}
