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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_not_served_is_answered_in_version_0() {
        let bytes = unsupported_version(7).expect("it has no long fields").into_bytes();
        // Length 16; correlation id 7, error 35, one key: ApiVersions from 0 to 4.
        let expected = [0, 0, 0, 16, 0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4];
        assert_eq!(&bytes[..], &expected);
    }

    #[test]
    fn listeners_serve_their_own() {
        let on = |listener, key| served(listener).any(|(api, _)| api.key == key);
        assert!(on(Listener::Broker, ApiKey::Produce) && !on(Listener::Controller, ApiKey::Produce));
        assert!(!on(Listener::Broker, ApiKey::Vote) && on(Listener::Controller, ApiKey::Vote));
        assert!(on(Listener::Broker, ApiKey::CreateTopics) && on(Listener::Controller, ApiKey::CreateTopics));
        let newer_than_4_3 = ApiKey::UnregisterController;
        assert!(!on(Listener::Broker, newer_than_4_3) && !on(Listener::Controller, newer_than_4_3));
    }

    #[test]
    fn produce_claims_version_0() {
        let (api, versions) = served(Listener::Broker).next().expect("a broker serves something");
        assert_eq!(
            entry(api, versions),
            ApiVersion {
                api_key: 0,
                min_version: 0,
                max_version: 13
            }
        );
    }
}
