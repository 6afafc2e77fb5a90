//! How hard a codec tries (KIP-390).

use super::codec::Codec;

/// A compression level that Kafka accepts for its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    codec: Codec,
    level: i32,
}

/// The level is outside the codec's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("compression level {level} is outside the range of {codec}, {min} to {max}")]
pub struct LevelError {
    /// The codec asked for.
    pub codec: Codec,
    /// The level asked for.
    pub level: i32,
    /// The lowest level of the codec.
    pub min: i32,
    /// The highest level of the codec.
    pub max: i32,
}

impl Level {
    /// The level Kafka uses unless told otherwise: gzip -1 (zlib's choice, 6), lz4 9, zstd 3; snappy has none.
    pub fn default_of(codec: Codec) -> Self {
        let level = match codec {
            Codec::None | Codec::Snappy => 0,
            Codec::Gzip => -1,
            Codec::Lz4 => 9,
            Codec::Zstd => 3,
        };
        Self { codec, level }
    }

    /// The level `level` of `codec`: gzip 1 to 9 (or -1), lz4 1 to 17, zstd -131072 to 22.
    pub fn new(codec: Codec, level: i32) -> Result<Self, LevelError> {
        let chosen = Self { codec, level };
        let (min, max) = match codec {
            Codec::None | Codec::Snappy => return Ok(Self::default_of(codec)),
            Codec::Gzip => (1, 9),
            Codec::Lz4 => (1, 17),
            Codec::Zstd => (-131_072, 22),
        };
        if chosen == Self::default_of(codec) || (min..=max).contains(&level) {
            Ok(chosen)
        } else {
            Err(LevelError { codec, level, min, max })
        }
    }

    /// The level as `codec` counts it; the codec's default if this level was made for another.
    pub(super) fn for_codec(self, codec: Codec) -> i32 {
        if self.codec == codec {
            self.level
        } else {
            Self::default_of(codec).level
        }
    }
}
