//! A topic's settings as its logs need them.

use crate::replication::{self, Throttled};
use base::NodeId;
use config::{BrokerConfig, TopicConfig};
use metadata::MetadataImage;
use std::sync::Arc;
use storage::LogConfig;

/// What a partition goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionSettings {
    /// The log's part, shared by the topic's partitions.
    pub log: Arc<LogConfig>,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
    /// `leader.replication.throttled.replicas`
    throttled_leaders: Vec<String>,
    /// `follower.replication.throttled.replicas`
    throttled_followers: Vec<String>,
}

impl PartitionSettings {
    /// Whether a partition's replica on `node` is throttled (KIP-73).
    pub fn throttled(&self, partition: i32, node: NodeId) -> Throttled {
        Throttled {
            as_leader: replication::names(&self.throttled_leaders, partition, node.0),
            as_follower: replication::names(&self.throttled_followers, partition, node.0),
        }
    }
}

/// The settings of a topic: its own overrides in the image over the broker's.
pub fn of_topic(config: &BrokerConfig, image: &MetadataImage, topic: &str) -> PartitionSettings {
    let overrides = image.configs.topic(topic).map(|overrides| overrides.iter());
    let overrides = overrides
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    match config.topic(&overrides) {
        Ok(settings) => resolve(&settings),
        Err(error) => {
            // The controller validated them; another version's controller may have let something else through.
            tracing::warn!(topic, %error, "the topic's settings cannot be read; the broker's are used");
            resolve(&config.topic_defaults)
        }
    }
}

fn resolve(topic: &TopicConfig) -> PartitionSettings {
    let min_insync_replicas = usize::try_from(topic.min_insync_replicas).unwrap_or(1);
    PartitionSettings {
        log: Arc::new(LogConfig::from(topic)),
        min_insync_replicas,
        throttled_leaders: topic.leader_replication_throttled_replicas.clone(),
        throttled_followers: topic.follower_replication_throttled_replicas.clone(),
    }
}
