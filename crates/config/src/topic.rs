//! A topic's settings: its own, or the broker's for all topics.

use crate::error::ConfigError;
use crate::key::DefaultValue;
use crate::settings::{Originals, Settings, settings};
use crate::table::TOPIC;
use crate::value::Value;

/// How a broker key's unit becomes the topic key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Same,
    Hours,
    Minutes,
}

impl Unit {
    fn convert(self, value: &Value) -> Value {
        let factor = match self {
            Self::Same => return value.clone(),
            Self::Hours => 3_600_000,
            Self::Minutes => 60_000,
        };
        match value {
            Value::Integer(number) => Value::Integer(number.saturating_mul(factor)),
            other => other.clone(),
        }
    }
}

/// The broker keys that give a topic key's default, the strongest first.
#[rustfmt::skip]
const SYNONYMS: &[(&str, &[(&str, Unit)])] = &[
    ("cleanup.policy", &[("log.cleanup.policy", Unit::Same)]),
    ("compression.gzip.level", &[("compression.gzip.level", Unit::Same)]),
    ("compression.lz4.level", &[("compression.lz4.level", Unit::Same)]),
    ("compression.type", &[("compression.type", Unit::Same)]),
    ("compression.zstd.level", &[("compression.zstd.level", Unit::Same)]),
    ("delete.retention.ms", &[("log.cleaner.delete.retention.ms", Unit::Same)]),
    ("file.delete.delay.ms", &[("log.segment.delete.delay.ms", Unit::Same)]),
    ("flush.messages", &[("log.flush.interval.messages", Unit::Same)]),
    ("flush.ms", &[("log.flush.interval.ms", Unit::Same), ("log.flush.scheduler.interval.ms", Unit::Same)]),
    ("index.interval.bytes", &[("log.index.interval.bytes", Unit::Same)]),
    ("local.retention.bytes", &[("log.local.retention.bytes", Unit::Same)]),
    ("local.retention.ms", &[("log.local.retention.ms", Unit::Same)]),
    ("max.compaction.lag.ms", &[("log.cleaner.max.compaction.lag.ms", Unit::Same)]),
    ("max.message.bytes", &[("message.max.bytes", Unit::Same)]),
    ("message.timestamp.after.max.ms", &[("log.message.timestamp.after.max.ms", Unit::Same)]),
    ("message.timestamp.before.max.ms", &[("log.message.timestamp.before.max.ms", Unit::Same)]),
    ("message.timestamp.type", &[("log.message.timestamp.type", Unit::Same)]),
    ("min.cleanable.dirty.ratio", &[("log.cleaner.min.cleanable.ratio", Unit::Same)]),
    ("min.compaction.lag.ms", &[("log.cleaner.min.compaction.lag.ms", Unit::Same)]),
    ("min.insync.replicas", &[("min.insync.replicas", Unit::Same)]),
    ("preallocate", &[("log.preallocate", Unit::Same)]),
    ("retention.bytes", &[("log.retention.bytes", Unit::Same)]),
    ("retention.ms", &[("log.retention.ms", Unit::Same), ("log.retention.minutes", Unit::Minutes), ("log.retention.hours", Unit::Hours)]),
    ("riverrun.durability", &[("riverrun.durability", Unit::Same)]),
    ("segment.bytes", &[("log.segment.bytes", Unit::Same)]),
    ("segment.index.bytes", &[("log.index.size.max.bytes", Unit::Same)]),
    ("segment.jitter.ms", &[("log.roll.jitter.ms", Unit::Same), ("log.roll.jitter.hours", Unit::Hours)]),
    ("segment.ms", &[("log.roll.ms", Unit::Same), ("log.roll.hours", Unit::Hours)]),
    ("unclean.leader.election.enable", &[("unclean.leader.election.enable", Unit::Same)]),
];

fn synonyms_with_units(topic_key: &str) -> &'static [(&'static str, Unit)] {
    let found = SYNONYMS.iter().find(|(name, _)| *name == topic_key);
    found.map_or(&[], |(_, synonyms)| synonyms)
}

/// The broker keys that give the default of the topic key `topic_key`, the strongest first.
pub fn broker_synonyms(topic_key: &str) -> impl Iterator<Item = &'static str> {
    synonyms_with_units(topic_key).iter().map(|(name, _)| *name)
}

/// What the broker gives a topic that does not set `topic_key`; `None` if no broker key does.
pub fn broker_value(topic_key: &str, broker: &Settings) -> Option<Value> {
    for (name, unit) in synonyms_with_units(topic_key) {
        match broker.get(name) {
            None | Some(Value::Null) => {}
            // A negative retention in any unit means forever (-1).
            Some(Value::Integer(number)) if *number < 0 && topic_key == "retention.ms" => {
                return Some(Value::Integer(-1));
            }
            Some(value) => return Some(unit.convert(value)),
        }
    }
    None
}

/// Every topic key's value for a topic that sets `overrides`, on a broker with the settings `broker`.
pub fn resolve(broker: &Settings, overrides: &Originals) -> Result<Settings, ConfigError> {
    Settings::resolve_over(&TOPIC, overrides, |key| {
        match (broker_value(key.name, broker), key.default) {
            (Some(value), _) => Some(value),
            (None, DefaultValue::Text(text)) => key.parse(text).ok(),
            (None, DefaultValue::Null | DefaultValue::Required) => None,
        }
    })
}

/// What happens to old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old segments are deleted by time and size.
    pub delete: bool,
    /// Of each key only the latest record is kept.
    pub compact: bool,
}

/// What an append waits for before it is acknowledged and shown to consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Stable storage.
    Flush,
    /// The operating system's memory, as in Kafka.
    Os,
}

/// How the broker compresses what producers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// As the producer did.
    Producer,
    /// Not at all.
    Uncompressed,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Whose clock stamps a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, at append.
    LogAppendTime,
}

settings! {
    /// A topic's settings, in Kafka's units: milliseconds and bytes, -1 (or the greatest number) for no limit.
    pub struct TopicSettings {
        compression_gzip_level: i32 = "compression.gzip.level",
        compression_lz4_level: i32 = "compression.lz4.level",
        compression_zstd_level: i32 = "compression.zstd.level",
        delete_retention_ms: i64 = "delete.retention.ms",
        file_delete_delay_ms: i64 = "file.delete.delay.ms",
        flush_messages: i64 = "flush.messages",
        flush_ms: i64 = "flush.ms",
        index_interval_bytes: i32 = "index.interval.bytes",
        max_compaction_lag_ms: i64 = "max.compaction.lag.ms",
        max_message_bytes: i32 = "max.message.bytes",
        message_timestamp_after_max_ms: i64 = "message.timestamp.after.max.ms",
        message_timestamp_before_max_ms: i64 = "message.timestamp.before.max.ms",
        min_cleanable_dirty_ratio: f64 = "min.cleanable.dirty.ratio",
        min_compaction_lag_ms: i64 = "min.compaction.lag.ms",
        min_insync_replicas: i32 = "min.insync.replicas",
        preallocate: bool = "preallocate",
        retention_bytes: i64 = "retention.bytes",
        retention_ms: i64 = "retention.ms",
        segment_index_bytes: i32 = "segment.index.bytes",
        segment_jitter_ms: i64 = "segment.jitter.ms",
        segment_ms: i64 = "segment.ms",
        unclean_leader_election_enable: bool = "unclean.leader.election.enable",
        follower_replication_throttled_replicas: Vec<String> = "follower.replication.throttled.replicas",
        leader_replication_throttled_replicas: Vec<String> = "leader.replication.throttled.replicas",
    }
}

/// A topic's settings as the rest of the house reads them; dereferences to the plain ones.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type`
    pub compression_type: CompressionType,
    /// `message.timestamp.type`
    pub message_timestamp_type: TimestampType,
    /// `riverrun.durability`
    pub riverrun_durability: Durability,
    /// `segment.bytes`, or `internal.segment.bytes` where a test sets it.
    pub segment_bytes: i32,
    plain: TopicSettings,
}

impl std::ops::Deref for TopicConfig {
    type Target = TopicSettings;

    fn deref(&self) -> &TopicSettings {
        &self.plain
    }
}

impl TopicConfig {
    /// The settings of a topic that sets `overrides`, on a broker with the settings `broker`.
    pub fn resolve(broker: &Settings, overrides: &Originals) -> Result<Self, ConfigError> {
        resolve(broker, overrides).map(|settings| Self::read(&settings))
    }

    /// Reads the typed settings out of a topic's values.
    pub fn read(settings: &Settings) -> Self {
        let policy: Vec<String> = settings.read("cleanup.policy");
        let has = |name: &str| policy.iter().any(|entry| entry == name);
        let internal: Option<i32> = settings.read("internal.segment.bytes");
        let timestamp: String = settings.read("message.timestamp.type");
        Self {
            cleanup_policy: CleanupPolicy {
                delete: has("delete"),
                compact: has("compact"),
            },
            compression_type: compression(&settings.read::<String>("compression.type")),
            message_timestamp_type: match timestamp.as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            riverrun_durability: match settings.read::<String>("riverrun.durability").as_str() {
                "os" => Durability::Os,
                _ => Durability::Flush,
            },
            segment_bytes: internal.unwrap_or_else(|| settings.read("segment.bytes")),
            plain: TopicSettings::read(settings),
        }
    }
}

fn compression(name: &str) -> CompressionType {
    match name {
        "uncompressed" => CompressionType::Uncompressed,
        "gzip" => CompressionType::Gzip,
        "snappy" => CompressionType::Snappy,
        "lz4" => CompressionType::Lz4,
        "zstd" => CompressionType::Zstd,
        _ => CompressionType::Producer,
    }
}
