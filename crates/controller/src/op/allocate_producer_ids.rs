//! AllocateProducerIds (67): hands a broker the next block of producer ids (KIP-730).
//! Errors: STALE_BROKER_EPOCH, UNKNOWN_SERVER_ERROR once all ids are used up.

use super::{Outcome, check_broker_epoch};
use crate::state::ControllerState;
use protocol::ErrorCode;
use protocol::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use protocol::messages::allocate_producer_ids_response::AllocateProducerIdsResponse;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::producer_ids_record::ProducerIdsRecord;

/// How many ids a block has.
const BLOCK_SIZE: i32 = 1000;

/// Allocates the next block.
pub fn allocate_producer_ids(
    state: &ControllerState,
    request: &AllocateProducerIdsRequest,
) -> Outcome<AllocateProducerIdsResponse> {
    let refused = |error: ErrorCode| {
        Outcome::unchanged(AllocateProducerIdsResponse {
            error_code: error.code(),
            ..Default::default()
        })
    };
    if let Err(error) = check_broker_epoch(state, request.broker_id, request.broker_epoch) {
        return refused(error.code);
    }
    let start = state.image().producer_ids.next_producer_id.0.max(0);
    let Some(next_producer_id) = start.checked_add(i64::from(BLOCK_SIZE)) else {
        return refused(ErrorCode::UnknownServerError);
    };
    let record = ProducerIdsRecord {
        broker_id: request.broker_id,
        broker_epoch: request.broker_epoch,
        next_producer_id,
    };
    let response = AllocateProducerIdsResponse {
        producer_id_start: start,
        producer_id_len: BLOCK_SIZE,
        ..Default::default()
    };
    Outcome::atomic(vec![MetadataRecord::ProducerIds(record)], response)
}
