//! ApiVersions (key 18): which levels of `kraft.version` a node supports that is to become a voter (KIP-853).

use super::{Asker, failure};
use client::Channel;
use metadata::feature::KRAFT_VERSION;
use protocol::ErrorCode;
use protocol::messages::api_versions_request::ApiVersionsRequest;
use raft::voters::KRaftVersionRange;
use raft::{Answer, SendFailure};

impl Asker {
    pub(super) async fn api_versions(&self, channel: &Channel) -> Result<Answer, SendFailure> {
        let request = ApiVersionsRequest {
            client_software_name: "riverrun".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        };
        let version = channel
            .version::<ApiVersionsRequest>()
            .map_err(|error| failure(&error))?;
        let sent = channel.send_within(&request, version, self.patience).await;
        let response = sent.map_err(|error| failure(&error))?;
        let mut features = response.supported_features.iter();
        let supported = features.find(|feature| feature.name == KRAFT_VERSION);
        Ok(Answer::ApiVersions {
            error: ErrorCode::from(response.error_code),
            kraft_versions: supported.map(|feature| KRaftVersionRange {
                min: feature.min_version,
                max: feature.max_version,
            }),
        })
    }
}
