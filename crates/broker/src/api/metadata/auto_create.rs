//! Creating topics that a Metadata request names and that do not exist.

use super::{NO_OPERATIONS, is_internal};
use crate::Broker;
use crate::channel::OnBehalfOf;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::create_topics_response::CreateTopicsResponse;
use protocol::messages::metadata_request::MetadataRequest;
use protocol::messages::metadata_response::MetadataResponseTopic;
use protocol::wire::{Message, Reader, Request};
use tracing::warn;

/// The version in which the broker asks the controller.
const VERSION: i16 = 7;
/// The first version in which a request can forbid it.
const CHOICE_FROM: i16 = 4;

/// Answers for topics that do not exist, having asked the controller to create them where that is allowed.
pub(super) async fn try_create(
    broker: &Broker,
    context: &RequestContext,
    request: &MetadataRequest,
    absent: Vec<String>,
) -> Vec<MetadataResponseTopic> {
    if absent.is_empty() {
        return Vec::new();
    }
    let asked = context.api_version < CHOICE_FROM || request.allow_auto_topic_creation;
    let config = broker.config.load_full();
    let legal = |name: &str| is_legal(name);
    if !asked || !config.requests.auto_create_topics_enable {
        let error = |name: &str| if legal(name) { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException };
        return absent.into_iter().map(|name| { let error = error(&name); answer(name, error) }).collect();
    }
    let mut answers = Vec::new();
    let mut wanted = Vec::new();
    for name in absent {
        if !legal(&name) {
            answers.push(answer(name, ErrorCode::InvalidTopicException));
        } else if is_internal(&name) {
            answers.push(answer(name, ErrorCode::UnknownTopicOrPartition));
        } else {
            wanted.push(name);
        }
    }
    let created = create(broker, context, &wanted).await;
    for name in wanted {
        let error = created.as_ref().and_then(|created| created.topics.iter().find(|topic| topic.name == name));
        let error = error.map_or(ErrorCode::None, |topic| ErrorCode::from(topic.error_code));
        answers.push(answer(name, meanwhile(error)));
    }
    answers
}

/// What the client is told while the topic comes into being.
fn meanwhile(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::InvalidTopicException => ErrorCode::InvalidTopicException,
        ErrorCode::InvalidReplicationFactor => ErrorCode::InvalidReplicationFactor,
        _ => ErrorCode::UnknownTopicOrPartition,
    }
}

async fn create(broker: &Broker, context: &RequestContext, names: &[String]) -> Option<CreateTopicsResponse> {
    if names.is_empty() {
        return None;
    }
    let topics = names.iter().map(|name| CreatableTopic {
        name: name.clone(),
        num_partitions: -1,
        replication_factor: -1,
        ..Default::default()
    });
    let timeout_ms = i32::try_from(broker.config.load().requests.request_timeout.as_millis()).unwrap_or(i32::MAX);
    let request = CreateTopicsRequest { topics: topics.collect(), timeout_ms, validate_only: false };
    let body = request.to_bytes(VERSION).ok()?;
    let from = OnBehalfOf::client(context);
    match broker.controller.request(from, CreateTopicsRequest::KEY, VERSION, body).await {
        Ok(answer) => CreateTopicsResponse::decode(&mut Reader::new(&answer), VERSION).ok(),
        Err(error) => {
            warn!(?names, %error, "topics could not be created automatically");
            None
        }
    }
}

fn answer(name: String, error: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: error.code(),
        is_internal: is_internal(&name),
        name: Some(name),
        topic_authorized_operations: NO_OPERATIONS,
        ..Default::default()
    }
}

/// Kafka's rule for topic names.
fn is_legal(name: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    !name.is_empty() && name != "." && name != ".." && name.len() <= 249 && name.chars().all(letter)
}
