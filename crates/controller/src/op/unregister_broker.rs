//! UnregisterBroker (64): forgets a broker that will not come back. Its replicas stay assigned to its id.
//! Errors: BROKER_ID_NOT_REGISTERED.

use super::{Outcome, check_size};
use crate::api_error::ApiError;
use crate::context::OpContext;
use crate::partition::{BrokerEvent, update_partitions};
use crate::state::ControllerState;
use base::NodeId;
use protocol::ErrorCode;
use protocol::messages::unregister_broker_request::UnregisterBrokerRequest;
use protocol::messages::unregister_broker_response::UnregisterBrokerResponse;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::unregister_broker_record::UnregisterBrokerRecord;

/// Unregisters a broker.
pub fn unregister_broker(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    request: &UnregisterBrokerRequest,
) -> Outcome<UnregisterBrokerResponse> {
    let broker = NodeId(request.broker_id);
    let refused = |error: ApiError| {
        let (error_code, error_message) = (error.code.code(), error.message);
        Outcome::unchanged(UnregisterBrokerResponse {
            error_code,
            error_message,
            ..Default::default()
        })
    };
    let Some(registration) = state.broker(broker) else {
        let message = format!("Broker ID {broker} is not currently registered");
        return refused(ApiError::new(ErrorCode::BrokerIdNotRegistered, message));
    };
    let mut records = update_partitions(state, cx.settings, BrokerEvent::Leaves(broker), |partition| {
        partition.isr.contains(&broker) || partition.elr.contains(&broker)
    });
    let record = UnregisterBrokerRecord {
        broker_id: broker.0,
        broker_epoch: registration.epoch.0,
    };
    records.push(MetadataRecord::UnregisterBroker(record));
    if let Err(error) = check_size(&records) {
        return refused(error);
    }
    cx.sessions.unregister(broker);
    Outcome::splittable(records, UnregisterBrokerResponse::default())
}
