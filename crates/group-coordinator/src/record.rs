//! The records of `__consumer_offsets` that this coordinator knows, in Kafka's encoding.

mod consumer;

use base::ProducerId;
use bytes::Bytes;
use protocol::internal::group_metadata_key::GroupMetadataKey;
use protocol::internal::group_metadata_value::GroupMetadataValue;
use protocol::internal::legacy_offset_commit_key::LegacyOffsetCommitKey;
use protocol::internal::offset_commit_key::OffsetCommitKey;
use protocol::internal::offset_commit_value::OffsetCommitValue;
use protocol::versioned;
use protocol::wire::{DecodeError, EncodeError};
use std::sync::Arc;

pub use consumer::ConsumerRecord;

/// The versions in which Kafka 4.3 writes values; one that still has an expiry of its own (OffsetCommit 2 to 4) is kept
/// in the only version that has the field.
const OFFSET_VERSION: i16 = 4;
const OFFSET_VERSION_WITH_EXPIRY: i16 = 1;
const GROUP_VERSION: i16 = 3;
const NO_EXPIRY: i64 = -1;

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRecord {
    /// A committed offset, or the end of one.
    Offset {
        /// The group.
        group: Arc<str>,
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// `None` is the tombstone.
        value: Option<OffsetCommitValue>,
        /// The producer whose transaction it belongs to; none for a plain commit.
        producer: ProducerId,
    },
    /// A classic group's generation, or the end of the group.
    Group {
        /// The group.
        group: Arc<str>,
        /// `None` is the tombstone.
        value: Option<Arc<GroupMetadataValue>>,
    },
    /// A record of a consumer group.
    Consumer {
        /// The group.
        group: Arc<str>,
        /// The record.
        record: ConsumerRecord,
    },
    /// A transaction's marker: what it committed becomes visible, or vanishes.
    TransactionEnd {
        /// The producer.
        producer: ProducerId,
        /// How it ended.
        end: TransactionEnd,
    },
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Its offsets count.
    Committed,
    /// Its offsets never were.
    Aborted,
}

impl GroupRecord {
    /// The tombstone of an offset.
    pub fn no_offset(group: &Arc<str>, topic: &Arc<str>, partition: i32) -> Self {
        Self::Offset {
            group: Arc::clone(group),
            topic: Arc::clone(topic),
            partition,
            value: None,
            producer: ProducerId::NONE,
        }
    }

    /// Key and value as they stand in the log.
    ///
    /// # Errors
    /// If a name or the metadata is longer than the format allows, or for a marker, which is not a data record.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        match self {
            Self::Offset {
                group,
                topic,
                partition,
                value,
                ..
            } => {
                let key = OffsetCommitKey {
                    group: group.to_string(),
                    topic: topic.to_string(),
                    partition: *partition,
                };
                let key = versioned::encode_key(OffsetCommitKey::RECORD_TYPE, &key)?;
                Ok((key, value.as_ref().map(encode_offset).transpose()?))
            }
            Self::Group { group, value } => {
                let key = GroupMetadataKey {
                    group: group.to_string(),
                };
                let key = versioned::encode_key(GroupMetadataKey::RECORD_TYPE, &key)?;
                let value = value
                    .as_ref()
                    .map(|value| versioned::encode(value.as_ref(), GROUP_VERSION));
                Ok((key, value.transpose()?))
            }
            Self::Consumer { group, record } => record.encode(group),
            Self::TransactionEnd { .. } => unreachable!("markers are written by the transaction coordinator"),
        }
    }

    /// Reads a record of a batch by `producer` (none unless the batch is transactional). `None`: a type of record that
    /// this coordinator does not know, which is skipped as Kafka does.
    ///
    /// # Errors
    /// If a known record cannot be read.
    pub fn decode(key: &Bytes, value: Option<&Bytes>, producer: ProducerId) -> Result<Option<Self>, DecodeError> {
        match versioned::head(key)? {
            // Type 0 is type 1 of old: the same fields.
            LegacyOffsetCommitKey::RECORD_TYPE | OffsetCommitKey::RECORD_TYPE => {
                let key: OffsetCommitKey = versioned::decode_key(key)?;
                let value = value.map(versioned::decode).transpose()?;
                Ok(Some(Self::Offset {
                    group: key.group.into(),
                    topic: key.topic.into(),
                    partition: key.partition,
                    value: value.map(|(value, _)| value),
                    producer,
                }))
            }
            GroupMetadataKey::RECORD_TYPE => {
                let key: GroupMetadataKey = versioned::decode_key(key)?;
                let value = value.map(versioned::decode::<GroupMetadataValue>).transpose()?;
                Ok(Some(Self::Group {
                    group: key.group.into(),
                    value: value.map(|(value, _)| Arc::new(value)),
                }))
            }
            other => {
                let decoded = ConsumerRecord::decode(other, key, value)?;
                Ok(decoded.map(|(group, record)| Self::Consumer { group, record }))
            }
        }
    }
}

fn encode_offset(value: &OffsetCommitValue) -> Result<Bytes, EncodeError> {
    if value.expire_timestamp == NO_EXPIRY {
        return versioned::encode(value, OFFSET_VERSION);
    }
    versioned::encode(value, OFFSET_VERSION_WITH_EXPIRY)
}

#[cfg(test)]
mod tests;
