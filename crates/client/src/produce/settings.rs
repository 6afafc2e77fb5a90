//! How a producer sends, under the names of Kafka's producer properties.

use crate::settings::{Applied, SettingError, millis, number};
use records::compression::{Codec, Level};
use std::time::Duration;

/// How many replicas must have a batch before it counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// None: nothing is answered.
    None,
    /// The leader.
    Leader,
    /// All in sync.
    All,
}

impl Acks {
    pub(super) fn number(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// Whether batches carry a producer id and sequence numbers, so that a retry is never written twice (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotence {
    /// They do; it needs [`Acks::All`].
    On,
    /// They do not.
    Off,
}

/// How a producer sends. The defaults are those of Kafka's producer.
#[derive(Clone, Debug)]
pub struct ProducerSettings {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`; where it was not asked for, weaker acks switch it off.
    pub idempotence: Option<Idempotence>,
    /// `compression.type`.
    pub codec: Codec,
    /// `compression.<codec>.level`.
    pub level: Option<i32>,
    /// `batch.size`: bytes of a batch before compression.
    pub batch_size: usize,
    /// `linger.ms`: how long a batch waits for more records.
    pub linger: Duration,
    /// `buffer.memory`: bytes of records that wait or are under way.
    pub buffer_memory: usize,
    /// `max.request.size`: bytes of one request, and of one record.
    pub max_request_size: usize,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `retries`.
    pub retries: u32,
    /// `delivery.timeout.ms`: from the first record of a batch until it is given up.
    pub delivery_timeout: Duration,
    /// `max.block.ms`: how long adding a record may wait for metadata or for room.
    pub max_block: Duration,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: None,
            codec: Codec::None,
            level: None,
            batch_size: 16_384,
            linger: Duration::from_millis(5),
            buffer_memory: 32 << 20,
            max_request_size: 1 << 20,
            max_in_flight: 5,
            retries: i32::MAX as u32,
            delivery_timeout: Duration::from_secs(120),
            max_block: Duration::from_secs(60),
        }
    }
}

/// The most requests that a broker keeps apart for one producer and partition.
const IDEMPOTENT_IN_FLIGHT: usize = 5;

impl ProducerSettings {
    /// Applies one of Kafka's producer properties.
    pub fn apply(&mut self, key: &str, value: &str) -> Result<Applied, SettingError> {
        let bytes = |least| number(key, value, least).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let wrong = |reason: &str| wrong(key, value, reason);
        match key {
            "acks" => self.acks = acks(key, value)?,
            "enable.idempotence" => {
                self.idempotence = Some(match value {
                    "true" => Idempotence::On,
                    "false" => Idempotence::Off,
                    _ => return Err(wrong("Expected value to be either true or false")),
                });
            }
            "compression.type" => {
                let known = Codec::ALL.into_iter().find(|codec| codec.name() == value);
                self.codec = known.ok_or_else(|| wrong("String must be one of: none, gzip, snappy, lz4, zstd"))?;
            }
            "compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level" => {
                // The level counts only for the codec in use, which may be set later.
                let level = value.trim().parse().map_err(|_| wrong("Not a number of type INT"))?;
                if key.contains(self.codec.name()) {
                    self.level = Some(level);
                }
            }
            "batch.size" => self.batch_size = bytes(0)?,
            "linger.ms" => self.linger = millis(key, value)?,
            "buffer.memory" => self.buffer_memory = bytes(1)?,
            "max.request.size" => self.max_request_size = bytes(1)?,
            "max.in.flight.requests.per.connection" => self.max_in_flight = bytes(1)?,
            "retries" => self.retries = u32::try_from(number(key, value, 0)?).unwrap_or(u32::MAX),
            "delivery.timeout.ms" => self.delivery_timeout = millis(key, value)?,
            "max.block.ms" => self.max_block = millis(key, value)?,
            _ => return Ok(Applied::Unknown),
        }
        Ok(Applied::Yes)
    }

    /// Refuses combinations that contradict each other, in Kafka's words.
    pub fn check(&self) -> Result<(), SettingError> {
        let refused = |key: &str, value: &str, reason: &str| Err(wrong(key, value, reason));
        if self.idempotence == Some(Idempotence::On) {
            if self.acks != Acks::All {
                let acks = self.acks.number().to_string();
                return refused(
                    "acks",
                    &acks,
                    "Must set acks to all in order to use the idempotent producer.",
                );
            }
            if self.retries == 0 {
                return refused(
                    "retries",
                    "0",
                    "Must set retries to non-zero when using the idempotent producer.",
                );
            }
            if self.max_in_flight > IDEMPOTENT_IN_FLIGHT {
                return refused(
                    "max.in.flight.requests.per.connection",
                    &self.max_in_flight.to_string(),
                    "Must be at most 5 to use the idempotent producer.",
                );
            }
        }
        if let Some(level) = self.level {
            Level::new(self.codec, level)
                .map_err(|error| wrong("compression level", &level.to_string(), &error.to_string()))?;
        }
        Ok(())
    }

    /// Whether the producer is idempotent.
    pub fn is_idempotent(&self) -> bool {
        match self.idempotence {
            Some(chosen) => chosen == Idempotence::On,
            None => self.acks == Acks::All && self.retries > 0 && self.max_in_flight <= IDEMPOTENT_IN_FLIGHT,
        }
    }

    /// The level to compress with.
    pub(super) fn level(&self) -> Level {
        let chosen = self.level.and_then(|level| Level::new(self.codec, level).ok());
        chosen.unwrap_or_else(|| Level::default_of(self.codec))
    }
}

fn wrong(key: &str, value: &str, reason: &str) -> SettingError {
    SettingError::Value {
        key: key.to_owned(),
        value: value.to_owned(),
        reason: reason.to_owned(),
    }
}

fn acks(key: &str, value: &str) -> Result<Acks, SettingError> {
    match value {
        "all" | "-1" => Ok(Acks::All),
        "0" => Ok(Acks::None),
        "1" => Ok(Acks::Leader),
        _ => Err(wrong(key, value, "String must be one of: all, -1, 0, 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weaker_acks_switch_idempotence_off_unless_it_was_asked_for() {
        let mut settings = ProducerSettings::default();
        assert!(settings.is_idempotent());
        settings.apply("acks", "1").unwrap();
        assert!(!settings.is_idempotent() && settings.check().is_ok());
        settings.apply("enable.idempotence", "true").unwrap();
        assert!(settings.check().is_err());
    }

    #[test]
    fn wrong_values_are_refused_in_kafkas_words() {
        let mut settings = ProducerSettings::default();
        assert_eq!(
            settings.apply("acks", "7").unwrap_err().to_string(),
            "Invalid value 7 for configuration acks: String must be one of: all, -1, 0, 1"
        );
        assert_eq!(
            settings.apply("compression.type", "foo").unwrap_err().to_string(),
            "Invalid value foo for configuration compression.type: String must be one of: none, gzip, snappy, lz4, zstd"
        );
    }
}
