//! Client requests that the controller answers (KIP-590).

use crate::Broker;
use crate::channel::{ControllerError, OnBehalfOf};
use bytes::Bytes;
use network::api::respond_encoded;
use network::{Reply, RequestContext};
use std::time::Duration;
use tracing::warn;

/// How long an answer waits for the broker's own image.
const CATCH_UP: Duration = Duration::from_secs(5);

/// Hands a request to the active controller in the bytes it came in, and the answer to the client.
pub async fn forward(broker: &Broker, context: &RequestContext, body: Bytes) -> Reply {
    let from = OnBehalfOf::client(context);
    match broker
        .controller
        .request(from, context.api_key, context.api_version, body)
        .await
    {
        Ok(answer) => {
            catch_up(broker).await;
            respond_encoded(context, answer)
        }
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

/// Waits until this broker has applied what its node knows to be committed, so that a client that was told of a topic
/// finds it here at once. Kafka does not wait, and its clients retry; so this is bounded and never fails.
async fn catch_up(broker: &Broker) {
    let committed = broker.committed.borrow().end;
    let mut image = broker.image.clone();
    let applied = image.wait_for(|published| published.end >= committed);
    if tokio::time::timeout(CATCH_UP, applied).await.is_err() {
        warn!(%committed, "this broker lags behind the committed metadata");
    }
}
