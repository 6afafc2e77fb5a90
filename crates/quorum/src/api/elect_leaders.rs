//! ElectLeaders (key 43): elects preferred leaders, or unclean ones.
//!
//! Errors are the controller's (`controller::op::elect_leaders`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::elect_leaders::elect_leaders;
use network::RequestContext;
use protocol::messages::elect_leaders_request::ElectLeadersRequest;
use protocol::messages::elect_leaders_response::ElectLeadersResponse;
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: ElectLeadersRequest) -> ElectLeadersResponse {
    let decided = entrance.operate(move |state, cx| elect_leaders(state, cx.settings, &request)).await;
    decided.unwrap_or_else(|refused| ElectLeadersResponse { error_code: refused.code(), ..Default::default() })
}
