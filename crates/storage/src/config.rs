//! The settings of a topic that its logs obey.

use config::TopicConfig;
use config::topic::CompressionType;
use records::compression::{Codec, Level};
use records::{ProduceRules, TimestampType, TopicCompression};

/// What an append waits for: `riverrun.durability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Stable storage: what is not there yet is neither acknowledged nor shown to consumers.
    Flush,
    /// The operating system's memory, as in Kafka.
    Os,
}

/// The resolved topic settings that storage needs; times in milliseconds, -1 = unlimited where Kafka says so.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes` (or `internal.segment.bytes`).
    pub segment_bytes: u32,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `segment.jitter.ms`.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `riverrun.durability`.
    pub durability: Durability,
    /// `flush.messages`.
    pub flush_messages: i64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `retention.bytes`, -1 = unlimited.
    pub retention_bytes: i64,
    /// `retention.ms`, -1 = unlimited.
    pub retention_ms: i64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `compression.type` with its level.
    pub compression: TopicCompression,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `cleanup.policy` has `compact`.
    pub compact: bool,
    /// `cleanup.policy` has `delete`.
    pub delete: bool,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub min_cleanable_dirty_ratio: f64,
    /// `preallocate`.
    pub preallocate: bool,
}

impl Default for LogConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 604_800_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            durability: Durability::Flush,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            retention_bytes: -1,
            retention_ms: 604_800_000,
            file_delete_delay_ms: 60_000,
            max_message_bytes: 1_048_588,
            compression: TopicCompression::Producer,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compact: false,
            delete: true,
            delete_retention_ms: 86_400_000,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            preallocate: false,
        }
    }
}

impl From<&TopicConfig> for LogConfig {
    /// The settings of a topic as `config` resolved them; it has checked their ranges.
    fn from(topic: &TopicConfig) -> Self {
        let unsigned = |number: i32| u32::try_from(number).unwrap_or(0);
        Self {
            segment_bytes: unsigned(topic.segment_bytes),
            segment_ms: topic.segment_ms,
            segment_jitter_ms: topic.segment_jitter_ms,
            segment_index_bytes: unsigned(topic.segment_index_bytes),
            index_interval_bytes: unsigned(topic.index_interval_bytes),
            durability: match topic.riverrun_durability {
                config::topic::Durability::Flush => Durability::Flush,
                config::topic::Durability::Os => Durability::Os,
            },
            flush_messages: topic.flush_messages,
            flush_ms: topic.flush_ms,
            retention_bytes: topic.retention_bytes,
            retention_ms: topic.retention_ms,
            file_delete_delay_ms: topic.file_delete_delay_ms,
            max_message_bytes: unsigned(topic.max_message_bytes),
            compression: compression(topic),
            timestamp_type: match topic.message_timestamp_type {
                config::topic::TimestampType::CreateTime => TimestampType::CreateTime,
                config::topic::TimestampType::LogAppendTime => TimestampType::LogAppendTime,
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
        }
    }
}

fn compression(topic: &TopicConfig) -> TopicCompression {
    let leveled = |codec: Codec, level: i32| {
        let level = Level::new(codec, level).unwrap_or_else(|_| Level::default_of(codec));
        TopicCompression::Target(codec, level)
    };
    let plain = |codec: Codec| TopicCompression::Target(codec, Level::default_of(codec));
    match topic.compression_type {
        CompressionType::Producer => TopicCompression::Producer,
        CompressionType::Uncompressed => plain(Codec::None),
        CompressionType::Gzip => leveled(Codec::Gzip, topic.compression_gzip_level),
        CompressionType::Snappy => plain(Codec::Snappy),
        CompressionType::Lz4 => leveled(Codec::Lz4, topic.compression_lz4_level),
        CompressionType::Zstd => leveled(Codec::Zstd, topic.compression_zstd_level),
    }
}

impl LogConfig {
    /// How old a segment may get before the next append begins a new one. What must be compacted by a certain time must
    /// leave the active segment by then, which is never compacted.
    pub fn max_segment_ms(&self) -> i64 {
        if self.compact && self.max_compaction_lag_ms > 0 {
            self.segment_ms.min(self.max_compaction_lag_ms)
        } else {
            self.segment_ms
        }
    }

    /// What the topic asks of produced batches.
    pub fn produce_rules(&self) -> ProduceRules {
        ProduceRules {
            timestamp_type: self.timestamp_type,
            timestamp_before_max_ms: self.timestamp_before_max_ms,
            timestamp_after_max_ms: self.timestamp_after_max_ms,
            key_required: self.compact,
            compression: self.compression,
            max_batch_bytes: self.max_message_bytes,
            max_decompressed_bytes: ProduceRules::MAX_DECOMPRESSED_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Settings;

    fn resolved(overrides: &[(&str, &str)]) -> LogConfig {
        let broker = Settings::resolve(&config::table::BROKER, &required()).expect("a broker");
        let overrides = overrides
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        LogConfig::from(&TopicConfig::resolve(&broker, &overrides).expect("resolved"))
    }

    fn required() -> config::settings::Originals {
        config::settings::Originals::from_iter(
            [
                ("node.id", "1"),
                ("process.roles", "broker"),
                ("controller.listener.names", "CONTROLLER"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        )
    }

    #[test]
    fn the_defaults_are_kafkas() {
        assert_eq!(resolved(&[]), LogConfig::default());
    }

    #[test]
    fn a_topics_own_settings_arrive() {
        let config = resolved(&[
            ("cleanup.policy", "compact"),
            ("compression.type", "zstd"),
            ("compression.zstd.level", "7"),
        ]);
        assert!(config.compact && !config.delete && config.produce_rules().key_required);
        let level = Level::new(Codec::Zstd, 7).expect("a level");
        assert_eq!(
            config.produce_rules().compression,
            TopicCompression::Target(Codec::Zstd, level)
        );
    }
}
