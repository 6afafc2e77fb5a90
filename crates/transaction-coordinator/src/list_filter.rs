//! Which transactions ListTransactions is about.

use crate::status::TransactionStatus;
use crate::transaction::Transaction;
use base::Timestamp;
use protocol::ErrorCode;
use protocol::messages::list_transactions_request::ListTransactionsRequest;
use regex_lite::Regex;
use std::collections::BTreeSet;

/// The filters of a request; one that is empty lets everything through.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    states: BTreeSet<String>,
    unknown_states: Vec<String>,
    producer_ids: BTreeSet<i64>,
    /// Only transactions that run longer than this.
    duration_ms: Option<i64>,
    id_pattern: Option<Regex>,
}

impl ListFilter {
    /// The filters of `request`.
    ///
    /// # Errors
    /// INVALID_REGULAR_EXPRESSION for a pattern that is none.
    pub fn new(request: &ListTransactionsRequest) -> Result<Self, ErrorCode> {
        let (states, unknown_states) = request
            .state_filters
            .iter()
            .cloned()
            .partition::<Vec<String>, _>(|name| TransactionStatus::is_known_name(name));
        let pattern = request.transactional_id_pattern.as_deref().unwrap_or_default();
        let id_pattern = match pattern {
            "" => None,
            pattern => Some(whole(pattern).ok_or(ErrorCode::InvalidRegularExpression)?),
        };
        Ok(Self {
            states: states.into_iter().collect(),
            unknown_states,
            producer_ids: request.producer_id_filters.iter().copied().collect(),
            duration_ms: Some(request.duration_filter).filter(|least| *least >= 0),
            id_pattern,
        })
    }

    /// The states asked for that Kafka does not have.
    pub fn unknown_states(&self) -> &[String] {
        &self.unknown_states
    }

    /// Whether the filters let a transaction through. A filter that names only unknown states lets nothing through.
    pub(crate) fn lets_through(&self, id: &str, transaction: &Transaction, now: Timestamp) -> bool {
        let is_named = |states: &BTreeSet<String>| states.contains(transaction.status.name());
        (self.producer_ids.is_empty() || self.producer_ids.contains(&transaction.producer_id.0))
            && (self.states.is_empty() && self.unknown_states.is_empty() || is_named(&self.states))
            && self
                .duration_ms
                .is_none_or(|least| now.0.saturating_sub(transaction.started.0) > least)
            && self.id_pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
    }
}

/// The pattern for all of an id; none if it is no pattern by itself.
fn whole(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()?;
    Regex::new(&format!(r"\A(?:{pattern})\z")).ok()
}
