//! BrokerRegistration (key 62): a broker joins the cluster and gets its epoch.
//!
//! Before version 3 a broker could not say which registration it shut down cleanly from, so every restart counts as
//! unclean (KIP-966). Errors are the controller's (`controller::op::broker_registration`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::broker_registration::{ShutdownDetection, broker_registration};
use network::RequestContext;
use protocol::messages::broker_registration_request::BrokerRegistrationRequest;
use protocol::messages::broker_registration_response::BrokerRegistrationResponse;
use std::sync::Arc;

/// The first version with `PreviousBrokerEpoch`.
const PREVIOUS_EPOCH_FROM: i16 = 3;

/// Registers, and answers once that is committed.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: BrokerRegistrationRequest,
) -> BrokerRegistrationResponse {
    let detection = if context.api_version >= PREVIOUS_EPOCH_FROM {
        ShutdownDetection::Supported
    } else {
        ShutdownDetection::Unsupported
    };
    let decided = entrance.operate(move |state, cx| broker_registration(state, cx, &request, detection)).await;
    decided.unwrap_or_else(|refused| BrokerRegistrationResponse { error_code: refused.code(), ..Default::default() })
}
