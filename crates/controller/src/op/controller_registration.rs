//! ControllerRegistration (70): a controller says where it is and what it supports (KIP-919).
//! Errors: UNSUPPORTED_VERSION below metadata.version 3.7-IV0, INVALID_REQUEST.

use super::Outcome;
use crate::api_error::ApiError;
use crate::state::ControllerState;
use metadata::image::SecurityProtocol;
use protocol::ErrorCode;
use protocol::messages::controller_registration_request::ControllerRegistrationRequest;
use protocol::messages::controller_registration_response::ControllerRegistrationResponse;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::register_controller_record::{
    ControllerEndpoint, ControllerFeature, RegisterControllerRecord,
};

/// Registers a controller.
pub fn controller_registration(
    state: &ControllerState,
    request: &ControllerRegistrationRequest,
) -> Outcome<ControllerRegistrationResponse> {
    match registration(state, request) {
        Ok(record) => Outcome::atomic(
            vec![MetadataRecord::RegisterController(record)],
            ControllerRegistrationResponse::default(),
        ),
        Err(error) => Outcome::unchanged(ControllerRegistrationResponse {
            error_code: error.code.code(),
            error_message: error.message,
            ..Default::default()
        }),
    }
}

fn registration(
    state: &ControllerState,
    request: &ControllerRegistrationRequest,
) -> Result<RegisterControllerRecord, ApiError> {
    if !state.metadata_version().supports_controller_registration() {
        let message = "The current MetadataVersion is too old to support controller registrations.";
        return Err(ApiError::new(ErrorCode::UnsupportedVersion, message));
    }
    let mut end_points = Vec::with_capacity(request.listeners.len());
    for listener in &request.listeners {
        if SecurityProtocol::from_code(listener.security_protocol).is_none() {
            let (protocol, name) = (listener.security_protocol, &listener.name);
            let message = format!("Unknown security protocol {protocol} in listener {name}");
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
        end_points.push(ControllerEndpoint {
            name: listener.name.clone(),
            host: listener.host.clone(),
            port: listener.port,
            security_protocol: listener.security_protocol,
        });
    }
    let feature = |feature: &protocol::messages::controller_registration_request::Feature| ControllerFeature {
        name: feature.name.clone(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    };
    Ok(RegisterControllerRecord {
        controller_id: request.controller_id,
        incarnation_id: request.incarnation_id,
        zk_migration_ready: false,
        end_points,
        features: request.features.iter().map(feature).collect(),
    })
}
