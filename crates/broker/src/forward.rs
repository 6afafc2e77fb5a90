//! Client requests that the controller answers (KIP-590).

use crate::Broker;
use crate::channel::{ControllerError, OnBehalfOf};
use bytes::Bytes;
use network::api::respond_encoded;
use network::{Reply, RequestContext};
use tracing::warn;

/// Hands a request to the active controller in the bytes it came in, and the answer to the client.
pub async fn forward(broker: &Broker, context: &RequestContext, body: Bytes) -> Reply {
    let from = OnBehalfOf::client(context);
    match broker
        .controller
        .request(from, context.api_key, context.api_version, body)
        .await
    {
        Ok(answer) => respond_encoded(context, answer),
        Err(error) => {
            warn!(api = ?context.api_key, version = context.api_version, %error, "a request could not be forwarded");
            Reply::Close(match error {
                ControllerError::Unavailable => "the controller cannot be reached",
                ControllerError::Refused(_) | ControllerError::Encode(_) | ControllerError::Decode(_) => {
                    "the controller could not read the request"
                }
            })
        }
    }
}
