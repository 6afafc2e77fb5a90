//! Which transactions a reader of committed records must skip.

use crate::error::ReadError;
use crate::view::LogView;
use base::{Offset, ProducerId};

/// A transaction that was aborted within a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Its first offset.
    pub first_offset: Offset,
}

impl LogView {
    /// The transactions aborted within `[from, upper_bound)`, for `abortedTransactions` of read_committed; `upper_bound`
    /// comes from [`crate::FetchedSlice`].
    pub fn aborted_transactions(
        &self,
        from: Offset,
        upper_bound: Offset,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        let mut aborted = Vec::new();
        for segment in &self.segments[self.segment_at(from)..] {
            if !segment.has_transaction_index() {
                continue;
            }
            let found = segment.transactions(|index| Ok(index.collect(from, upper_bound)))?;
            aborted.extend(found.aborted.iter().map(|txn| AbortedTransaction {
                producer_id: txn.producer_id,
                first_offset: txn.first_offset,
            }));
            if found.complete {
                break;
            }
        }
        Ok(aborted)
    }
}
