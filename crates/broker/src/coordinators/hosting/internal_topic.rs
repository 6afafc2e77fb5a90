//! An internal topic comes into being when somebody first looks for a coordinator.

use super::tenant::Tenant;
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
pub(crate) fn create<T: Tenant>(broker: &Arc<Broker>) {
    if T::shards(broker).creating.swap(true, Ordering::AcqRel) {
        return;
    }
    let broker = Arc::clone(broker);
    tokio::spawn(async move {
        ask(&broker, T::internal_topic(&broker.config.load())).await;
        T::shards(&broker).creating.store(false, Ordering::Release);
    });
}

async fn ask(broker: &Broker, topic: CreatableTopic) {
    let name = topic.name.clone();
    let timeout = broker.config.load().requests.request_timeout.as_millis();
    let request = CreateTopicsRequest {
        topics: vec![topic],
        timeout_ms: i32::try_from(timeout).unwrap_or(i32::MAX),
        validate_only: false,
    };
    match channel::call(broker.controller.as_ref(), VERSION, &request).await {
        Ok(response) => {
            for topic in response.topics {
                match ErrorCode::from(topic.error_code) {
                    ErrorCode::None => info!(topic = topic.name, "created"),
                    ErrorCode::TopicAlreadyExists => {}
                    error => warn!(topic = topic.name, %error, reason = topic.error_message, "cannot be created"),
                }
            }
        }
        Err(error) => warn!(topic = name, %error, "cannot be created"),
    }
}

/// What an internal topic is asked for with.
pub(crate) fn describe(
    name: &str,
    partitions: i32,
    replication_factor: i16,
    configs: &[(&str, &str)],
) -> CreatableTopic {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    });
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor,
        assignments: Vec::new(),
        configs: configs.collect(),
    }
}
