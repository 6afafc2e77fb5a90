//! What a log of offsets means, told a second time and as simply as it can be: the coordinator must agree.

use base::ProducerId;
use group_coordinator::record::TransactionEnd;
use group_coordinator::{GroupRecord, GroupState};
use std::collections::BTreeMap;
use std::sync::Arc;

type Place = (Arc<str>, Arc<str>, i32);

/// Offsets with where their records lie.
#[derive(Default)]
pub struct Fold {
    committed: BTreeMap<Place, (usize, i64)>,
    pending: BTreeMap<(ProducerId, Place), (usize, i64)>,
}

impl Fold {
    pub fn add(&mut self, at: usize, record: &GroupRecord) {
        match record {
            GroupRecord::Offset {
                group,
                topic,
                partition,
                value,
                producer,
            } => {
                let place = (Arc::clone(group), Arc::clone(topic), *partition);
                match value {
                    Some(value) if *producer == ProducerId::NONE => {
                        self.committed.insert(place, (at, value.offset));
                    }
                    Some(value) => {
                        self.pending.insert((*producer, place), (at, value.offset));
                    }
                    // What a transaction has written for it is gone too (KAFKA-15653 and KIP-496).
                    None => {
                        self.committed.remove(&place);
                        self.pending.retain(|(_, pending), _| *pending != place);
                    }
                }
            }
            GroupRecord::TransactionEnd { producer, end } => {
                let mine = |(pending, _): &(ProducerId, Place), _: &mut _| pending == producer;
                for ((_, place), (written, offset)) in self.pending.extract_if(.., mine) {
                    let newer = self.committed.get(&place).is_none_or(|(known, _)| written > *known);
                    if *end == TransactionEnd::Committed && newer {
                        self.committed.insert(place, (written, offset));
                    }
                }
            }
            _ => {}
        }
    }

    pub fn check(&self, state: &GroupState) {
        let mut theirs = BTreeMap::new();
        for (group, stored) in state.groups() {
            for ((topic, partition), offset) in &stored.offsets {
                let place = (Arc::clone(group), Arc::clone(topic), *partition);
                let known = self.pending.keys().any(|(_, pending)| *pending == place);
                let at = (Arc::clone(topic), *partition);
                assert_eq!(state.is_pending(group, &at), known, "whether {place:?} is pending");
                theirs.insert(place, offset.offset);
            }
        }
        let ours: BTreeMap<Place, i64> = self
            .committed
            .iter()
            .map(|(place, (_, offset))| (place.clone(), *offset))
            .collect();
        assert_eq!(theirs, ours, "the committed offsets are not those of the log");
    }
}
