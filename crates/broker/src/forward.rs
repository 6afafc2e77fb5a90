//! Client requests that the controller answers (KIP-590).

use crate::Broker;
use crate::channel::{ControllerError, OnBehalfOf};
use bytes::Bytes;
use network::api::respond_encoded;
use network::{Reply, RequestContext};
use protocol::ApiKey;
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
            hold_back(context, &answer);
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

/// A client that the controller tells to wait (KIP-599) is held back by the broker that it talks to (KIP-219).
fn hold_back(context: &RequestContext, answer: &Bytes) {
    if let Some(time) = throttle_time(context.api_key, answer) {
        context.connection.throttle.hold(time);
    }
}

/// What an answer says first, where it says that.
fn throttle_time(api_key: ApiKey, answer: &Bytes) -> Option<Duration> {
    let is_counted = matches!(
        api_key,
        ApiKey::CreateTopics | ApiKey::DeleteTopics | ApiKey::CreatePartitions
    );
    let first = answer.first_chunk::<4>().filter(|_| is_counted)?;
    let millis = u64::try_from(i32::from_be_bytes(*first)).ok()?;
    Some(Duration::from_millis(millis))
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

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::messages::create_partitions_response::CreatePartitionsResponse;
    use protocol::messages::create_topics_response::CreateTopicsResponse;
    use protocol::messages::delete_topics_response::DeleteTopicsResponse;
    use protocol::messages::describe_quorum_response::DescribeQuorumResponse;

    #[test]
    fn what_the_controller_tells_a_client_to_wait_is_found_in_every_version() {
        let wait = Some(Duration::from_millis(7));
        for range in crate::api::APIS {
            for version in range.min..=range.max {
                let throttle_time_ms = 7;
                let answer = match range.api_key {
                    ApiKey::CreateTopics => CreateTopicsResponse {
                        throttle_time_ms,
                        ..Default::default()
                    }
                    .to_bytes(version),
                    ApiKey::DeleteTopics => DeleteTopicsResponse {
                        throttle_time_ms,
                        ..Default::default()
                    }
                    .to_bytes(version),
                    ApiKey::CreatePartitions => CreatePartitionsResponse {
                        throttle_time_ms,
                        ..Default::default()
                    }
                    .to_bytes(version),
                    _ => continue,
                };
                assert_eq!(
                    throttle_time(range.api_key, &answer.unwrap()),
                    wait,
                    "{:?} {version}",
                    range.api_key
                );
            }
        }
        let other = DescribeQuorumResponse::default().to_bytes(1).unwrap();
        assert_eq!(throttle_time(ApiKey::DescribeQuorum, &other), None);
        assert_eq!(throttle_time(ApiKey::CreateTopics, &Bytes::from_static(&[0, 0])), None);
    }
}
