//! Which versions the broker speaks: the first exchange on a connection (KIP-35, KIP-511).

use super::Shared;
use crate::error::ClientError;
use protocol::messages::api_versions_request::ApiVersionsRequest;
use protocol::messages::api_versions_response::ApiVersionsResponse;
use protocol::wire::Versions;
use protocol::{ApiKey, ErrorCode, Message, Request};
use rustc_hash::FxHashMap;

/// What a broker said about itself.
#[derive(Debug, Default)]
pub(super) struct BrokerVersions {
    apis: FxHashMap<i16, (i16, i16)>,
    features: FxHashMap<String, i16>,
}

impl BrokerVersions {
    /// The versions of `api`, lowest and highest.
    pub fn of(&self, api: ApiKey) -> Option<(i16, i16)> {
        self.apis.get(&api.code()).copied()
    }

    /// The finalized level of a feature.
    pub fn feature(&self, name: &str) -> Option<i16> {
        self.features.get(name).copied()
    }

    /// The highest version of `api` that both sides have; `schema` is what we can write at all.
    pub fn common(&self, api: ApiKey, schema: Versions) -> Option<i16> {
        let ours = ours(api, schema);
        let (min, max) = self.of(api)?;
        let version = max.min(ours.max);
        (version >= min && version >= ours.min).then_some(version)
    }
}

/// The versions we offer: the schema's, but none that our baseline does not call stable.
fn ours(api: ApiKey, schema: Versions) -> Versions {
    api.api().versions.unwrap_or(schema)
}

/// Asks in our highest version; a broker that lacks it answers in version 0 with the versions it has.
pub(super) async fn negotiate(channel: &Shared) -> Result<BrokerVersions, ClientError> {
    let request = ApiVersionsRequest {
        client_software_name: String::from("riverrun"),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..ApiVersionsRequest::default()
    };
    let highest = ours(ApiVersionsRequest::KEY, ApiVersionsRequest::VERSIONS).max;
    let answer = ask(channel, &request, highest).await?;
    let answer = if ErrorCode::from(answer.error_code) == ErrorCode::UnsupportedVersion {
        let theirs = answer
            .api_keys
            .iter()
            .find(|api| api.api_key == ApiKey::ApiVersions.code());
        let version = theirs.map_or(0, |theirs| theirs.max_version.clamp(0, highest));
        ask(channel, &request, version).await?
    } else {
        answer
    };
    ClientError::check(answer.error_code, None)?;
    let apis = answer
        .api_keys
        .iter()
        .map(|api| (api.api_key, (api.min_version, api.max_version)));
    let features = answer
        .finalized_features
        .iter()
        .map(|feature| (feature.name.clone(), feature.max_version_level));
    Ok(BrokerVersions {
        apis: apis.collect(),
        features: features.collect(),
    })
}

async fn ask(channel: &Shared, request: &ApiVersionsRequest, version: i16) -> Result<ApiVersionsResponse, ClientError> {
    let body = super::encode(request, version)?;
    let flexible = version >= ApiVersionsRequest::FLEXIBLE_FROM;
    let answer = channel
        .call(
            ApiVersionsRequest::KEY,
            version,
            flexible,
            body,
            channel.request_timeout,
        )
        .await?;
    let read = |version| ApiVersionsResponse::from_bytes(&answer, version);
    // The refusal of a version is in version 0, whatever was asked for.
    let refused = answer.starts_with(&ErrorCode::UnsupportedVersion.code().to_be_bytes());
    let decoded = if refused { read(0) } else { read(version) };
    decoded.map_err(|error| channel.malformed(ApiVersionsRequest::KEY, error.to_string()))
}
