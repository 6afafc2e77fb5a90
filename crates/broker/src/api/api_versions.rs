//! ApiVersions (key 18): what this broker serves, and which features the cluster has finalized.
//!
//! A version that is not served is answered in version 0 with UNSUPPORTED_VERSION, so that the client can ask again
//! (KIP-511). An illegal client software name is INVALID_REQUEST. Feature ranges that begin at 0 are hidden below
//! version 4 (KAFKA-17492).

use crate::applied::applied_end;
use crate::{Broker, api};
use bytes::Bytes;
use metadata::feature;
use network::api::{decode, respond};
use network::{Reply, RequestContext};
use protocol::api_versions::{entry, unsupported_version};
use protocol::messages::api_versions_request::ApiVersionsRequest;
use protocol::messages::api_versions_response::{ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey};
use protocol::wire::Versions;
use protocol::ErrorCode;
use std::sync::Arc;

/// The first version that may show feature ranges beginning at 0.
const ZERO_RANGES_FROM: i16 = 4;
/// The first version that names the client's software.
const SOFTWARE_FROM: i16 = 3;

/// Answers at any version.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    let served = api::APIS.iter().find(|range| range.api_key == context.api_key);
    if served.is_none_or(|range| !(range.min..=range.max).contains(&context.api_version)) {
        return match unsupported_version(context.correlation_id) {
            Ok(segments) => Reply::Answer(segments),
            Err(_) => Reply::Close("the version list cannot be encoded"),
        };
    }
    match decode::<ApiVersionsRequest>(context, &body) {
        Ok(request) => respond(context, &answer(broker, context, request)),
        Err(reply) => reply,
    }
}

fn answer(broker: &Broker, context: &RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse {
    if context.api_version >= SOFTWARE_FROM {
        let (name, version) = (request.client_software_name, request.client_software_version);
        if !is_legal(&name) || !is_legal(&version) {
            return ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() };
        }
        context.connection.client_software.tell(&name, &version);
    }
    let published = broker.image.borrow().clone();
    let supported = feature::FEATURES.iter().filter(|feature| context.api_version >= ZERO_RANGES_FROM || feature.min > 0);
    let supported = supported.map(|feature| SupportedFeatureKey {
        name: feature.name.to_owned(),
        min_version: feature.min,
        max_version: feature.max,
    });
    let mut levels = published.image.features.all();
    if published.kraft_version > 0 {
        levels.insert(feature::KRAFT_VERSION.to_owned(), published.kraft_version);
    }
    let finalized = levels.into_iter().map(|(name, level)| FinalizedFeatureKey {
        name,
        max_version_level: level,
        min_version_level: level,
    });
    ApiVersionsResponse {
        api_keys: api::APIS.iter().map(|range| entry(range.api_key.api(), Versions::new(range.min, range.max))).collect(),
        supported_features: supported.collect(),
        finalized_features_epoch: applied_end(broker).0 - 1,
        finalized_features: finalized.collect(),
        ..Default::default()
    }
}

/// Letters, digits, `-` and `.`, beginning and ending with a letter or digit.
fn is_legal(text: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    let edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().next_back())
}
