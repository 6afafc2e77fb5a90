//! `__consumer_offsets` comes into being when somebody first looks for a coordinator.

use super::OFFSETS_TOPIC;
use crate::Broker;
use crate::channel;
use protocol::ErrorCode;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tracing::{info, warn};

/// The version in which the broker asks the controller.
const VERSION: i16 = 7;

/// Asks the controller for the topic, unless that is under way; nobody waits for it.
pub(crate) fn create(broker: &Arc<Broker>) {
    if broker.groups.creating.swap(true, Ordering::AcqRel) {
        return;
    }
    let broker = Arc::clone(broker);
    tokio::spawn(async move {
        ask(&broker).await;
        broker.groups.creating.store(false, Ordering::Release);
    });
}

async fn ask(broker: &Broker) {
    match channel::call(broker.controller.as_ref(), VERSION, &request(broker)).await {
        Ok(response) => {
            for topic in response.topics {
                match ErrorCode::from(topic.error_code) {
                    ErrorCode::None => info!(topic = topic.name, "created"),
                    ErrorCode::TopicAlreadyExists => {}
                    error => warn!(topic = topic.name, %error, reason = topic.error_message, "cannot be created"),
                }
            }
        }
        Err(error) => warn!(topic = OFFSETS_TOPIC, %error, "cannot be created"),
    }
}

fn request(broker: &Broker) -> CreateTopicsRequest {
    let config = broker.config.load();
    let topics = &config.internal_topics;
    let entry = |name: &str, value: String| CreatableTopicConfig {
        name: name.to_owned(),
        value: Some(value),
    };
    let topic = CreatableTopic {
        name: OFFSETS_TOPIC.to_owned(),
        num_partitions: topics.offsets_topic_num_partitions,
        replication_factor: topics.offsets_topic_replication_factor,
        assignments: Vec::new(),
        configs: vec![
            entry("cleanup.policy", "compact".to_owned()),
            entry("compression.type", "producer".to_owned()),
            entry("segment.bytes", topics.offsets_topic_segment_bytes.to_string()),
        ],
    };
    CreateTopicsRequest {
        topics: vec![topic],
        timeout_ms: i32::try_from(config.requests.request_timeout.as_millis()).unwrap_or(i32::MAX),
        validate_only: false,
    }
}
