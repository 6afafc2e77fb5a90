//! How a consumer reads, under the names of Kafka's consumer properties.

use crate::admin::{IsolationLevel, OffsetSpec};
use crate::settings::{Applied, SettingError, millis, number};
use std::time::Duration;

/// What to do where there is no position, or one that the partition does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// Begin at the first record.
    Earliest,
    /// Begin at the end.
    Latest,
    /// Fail.
    None,
}

impl OffsetReset {
    pub(super) fn spec(self) -> Option<OffsetSpec> {
        match self {
            Self::Earliest => Some(OffsetSpec::Earliest),
            Self::Latest => Some(OffsetSpec::Latest),
            Self::None => None,
        }
    }
}

/// How a consumer reads. The defaults are those of Kafka's consumer.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// `isolation.level`.
    pub isolation: IsolationLevel,
    /// `auto.offset.reset`.
    pub reset: OffsetReset,
    /// `fetch.min.bytes`: what a broker waits for.
    pub min_bytes: i32,
    /// `fetch.max.wait.ms`: how long it waits.
    pub max_wait: Duration,
    /// `fetch.max.bytes`: what it answers at most, but for one batch.
    pub max_bytes: i32,
    /// `max.partition.fetch.bytes`: the same for one partition.
    pub partition_max_bytes: i32,
    /// `check.crcs`: whether batches are checked against their checksums.
    pub checksums: Checksums,
    /// `client.rack`.
    pub rack: String,
    /// The largest batch after decompression, in bytes.
    pub max_batch: usize,
}

/// Whether batches are checked against their checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// They are.
    Check,
    /// They are believed.
    Believe,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self {
            isolation: IsolationLevel::ReadUncommitted,
            reset: OffsetReset::Latest,
            min_bytes: 1,
            max_wait: Duration::from_millis(500),
            max_bytes: 50 << 20,
            partition_max_bytes: 1 << 20,
            checksums: Checksums::Check,
            rack: String::new(),
            max_batch: 256 << 20,
        }
    }
}

impl ConsumerSettings {
    /// Applies one of Kafka's consumer properties.
    pub fn apply(&mut self, key: &str, value: &str) -> Result<Applied, SettingError> {
        let bytes = || number(key, value, 0).map(|bytes| i32::try_from(bytes).unwrap_or(i32::MAX));
        let wrong = |reason: &str| SettingError::Value {
            key: key.to_owned(),
            value: value.to_owned(),
            reason: reason.to_owned(),
        };
        match key {
            "isolation.level" => {
                self.isolation = match value {
                    "read_committed" => IsolationLevel::ReadCommitted,
                    "read_uncommitted" => IsolationLevel::ReadUncommitted,
                    _ => return Err(wrong("String must be one of: read_committed, read_uncommitted")),
                }
            }
            "auto.offset.reset" => {
                self.reset = match value {
                    "earliest" => OffsetReset::Earliest,
                    "latest" => OffsetReset::Latest,
                    "none" => OffsetReset::None,
                    _ => return Err(wrong("String must be one of: earliest, latest, none")),
                }
            }
            "fetch.min.bytes" => self.min_bytes = bytes()?,
            "fetch.max.wait.ms" => self.max_wait = millis(key, value)?,
            "fetch.max.bytes" => self.max_bytes = bytes()?,
            "max.partition.fetch.bytes" => self.partition_max_bytes = bytes()?,
            "check.crcs" => {
                self.checksums = match value {
                    "true" => Checksums::Check,
                    "false" => Checksums::Believe,
                    _ => return Err(wrong("Expected value to be either true or false")),
                }
            }
            "client.rack" => self.rack = value.to_owned(),
            _ => return Ok(Applied::Unknown),
        }
        Ok(Applied::Yes)
    }
}
