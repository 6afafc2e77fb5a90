//! FindCoordinator (key 10): which broker coordinates a group, a transactional id or a share partition.
//!
//! Coordinators come with the groups-and-transactions work; until then every key is answered COORDINATOR_NOT_AVAILABLE,
//! which clients retry, and an unknown key type INVALID_REQUEST. Several keys from version 4 (KIP-699).

use crate::Broker;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use std::sync::Arc;

/// The first version with several keys.
const BATCHED_FROM: i16 = 4;
/// Group, transaction and share.
const KEY_TYPES: std::ops::RangeInclusive<i8> = 0..=2;

/// Answers for each key.
pub async fn handle(
    _broker: &Arc<Broker>,
    context: &RequestContext,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let error = if KEY_TYPES.contains(&request.key_type) {
        ErrorCode::CoordinatorNotAvailable
    } else {
        ErrorCode::InvalidRequest
    };
    if context.api_version < BATCHED_FROM {
        return FindCoordinatorResponse {
            error_code: error.code(),
            error_message: Some(error.message().to_owned()),
            node_id: -1,
            port: -1,
            ..Default::default()
        };
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| Coordinator {
        key,
        node_id: -1,
        host: String::new(),
        port: -1,
        error_code: error.code(),
        error_message: Some(error.message().to_owned()),
    });
    FindCoordinatorResponse { coordinators: coordinators.collect(), ..Default::default() }
}
