//! UnregisterBroker (key 64): drops a broker's registration.
//!
//! Errors are the controller's (`controller::op::unregister_broker`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::unregister_broker::unregister_broker;
use network::RequestContext;
use protocol::messages::unregister_broker_request::UnregisterBrokerRequest;
use protocol::messages::unregister_broker_response::UnregisterBrokerResponse;
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: UnregisterBrokerRequest) -> UnregisterBrokerResponse {
    let decided = entrance.operate(move |state, cx| unregister_broker(state, cx, &request)).await;
    decided.unwrap_or_else(|refused| UnregisterBrokerResponse { error_code: refused.code(), ..Default::default() })
}
