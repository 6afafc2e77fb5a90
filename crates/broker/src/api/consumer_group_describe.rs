//! ConsumerGroupDescribe (key 69): a consumer group with its members, what they have and what they are to have (KIP-848).
//!
//! Errors, per group: UNSUPPORTED_VERSION (as for ConsumerGroupHeartbeat), INVALID_GROUP_ID, GROUP_ID_NOT_FOUND (also a
//! group of the classic protocol), COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR. From version 1 members have a type: those
//! of the classic protocol may be in a consumer group (KIP-1099).

use crate::Broker;
use crate::coordinators::ask::look;
use crate::coordinators::groups::{ALL_OPERATIONS, NO_OPERATIONS, serves_consumer_groups};
use group_coordinator::op::consumer_group_describe::consumer_group_describe;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use protocol::messages::consumer_group_describe_response::{ConsumerGroupDescribeResponse, DescribedGroup};
use std::sync::Arc;

/// Describes each.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let serves = serves_consumer_groups(broker);
    let groups = request.group_ids.into_iter().map(|id| {
        let mut group = if serves { describe(broker, id) } else { failed(id, ErrorCode::UnsupportedVersion, None) };
        let is_known = group.error_code == 0;
        group.authorized_operations =
            if request.include_authorized_operations && is_known { ALL_OPERATIONS } else { NO_OPERATIONS };
        group
    });
    ConsumerGroupDescribeResponse { groups: groups.collect(), ..Default::default() }
}

fn describe(broker: &Broker, id: String) -> DescribedGroup {
    if id.is_empty() {
        return failed(id, ErrorCode::InvalidGroupId, None);
    }
    match look(broker, &id, |coordinator, committed| consumer_group_describe(coordinator, committed, &id)) {
        Ok(Ok(group)) => group,
        Ok(Err(refusal)) => failed(id, refusal.code, Some(refusal.message)),
        Err(error) => failed(id, error, None),
    }
}

fn failed(group_id: String, error: ErrorCode, error_message: Option<String>) -> DescribedGroup {
    DescribedGroup { error_code: error.code(), error_message, group_id, ..Default::default() }
}
