//! Client requests that the controller answers (KIP-590).

use crate::Broker;
use crate::channel::{ControllerError, OnBehalfOf};
use bytes::Bytes;
use network::api::respond_encoded;
use network::{Reply, RequestContext};
use protocol::wire::{Message, Reader, Request};
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

/// Has the controller answer a request that was taken apart here, on behalf of the client that sent it.
///
/// # Errors
/// The reply that closes the client's connection.
pub async fn ask<R: Request>(broker: &Broker, context: &RequestContext, request: &R) -> Result<R::Response, Reply> {
    let failed = |error: &dyn std::fmt::Display| {
        warn!(api = ?context.api_key, version = context.api_version, %error, "a request could not be forwarded");
        Reply::Close("the controller cannot be reached")
    };
    let version = context.api_version;
    let body = request.to_bytes(version).map_err(|error| failed(&error))?;
    let asked = broker
        .controller
        .request(OnBehalfOf::client(context), R::KEY, version, body);
    let answer = asked.await.map_err(|error| failed(&error))?;
    catch_up(broker).await;
    R::Response::decode(&mut Reader::new(&answer), version).map_err(|error| failed(&error))
}

/// Waits until this broker has applied what its node knows to be committed, so that a client that was told of a topic
/// finds it here at once. Kafka does not wait, and its clients retry; so this is bounded and never fails.
async fn catch_up(broker: &Broker) {
    let committed = broker.committed.borrow().clone();
    let mut image = broker.image.clone();
    let applied = image.wait_for(|applied| applied.covers(&committed));
    if tokio::time::timeout(CATCH_UP, applied).await.is_err() {
        warn!(committed = %committed.end, "this broker lags behind the committed metadata");
    }
}
