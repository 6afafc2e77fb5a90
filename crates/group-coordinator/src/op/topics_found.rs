//! What a search by the regular expressions of a consumer group found.

use crate::completion::{Completion, Outcome};
use crate::consumer::draft::Draft;
use crate::consumer::search::Found;
use crate::coordinator::GroupCoordinator;
use crate::record::ConsumerRecord;
use crate::state::GroupState;
use coordinator_runtime::Moment;
use std::sync::Arc;

/// Takes over what a search found: if it is not what was known, the group's epoch moves on.
pub fn topics_found(coordinator: &mut GroupCoordinator, state: &GroupState, moment: Moment, found: &Found) -> Outcome {
    let desk = &mut coordinator.desk;
    desk.moment = moment;
    desk.searching.remove(&found.group);
    let Some(group) = state.consumer(&found.group) else {
        return Outcome::unchanged(Completion::Nothing);
    };
    let mut draft = Draft::of(Arc::clone(&found.group), group);
    let mut differs = false;
    for (regex, resolved) in &found.resolved {
        if draft.group.index().regexes.get(regex) == 0 {
            continue;
        }
        differs |= match draft.group.regexes.get(regex) {
            Some(known) => known.topics != resolved.topics,
            None => !resolved.topics.is_empty(),
        };
        draft.write(ConsumerRecord::Regex {
            regex: Arc::clone(regex),
            value: Some(Arc::new(resolved.to_value())),
        });
    }
    let hash = desk.picture.topics.hash(draft.group.index().topics.keys());
    if differs || hash != draft.group.metadata_hash {
        let epoch = draft.group.epoch.saturating_add(1);
        draft.write_epoch(epoch, hash);
        desk.refreshed.insert(Arc::clone(&found.group), epoch);
    }
    Outcome::atomic(draft.records, Completion::Nothing)
}

/// A search came to nothing: the next heartbeat may begin another.
pub fn search_failed(coordinator: &mut GroupCoordinator, group: &str) {
    coordinator.desk.searching.remove(group);
}
