//! DescribeGroups (key 15): a group's state, protocol and members.
//!
//! A group that does not exist is Dead, from version 6 with GROUP_ID_NOT_FOUND (KIP-1043). Errors, per group:
//! COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR. From version 3 what the caller may do with the group, if asked.

use crate::Broker;
use crate::coordinators::ask::look;
use crate::coordinators::groups::{ALL_OPERATIONS, NO_OPERATIONS};
use group_coordinator::op::describe_groups::{NotDescribed, describe_group};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_groups_request::DescribeGroupsRequest;
use protocol::messages::describe_groups_response::{DescribeGroupsResponse, DescribedGroup};
use std::sync::Arc;

const NOT_FOUND_FROM: i16 = 6;

/// Describes each.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = request.groups.into_iter().map(|id| {
        let mut group = describe(broker, context.api_version, id);
        let is_known = group.error_code == 0;
        group.authorized_operations =
            if request.include_authorized_operations && is_known { ALL_OPERATIONS } else { NO_OPERATIONS };
        group
    });
    DescribeGroupsResponse { groups: groups.collect(), ..Default::default() }
}

fn describe(broker: &Broker, version: i16, id: String) -> DescribedGroup {
    match look(broker, &id, |coordinator, committed| describe_group(coordinator, committed, &id)) {
        Ok(Ok(group)) => group,
        Ok(Err(why)) => {
            let message = match why {
                NotDescribed::NotFound => format!("Group {id} not found."),
                NotDescribed::NotClassic => format!("Group {id} is not a classic group."),
            };
            let is_error = version >= NOT_FOUND_FROM;
            DescribedGroup {
                error_code: if is_error { ErrorCode::GroupIdNotFound.code() } else { 0 },
                error_message: is_error.then_some(message),
                group_state: "Dead".to_owned(),
                group_id: id,
                ..Default::default()
            }
        }
        Err(error) => DescribedGroup { error_code: error.code(), group_id: id, ..Default::default() },
    }
}
