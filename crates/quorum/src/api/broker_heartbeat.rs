//! BrokerHeartbeat (key 63): a broker is alive, wants to be unfenced, or wants to go.
//!
//! Errors are the controller's (`controller::op::broker_heartbeat`), and NOT_CONTROLLER.

use crate::broker_watch;
use crate::handle::Entrance;
use base::NodeId;
use controller::op::broker_heartbeat::broker_heartbeat;
use network::RequestContext;
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use std::sync::Arc;

/// Takes note, and answers what the broker may do.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: BrokerHeartbeatRequest,
) -> BrokerHeartbeatResponse {
    broker_watch::heartbeat(entrance, context, NodeId(request.broker_id));
    let heartbeats = Arc::clone(&entrance.quorum.heartbeats);
    let decided = entrance
        .operate(move |state, cx| {
            let outcome = broker_heartbeat(state, cx, &request);
            if outcome.response.error_code == 0 {
                heartbeats.note(NodeId(request.broker_id), cx.now);
            }
            outcome
        })
        .await;
    decided.unwrap_or_else(|refused| BrokerHeartbeatResponse { error_code: refused.code(), ..Default::default() })
}
