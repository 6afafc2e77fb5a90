//! InitProducerId (key 22): an id for an idempotent producer.
//!
//! Transactional ids come with the transaction coordinator; until then they are answered COORDINATOR_NOT_AVAILABLE.
//! An idempotent producer that asks again with its old id gets a new one (KIP-360). Quirk: an id and epoch of which only
//! one is set is INVALID_REQUEST.

use crate::Broker;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::init_producer_id_response::InitProducerIdResponse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tracing::warn;

/// Hands out an id from the stock.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let refused = |error: ErrorCode| InitProducerIdResponse {
        error_code: error.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return refused(ErrorCode::InvalidRequest);
    }
    match request.transactional_id.as_deref() {
        None => {}
        Some("") => return refused(ErrorCode::InvalidRequest),
        Some(_) => return refused(ErrorCode::CoordinatorNotAvailable),
    }
    let epoch = broker.epoch.load(Ordering::Acquire);
    match broker.producer_ids.next(broker.controller.as_ref(), broker.node, epoch).await {
        Ok(id) => InitProducerIdResponse { producer_id: id.0, producer_epoch: 0, ..Default::default() },
        Err(error) => {
            warn!(%error, "no producer id for an idempotent producer");
            refused(ErrorCode::CoordinatorLoadInProgress)
        }
    }
}
