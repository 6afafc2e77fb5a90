//! Topics that are gone take the offsets committed for them along.

use crate::completion::{Completion, Outcome};
use crate::record::GroupRecord;
use crate::state::GroupState;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tombstones for every group's offsets of these topics.
pub fn topics_deleted(state: &GroupState, topics: &BTreeSet<Arc<str>>) -> Outcome {
    let mut records = Vec::new();
    for (id, stored) in state.groups() {
        let mut places: BTreeSet<_> = stored
            .offsets
            .keys()
            .filter(|(topic, _)| topics.contains(topic))
            .cloned()
            .collect();
        places.extend(
            state
                .pending_places(id)
                .into_iter()
                .filter(|(topic, _)| topics.contains(topic)),
        );
        records.extend(
            places
                .iter()
                .map(|(topic, partition)| GroupRecord::no_offset(id, topic, *partition)),
        );
    }
    Outcome::splittable(records, Completion::Nothing)
}
