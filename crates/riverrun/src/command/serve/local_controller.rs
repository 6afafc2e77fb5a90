//! The controller of this process, as the broker's way to it.

use broker::channel::{Answer, ControllerChannel, ControllerError, OnBehalfOf};
use bytes::Bytes;
use protocol::ApiKey;
use quorum::{Caller, ControllerHandle, RequestError};

/// Hands requests to the controller in this process.
#[derive(Debug)]
pub(super) struct LocalController(pub(super) ControllerHandle);

impl ControllerChannel for LocalController {
    fn request(&self, from: OnBehalfOf, api_key: ApiKey, api_version: i16, body: Bytes) -> Answer<'_> {
        let caller = Caller {
            principal: from.principal,
            client_id: from.client_id,
            address: from.address,
        };
        Box::pin(async move {
            self.0
                .request(caller, api_key, api_version, body)
                .await
                .map_err(|error| match error {
                    RequestError::Stopped => ControllerError::Unavailable,
                    refused => ControllerError::Refused(refused.to_string()),
                })
        })
    }
}
