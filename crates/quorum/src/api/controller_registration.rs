//! ControllerRegistration (key 70): a controller announces its listeners and features.
//!
//! Errors are the controller's (`controller::op::controller_registration`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::controller_registration::controller_registration;
use network::RequestContext;
use protocol::messages::controller_registration_request::ControllerRegistrationRequest;
use protocol::messages::controller_registration_response::ControllerRegistrationResponse;
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: ControllerRegistrationRequest) -> ControllerRegistrationResponse {
    let decided = entrance.operate(move |state, _| controller_registration(state, &request)).await;
    decided.unwrap_or_else(|refused| ControllerRegistrationResponse { error_code: refused.code(), ..Default::default() })
}
