//! ListGroups (key 16): the groups that this broker coordinates.
//!
//! Filtered by state from version 4 (KIP-518), by type from 5 (KIP-848). COORDINATOR_LOAD_IN_PROGRESS while one of this
//! broker's coordinators still reads its log.

use crate::Broker;
use crate::coordinators::ask::look_at_all;
use group_coordinator::op::list_groups::list_groups;
use network::RequestContext;
use protocol::messages::list_groups_request::ListGroupsRequest;
use protocol::messages::list_groups_response::ListGroupsResponse;
use std::sync::Arc;

/// Lists them.
pub async fn handle(broker: &Arc<Broker>, _context: &RequestContext, request: ListGroupsRequest) -> ListGroupsResponse {
    match look_at_all(broker, |coordinator, committed| list_groups(coordinator, committed, &request)) {
        Ok(groups) => ListGroupsResponse { groups: groups.into_iter().flatten().collect(), ..Default::default() },
        Err(error) => ListGroupsResponse { error_code: error.code(), ..Default::default() },
    }
}
