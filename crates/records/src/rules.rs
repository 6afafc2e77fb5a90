//! What a topic asks of the batches that producers send.

use crate::attributes::TimestampType;
use crate::compression::{Codec, Level};

/// `compression.type` of the topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopicCompression {
    /// `producer`: bytes stay as they came.
    #[default]
    Producer,
    /// Anything else: batches of another codec are recompressed to this one.
    Target(Codec, Level),
}

/// The topic's settings that decide whether a produced batch is accepted, and in which form it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceRules {
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// Whether `cleanup.policy` has `compact`: then every record needs a key.
    pub key_required: bool,
    /// `compression.type` and its level.
    pub compression: TopicCompression,
    /// `max.message.bytes`: the largest batch, before and after recompression.
    pub max_batch_bytes: u32,
    /// The most a compressed block may grow to while it is checked; Kafka has no such limit.
    pub max_decompressed_bytes: usize,
}

impl ProduceRules {
    /// Default of [`ProduceRules::max_decompressed_bytes`]: 128 times the default `max.message.bytes`.
    pub const MAX_DECOMPRESSED_BYTES: usize = 128 * 1024 * 1024;
}

impl Default for ProduceRules {
    fn default() -> Self {
        Self {
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            key_required: false,
            compression: TopicCompression::Producer,
            max_batch_bytes: 1_048_588,
            max_decompressed_bytes: Self::MAX_DECOMPRESSED_BYTES,
        }
    }
}
