//! AlterPartition (key 56): a leader asks for a change of its in-sync replicas.
//!
//! Errors are the controller's (`controller::op::alter_partition`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::alter_partition::alter_partition;
use network::RequestContext;
use protocol::messages::alter_partition_request::AlterPartitionRequest;
use protocol::messages::alter_partition_response::AlterPartitionResponse;
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: AlterPartitionRequest) -> AlterPartitionResponse {
    let decided = entrance.operate(move |state, cx| alter_partition(state, cx.settings, &request)).await;
    decided.unwrap_or_else(|refused| AlterPartitionResponse { error_code: refused.code(), ..Default::default() })
}
