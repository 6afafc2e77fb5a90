//! AlterPartitionReassignments (key 45): starts and cancels reassignments.
//!
//! Errors are the controller's (`controller::op::alter_partition_reassignments`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::alter_partition_reassignments::alter_partition_reassignments;
use network::RequestContext;
use protocol::messages::alter_partition_reassignments_request::AlterPartitionReassignmentsRequest;
use protocol::messages::alter_partition_reassignments_response::AlterPartitionReassignmentsResponse;
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: AlterPartitionReassignmentsRequest) -> AlterPartitionReassignmentsResponse {
    let decided = entrance.operate(move |state, cx| alter_partition_reassignments(state, cx.settings, &request)).await;
    decided.unwrap_or_else(|refused| AlterPartitionReassignmentsResponse { error_code: refused.code(), ..Default::default() })
}
