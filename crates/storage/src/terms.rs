//! Which rules an append is held to.

use crate::origin::Origin;
use crate::producer_state::{MarkerEpochRule, Verification};

/// Where an append comes from, and what goes with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendTerms {
    /// Who appends.
    pub origin: Origin,
    /// Which epochs a transaction's marker may carry.
    pub marker_epochs: MarkerEpochRule,
    /// What was found out before a transaction's first batch.
    pub verification: Verification,
}

impl From<Origin> for AppendTerms {
    /// No marker of transaction.version 2, and nothing verified.
    fn from(origin: Origin) -> Self {
        Self {
            origin,
            marker_epochs: MarkerEpochRule::default(),
            verification: Verification::default(),
        }
    }
}
