//! AssignReplicasToDirs (key 73): a broker reports in which directories its replicas lie.
//!
//! Errors are the controller's (`controller::op::assign_replicas_to_dirs`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::assign_replicas_to_dirs::assign_replicas_to_dirs;
use network::RequestContext;
use protocol::messages::assign_replicas_to_dirs_request::AssignReplicasToDirsRequest;
use protocol::messages::assign_replicas_to_dirs_response::AssignReplicasToDirsResponse;
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: AssignReplicasToDirsRequest) -> AssignReplicasToDirsResponse {
    let decided = entrance.operate(move |state, cx| assign_replicas_to_dirs(state, cx.settings, &request)).await;
    decided.unwrap_or_else(|refused| AssignReplicasToDirsResponse { error_code: refused.code(), ..Default::default() })
}
