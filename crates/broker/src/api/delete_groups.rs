//! DeleteGroups (key 42): groups without members, with all their offsets (KIP-229).
//!
//! Errors, per group: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR,
//! COORDINATOR_NOT_AVAILABLE (not written in time). A group that is named twice is answered once.

use crate::Broker;
use crate::coordinators::ask::{Patience, ask, by_partition};
use group_coordinator::Answer;
use group_coordinator::op::delete_groups::delete_groups;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::delete_groups_request::DeleteGroupsRequest;
use protocol::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Deletes the groups of each coordinator together.
pub async fn handle(broker: &Arc<Broker>, _context: &RequestContext, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut seen = BTreeSet::new();
    let mut groups = request.groups_names;
    groups.retain(|group| seen.insert(group.clone()));
    let mut results = Vec::with_capacity(groups.len());
    for groups in by_partition(broker, groups).into_values() {
        results.extend(delete(broker, groups).await);
    }
    DeleteGroupsResponse { results, ..Default::default() }
}

/// Groups that share a coordinator.
async fn delete(broker: &Broker, groups: Vec<String>) -> Vec<DeletableGroupResult> {
    let Some(first) = groups.first().cloned() else { return Vec::new() };
    let asked = groups.clone();
    let operate = |coordinator: &mut _, state: &_, moment, token| delete_groups(coordinator, state, moment, asked, token);
    let error = match ask(broker, &first, Patience::ForCommit, operate).await {
        Ok(Answer::DeleteGroups(results)) => return results,
        Ok(_) => ErrorCode::UnknownServerError,
        Err(error) => error,
    };
    let refused = |group_id| DeletableGroupResult { group_id, error_code: error.code(), ..Default::default() };
    groups.into_iter().map(refused).collect()
}
