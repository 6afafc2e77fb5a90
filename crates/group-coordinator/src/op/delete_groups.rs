//! DeleteGroups (42): groups without members, with all their offsets.
//! Errors: per group GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. KIP-229.

use super::answer_with;
use crate::classic::group::Phase;
use crate::completion::{Answer, Outcome};
use crate::consumer::fence;
use crate::coordinator::GroupCoordinator;
use crate::record::GroupRecord;
use crate::state::GroupState;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::messages::delete_groups_response::DeletableGroupResult;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Deletes groups, all of this coordinator.
pub fn delete_groups(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    groups: Vec<String>,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    let mut records = Vec::new();
    let mut results = Vec::with_capacity(groups.len());
    for group_id in groups {
        let consumer = state.consumer(&group_id);
        let error = match coordinator.open(state, &group_id) {
            _ if consumer.is_some_and(|group| !group.is_empty()) => ErrorCode::NonEmptyGroup,
            _ if consumer.is_some() => {
                let id: Arc<str> = group_id.as_str().into();
                erase(coordinator, state, &id, &mut records);
                ErrorCode::None
            }
            None => ErrorCode::GroupIdNotFound,
            Some((group, _)) if group.phase != Phase::Empty => ErrorCode::NonEmptyGroup,
            Some((group, _)) => {
                let id = Arc::clone(&group.id);
                erase(coordinator, state, &id, &mut records);
                ErrorCode::None
            }
        };
        results.push(DeletableGroupResult {
            group_id,
            error_code: error.code(),
            ..Default::default()
        });
    }
    answer_with(records, token, Answer::DeleteGroups(results))
}

/// The tombstones of a group and its offsets. It is forgotten at once; should the records be lost, the log still has it.
pub(super) fn erase(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    id: &Arc<str>,
    records: &mut Vec<GroupRecord>,
) {
    let mut places: BTreeSet<_> = state.pending_places(id).into_iter().collect();
    places.extend(
        state
            .group(id)
            .into_iter()
            .flat_map(|group| group.offsets.keys().cloned()),
    );
    records.extend(
        places
            .iter()
            .map(|(topic, partition)| GroupRecord::no_offset(id, topic, *partition)),
    );
    if state.consumer(id).is_some() {
        fence::erase(&mut coordinator.desk, state, id, records);
    } else {
        records.push(GroupRecord::Group {
            group: Arc::clone(id),
            value: None,
        });
    }
    coordinator.drop_group(id, ErrorCode::UnknownMemberId);
}
