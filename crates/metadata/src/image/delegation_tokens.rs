//! Delegation tokens.

use base::Timestamp;
use imbl::OrdMap;
use std::sync::Arc;

/// What is kept of a delegation token; its secret follows from the id and the cluster's secret key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationToken {
    /// Whom it lets in, such as `User:alice`.
    pub owner: String,
    /// Who asked for it.
    pub requester: String,
    /// Who may renew it.
    pub renewers: Vec<String>,
    /// When it was made.
    pub issue_timestamp: Timestamp,
    /// Until when it can be renewed.
    pub max_timestamp: Timestamp,
    /// Until when it is valid.
    pub expiration_timestamp: Timestamp,
}

/// Every delegation token, by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DelegationTokensImage {
    by_id: OrdMap<String, Arc<DelegationToken>>,
}

impl DelegationTokensImage {
    /// The token with that id.
    pub fn get(&self, token_id: &str) -> Option<&Arc<DelegationToken>> {
        self.by_id.get(token_id)
    }

    /// Every token with its id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<DelegationToken>)> {
        self.by_id.iter().map(|(id, token)| (id.as_str(), token))
    }

    pub(crate) fn insert(&mut self, token_id: String, token: DelegationToken) {
        self.by_id.insert(token_id, Arc::new(token));
    }

    pub(crate) fn remove(&mut self, token_id: &str) {
        self.by_id.remove(token_id);
    }
}
