//! The 16 attribute bits of a batch.

/// Who wrote the records' timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer, record by record.
    #[default]
    CreateTime,
    /// The broker: every record has the batch's `maxTimestamp`.
    LogAppendTime,
}

/// A batch's attributes: codec in bits 0-2, then one flag a bit; bits 7-15 are unused and kept as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

const CODEC: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

impl Attributes {
    /// The codec's number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 mean nothing.
    pub fn codec_id(self) -> u8 {
        (self.0 & CODEC) as u8
    }

    /// Whether the records are compressed (by whatever codec).
    pub fn is_compressed(self) -> bool {
        self.codec_id() != 0
    }

    /// Who wrote the timestamps.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction (as data or as its marker).
    pub fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL != 0
    }

    /// Whether the batch holds control records.
    pub fn is_control(self) -> bool {
        self.0 & CONTROL != 0
    }

    /// Whether `baseTimestamp` is the cleaner's delete horizon.
    pub fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON != 0
    }

    /// The same, with the delete horizon in `baseTimestamp`.
    #[must_use]
    pub fn with_delete_horizon(self) -> Self {
        Self(self.0 | DELETE_HORIZON)
    }

    /// The same without a delete horizon.
    #[must_use]
    pub fn without_delete_horizon(self) -> Self {
        Self(self.0 & !DELETE_HORIZON)
    }

    /// The same with another codec number (0 to 7).
    #[must_use]
    pub fn with_codec_id(self, id: u8) -> Self {
        Self((self.0 & !CODEC) | (i16::from(id) & CODEC))
    }

    /// The same with another timestamp type.
    #[must_use]
    pub fn with_timestamp_type(self, kind: TimestampType) -> Self {
        match kind {
            TimestampType::CreateTime => Self(self.0 & !LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Self(self.0 | LOG_APPEND_TIME),
        }
    }

    /// The same, transactional.
    #[must_use]
    pub fn transactional(self) -> Self {
        Self(self.0 | TRANSACTIONAL)
    }

    /// The same, for control records.
    #[must_use]
    pub fn control(self) -> Self {
        Self(self.0 | CONTROL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_where_kafka_has_them() {
        let all = Attributes(0)
            .with_codec_id(4)
            .with_timestamp_type(TimestampType::LogAppendTime)
            .transactional()
            .control();
        assert_eq!(all, Attributes(0b0011_1100));
        assert!(all.is_compressed() && all.is_control() && all.is_transactional() && !all.has_delete_horizon());
        let plain = all.with_codec_id(0).with_timestamp_type(TimestampType::CreateTime);
        assert_eq!(plain, Attributes(0b0011_0000));
        assert_eq!(Attributes(-1).with_codec_id(1).0, -7, "unknown bits survive");
    }
}
