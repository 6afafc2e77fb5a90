//! What the log says: the last record of every transactional id.

use crate::record::TransactionRecord;
use crate::transaction::Transaction;
use base::Offset;
use coordinator_runtime::Shard;
use imbl::OrdMap;
use std::convert::Infallible;
use std::sync::Arc;

/// The state at one offset. A clone is a version: it shares everything with the original.
#[derive(Clone, Debug, Default)]
pub struct TransactionState {
    transactions: OrdMap<Arc<str>, Arc<Transaction>>,
}

impl TransactionState {
    /// What is known of an id.
    pub fn transaction(&self, id: &str) -> Option<&Arc<Transaction>> {
        self.transactions.get(id)
    }

    /// All of them, in the order of their ids.
    pub fn transactions(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Transaction>)> {
        self.transactions.iter()
    }
}

impl Shard for TransactionState {
    type Record = TransactionRecord;
    type Error = Infallible;

    fn replay(&mut self, _: Offset, record: &TransactionRecord) -> Result<(), Infallible> {
        match &record.value {
            Some(transaction) => {
                self.transactions
                    .insert(Arc::clone(&record.id), Arc::clone(transaction));
            }
            None => {
                self.transactions.remove(&record.id);
            }
        }
        Ok(())
    }
}
