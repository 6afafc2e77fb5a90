//! InitProducerId (key 22): an id for an idempotent producer; a new epoch for one with a transactional id (KIP-98).
//!
//! An idempotent producer that asks again with its old id gets a new one (KIP-360). A transactional one fences whoever used
//! its transactional id before. Errors: INVALID_REQUEST (an empty transactional id, or an id and epoch of which only one is
//! set), INVALID_TRANSACTION_TIMEOUT, CONCURRENT_TRANSACTIONS (a transaction is being ended), PRODUCER_FENCED
//! (INVALID_PRODUCER_EPOCH before version 4), COORDINATOR_LOAD_IN_PROGRESS (also: no producer id to be had), NOT_COORDINATOR,
//! COORDINATOR_NOT_AVAILABLE.

use super::fenced_before;
use crate::Broker;
use crate::coordinators::transactions::ask::{ask_with_producer_id, producer_id};
use base::{ProducerEpoch, ProducerId};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::init_producer_id_response::InitProducerIdResponse;
use std::sync::Arc;
use transaction_coordinator::op::init_producer_id::{InitProducerId, init_producer_id};
use transaction_coordinator::{Answer, Producer};

/// The first version whose clients know PRODUCER_FENCED.
const FENCED_FROM: i16 = 4;

/// Answers with an id from the stock, or with what the transactional id's coordinator says.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let (producer, error) = match initialize(broker, request).await {
        Ok(producer) => (producer, ErrorCode::None),
        Err(error) => (Producer::NONE, fenced_before(FENCED_FROM, context, error)),
    };
    InitProducerIdResponse {
        error_code: error.code(),
        producer_id: producer.id.0,
        producer_epoch: producer.epoch.0,
        ..Default::default()
    }
}

async fn initialize(broker: &Broker, request: InitProducerIdRequest) -> Result<Producer, ErrorCode> {
    let expected = match (request.producer_id, request.producer_epoch) {
        (-1, -1) => None,
        (-1, _) | (_, -1) => return Err(ErrorCode::InvalidRequest),
        (id, epoch) => Some(Producer { id: ProducerId(id), epoch: ProducerEpoch(epoch) }),
    };
    let Some(id) = request.transactional_id else {
        return Ok(Producer { id: producer_id(broker).await?, epoch: ProducerEpoch(0) });
    };
    // Said before anybody looks for the coordinator, as in Kafka.
    if id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    let longest = broker.config.load().transactions.transaction_max_timeout_ms;
    if !(1..=longest).contains(&request.transaction_timeout_ms) {
        return Err(ErrorCode::InvalidTransactionTimeout);
    }
    let initialize = InitProducerId { id: id.into(), timeout_ms: request.transaction_timeout_ms, expected };
    let operate = |coordinator: &mut _, state: &_, moment, fresh, token| {
        init_producer_id(coordinator, state, moment, &initialize, fresh, token)
    };
    match ask_with_producer_id(broker, &initialize.id, operate).await? {
        Answer::Initialized(producer) => Ok(producer),
        answer => {
            tracing::error!(?answer, "not an answer to InitProducerId");
            Err(ErrorCode::UnknownServerError)
        }
    }
}
