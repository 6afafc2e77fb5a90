//! The transactions of a partition that keep its last stable offset back.

use super::staged::CompletedTxn;
use base::{Offset, ProducerId};
use std::collections::BTreeMap;

/// Open transactions, and ended ones whose marker is not below the high watermark yet; by first offset.
#[derive(Debug)]
pub(super) struct Transactions {
    ongoing: BTreeMap<Offset, ProducerId>,
    unreplicated: BTreeMap<Offset, Offset>,
}

impl Transactions {
    pub(super) const fn none() -> Self {
        Self {
            ongoing: BTreeMap::new(),
            unreplicated: BTreeMap::new(),
        }
    }

    pub(super) fn start(&mut self, first_offset: Offset, producer_id: ProducerId) {
        self.ongoing.insert(first_offset, producer_id);
    }

    /// Ends a transaction and returns the last stable offset that its marker leaves behind, apart from the high
    /// watermark: the start of the oldest transaction still open, or the offset after the marker.
    pub(super) fn complete(&mut self, txn: &CompletedTxn) -> Offset {
        let other = self.ongoing.iter().find(|(_, id)| **id != txn.producer_id);
        let stable = other.map_or(txn.last_offset.next(), |(first_offset, _)| *first_offset);
        self.ongoing.remove(&txn.first_offset);
        self.unreplicated.insert(txn.first_offset, txn.last_offset);
        stable
    }

    /// The first offset that a committed reader may not pass.
    pub(super) fn first_unstable(&self) -> Option<Offset> {
        let ongoing = self.ongoing.first_key_value().map(|(first_offset, _)| *first_offset);
        let unreplicated = self
            .unreplicated
            .first_key_value()
            .map(|(first_offset, _)| *first_offset);
        match (ongoing, unreplicated) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (one, other) => one.or(other),
        }
    }

    /// The oldest open transaction.
    pub(super) fn oldest_ongoing(&self) -> Option<(Offset, ProducerId)> {
        self.ongoing
            .first_key_value()
            .map(|(first_offset, id)| (*first_offset, *id))
    }

    /// Forgets the ended transactions whose marker lies below `offset`.
    pub(super) fn forget_below(&mut self, offset: Offset) {
        self.unreplicated.retain(|_, last_offset| *last_offset >= offset);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ongoing.is_empty() && self.unreplicated.is_empty()
    }
}
