//! AllocateProducerIds (key 67): a broker reserves a block of producer ids.
//!
//! Errors are the controller's (`controller::op::allocate_producer_ids`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use controller::op::allocate_producer_ids::allocate_producer_ids;
use network::RequestContext;
use protocol::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use protocol::messages::allocate_producer_ids_response::AllocateProducerIdsResponse;
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: AllocateProducerIdsRequest) -> AllocateProducerIdsResponse {
    let decided = entrance.operate(move |state, _| allocate_producer_ids(state, &request)).await;
    decided.unwrap_or_else(|refused| AllocateProducerIdsResponse { error_code: refused.code(), ..Default::default() })
}
