//! What a server says about the versions it serves (ApiVersions, KIP-35 and KIP-511).

use crate::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use crate::wire::{EncodeError, Segments, Versions};
use crate::{Api, ApiKey, ErrorCode, frame};

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// A broker, to clients and other brokers.
    Broker,
    /// A controller.
    Controller,
}

/// The APIs that a listener serves, by key.
pub fn served(listener: Listener) -> impl Iterator<Item = (&'static Api, Versions)> {
    let on_listener = move |api: &&Api| match listener {
        Listener::Broker => api.on_broker,
        Listener::Controller => api.on_controller,
    };
    Api::all()
        .iter()
        .filter(on_listener)
        .filter_map(|api| Some((api, api.versions?)))
}

/// The entry of `api` in an ApiVersions response. Produce claims to begin at 0, though 0 to 2 are refused:
/// older librdkafka decides by it whether the broker can compress (KAFKA-18659).
pub fn entry(api: &Api, versions: Versions) -> ApiVersion {
    let min = if api.key == ApiKey::Produce { 0 } else { versions.min };
    ApiVersion {
        api_key: api.key.code(),
        min_version: min,
        max_version: versions.max,
    }
}

/// The answer, framed and in version 0, to an ApiVersions request of a version that is not served: the error, and the
/// versions of ApiVersions itself, so that the client can ask again.
pub fn unsupported_version(correlation_id: i32) -> Result<Segments, EncodeError> {
    let api = ApiKey::ApiVersions.api();
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: api.versions.map(|versions| entry(api, versions)).into_iter().collect(),
        ..ApiVersionsResponse::default()
    };
    frame::encode_response(&response, ApiKey::ApiVersions, 0, correlation_id)
}
