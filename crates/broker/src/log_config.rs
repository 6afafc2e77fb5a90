//! A topic's settings as its logs need them.

use base::NodeId;
use config::topic::{CompressionType, TimestampType as Timestamps};
use config::{BrokerConfig, TopicConfig};
use metadata::MetadataImage;
use records::compression::{Codec, Level};
use records::{TimestampType, TopicCompression};
use storage::LogConfig;

/// What a partition goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionSettings {
    /// The log's part.
    pub log: LogConfig,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
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
    let log = LogConfig {
        segment_bytes: natural(topic.segment_bytes),
        segment_ms: topic.segment_ms,
        segment_jitter_ms: topic.segment_jitter_ms,
        segment_index_bytes: natural(topic.segment_index_bytes),
        index_interval_bytes: natural(topic.index_interval_bytes),
        flush_messages: topic.flush_messages,
        flush_ms: topic.flush_ms,
        retention_bytes: topic.retention_bytes,
        retention_ms: topic.retention_ms,
        file_delete_delay_ms: topic.file_delete_delay_ms,
        max_message_bytes: natural(topic.max_message_bytes),
        compression: compression(topic),
        timestamp_type: match topic.message_timestamp_type {
            Timestamps::CreateTime => TimestampType::CreateTime,
            Timestamps::LogAppendTime => TimestampType::LogAppendTime,
        },
        timestamp_before_max_ms: topic.message_timestamp_before_max_ms,
        timestamp_after_max_ms: topic.message_timestamp_after_max_ms,
        compact: topic.cleanup_policy.compact,
        delete: topic.cleanup_policy.delete,
        delete_retention_ms: topic.delete_retention_ms,
        min_compaction_lag_ms: topic.min_compaction_lag_ms,
        max_compaction_lag_ms: topic.max_compaction_lag_ms,
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        preallocate: topic.preallocate,
    };
    let min_insync_replicas = usize::try_from(topic.min_insync_replicas).unwrap_or(1);
    PartitionSettings {
        log,
        min_insync_replicas,
    }
}

fn compression(topic: &TopicConfig) -> TopicCompression {
    let level =
        |codec, level| TopicCompression::Target(codec, Level::new(codec, level).unwrap_or(Level::default_of(codec)));
    match topic.compression_type {
        CompressionType::Producer => TopicCompression::Producer,
        CompressionType::Uncompressed => TopicCompression::Target(Codec::None, Level::default_of(Codec::None)),
        CompressionType::Snappy => TopicCompression::Target(Codec::Snappy, Level::default_of(Codec::Snappy)),
        CompressionType::Gzip => level(Codec::Gzip, topic.compression_gzip_level),
        CompressionType::Lz4 => level(Codec::Lz4, topic.compression_lz4_level),
        CompressionType::Zstd => level(Codec::Zstd, topic.compression_zstd_level),
    }
}

fn natural(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// The dynamic configs that concern one broker, from the image.
pub fn dynamic(image: &MetadataImage, node: NodeId) -> config::broker::DynamicConfigs {
    let collect = |found: Option<&std::sync::Arc<metadata::image::ConfigurationImage>>| {
        let entries = found.map(|entries| entries.iter());
        entries
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    config::broker::DynamicConfigs {
        broker: collect(image.configs.broker(node)),
        cluster: collect(image.configs.all_brokers()),
    }
}
