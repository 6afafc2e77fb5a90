//! Transactions as the cleaner passes them: whose data is aborted, and when a marker is no longer needed.

use crate::index::txn::AbortedTxn;
use base::{Offset, ProducerId};
use records::BatchHeader;
use records::control::TransactionOutcome;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// What is known of the transactions at the point that the cleaner has reached; it begins at the log's start, or at the
/// first dirty offset when the keys are noted.
#[derive(Debug, Default)]
pub(super) struct CleanedTransactions {
    committed: FxHashSet<ProducerId>,
    aborted: FxHashMap<ProducerId, Aborted>,
    /// Those that begin later on, by first offset.
    ahead: BTreeMap<(Offset, ProducerId), AbortedTxn>,
}

#[derive(Clone, Copy, Debug)]
struct Aborted {
    txn: AbortedTxn,
    /// Some of its data is still in the log.
    has_data: bool,
}

/// What a control batch is to the cleaner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ControlVerdict {
    /// None of the transaction's data is left: the marker may go once its time has come.
    pub(super) discardable: bool,
    /// The entry that the new transaction index must have.
    pub(super) index: Option<AbortedTxn>,
}

/// What is in a control batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlKind {
    /// A transaction's marker.
    Marker(TransactionOutcome),
    /// Nothing: the cleaner has removed it.
    Emptied,
    /// Something else.
    Other,
}

impl CleanedTransactions {
    /// Takes over what the indexes say of a stretch of the log that comes next.
    pub(super) fn expect(&mut self, aborted: Vec<AbortedTxn>) {
        let keyed = aborted
            .into_iter()
            .map(|txn| ((txn.first_offset, txn.producer_id), txn));
        self.ahead.extend(keyed);
    }

    /// A batch of data; answers whether it was aborted.
    pub(super) fn on_data(&mut self, header: &BatchHeader) -> bool {
        self.reach(header.last_offset());
        if !header.attributes.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&header.producer_id) {
            Some(aborted) => {
                aborted.has_data = true;
                true
            }
            None => {
                self.committed.insert(header.producer_id);
                false
            }
        }
    }

    /// A control batch.
    pub(super) fn on_control(&mut self, header: &BatchHeader, kind: ControlKind) -> ControlVerdict {
        self.reach(header.last_offset());
        match kind {
            ControlKind::Marker(TransactionOutcome::Abort) => {
                let aborted = self.aborted.remove(&header.producer_id);
                let index = aborted.filter(|aborted| aborted.has_data).map(|aborted| aborted.txn);
                ControlVerdict {
                    discardable: index.is_none(),
                    index,
                }
            }
            ControlKind::Marker(TransactionOutcome::Commit) => ControlVerdict {
                discardable: !self.committed.remove(&header.producer_id),
                index: None,
            },
            ControlKind::Emptied => ControlVerdict {
                discardable: true,
                index: None,
            },
            ControlKind::Other => ControlVerdict {
                discardable: false,
                index: None,
            },
        }
    }

    /// The transactions that begin up to `offset` have begun.
    fn reach(&mut self, offset: Offset) {
        while let Some(entry) = self.ahead.first_entry().filter(|entry| entry.key().0 <= offset) {
            let txn = entry.remove();
            // A transaction over two segments is told of twice.
            self.aborted
                .entry(txn.producer_id)
                .or_insert(Aborted { txn, has_data: false });
        }
    }
}
