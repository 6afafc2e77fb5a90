//! ListPartitionReassignments (key 46): lists the reassignments under way.
//!
//! Errors are the controller's (`controller::op::list_partition_reassignments`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::list_partition_reassignments::list_partition_reassignments;
use network::RequestContext;
use protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use protocol::messages::list_partition_reassignments_response::ListPartitionReassignmentsResponse;
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: ListPartitionReassignmentsRequest) -> ListPartitionReassignmentsResponse {
    let decided = entrance.operate(move |state, _| list_partition_reassignments(state, &request)).await;
    decided.unwrap_or_else(|refused| ListPartitionReassignmentsResponse { error_code: refused.code(), ..Default::default() })
}
