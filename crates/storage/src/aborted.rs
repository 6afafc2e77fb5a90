//! Which transactions a reader of committed records must skip.

use crate::error::{ReadError, StorageError};
use crate::index::txn::AbortedTxn;
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
    /// The aborted transactions that overlap `from..upper_bound`, as the indexes have them.
    pub(crate) fn aborted_between(&self, from: Offset, upper_bound: Offset) -> Result<Vec<AbortedTxn>, StorageError> {
        let mut aborted = Vec::new();
        for segment in &self.segments[self.segment_at(from)..] {
            if !segment.has_transaction_index() {
                continue;
            }
            let found = segment.transactions(|index| Ok(index.collect(from, upper_bound)))?;
            aborted.extend(found.aborted);
            if found.complete {
                break;
            }
        }
        Ok(aborted)
    }

    /// The transactions aborted within `[from, upper_bound)`, for `abortedTransactions` of read_committed; `upper_bound`
    /// comes from [`crate::FetchedSlice`].
    pub fn aborted_transactions(
        &self,
        from: Offset,
        upper_bound: Offset,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        let found = self.aborted_between(from, upper_bound)?;
        let aborted = found.iter().map(|txn| AbortedTransaction {
            producer_id: txn.producer_id,
            first_offset: txn.first_offset,
        });
        Ok(aborted.collect())
    }
}
