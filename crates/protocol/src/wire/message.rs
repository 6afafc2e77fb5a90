//! What the generated structs have in common.

use super::{DecodeError, EncodeError, Reader, Writer};
use bytes::Bytes;
use std::fmt::Debug;

/// Anything that can be an element of an array: a primitive or a struct.
pub trait Body: Sized {
    /// The fewest bytes this takes in any version.
    const MIN_SIZE: usize;
    /// Reads the fields of `version`; fields the version lacks take their defaults.
    fn read(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError>;
    /// Writes the fields of `version`.
    fn write(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError>;
}

/// An inclusive range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub min: i16,
    /// The highest.
    pub max: i16,
}

impl Versions {
    /// The range `min..=max`.
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` is in the range.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The versions, lowest first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i16> {
        self.min..=self.max
    }
}

/// A whole message: a request, a response, a header or a record.
pub trait Message: Body + Clone + Debug + PartialEq + Default {
    /// Kafka's name of the message.
    const NAME: &'static str;
    /// The versions that have a schema.
    const VERSIONS: Versions;
    /// The first flexible version (compact lengths, tagged fields); `i16::MAX` if there is none.
    const FLEXIBLE_FROM: i16;

    /// Reads a message of `version`. Bytes that follow it are left in the reader, as Kafka's broker leaves them.
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(version) {
            return Err(DecodeError::Version {
                message: Self::NAME,
                version,
            });
        }
        reader.set_flexible(version >= Self::FLEXIBLE_FROM);
        Self::read(reader, version)
    }

    /// Writes the message in `version`. A field that the version lacks must have its default unless the schema lets it
    /// be dropped.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(version) {
            return Err(EncodeError::Version {
                message: Self::NAME,
                version,
            });
        }
        writer.set_flexible(version >= Self::FLEXIBLE_FROM);
        self.write(writer, version)
    }

    /// Reads a message that begins `bytes`.
    fn from_bytes(bytes: &Bytes, version: i16) -> Result<Self, DecodeError> {
        Self::decode(&mut Reader::new(bytes), version)
    }

    /// The message's bytes in `version`; for messages that carry no records in files.
    fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new();
        self.encode(&mut writer, version)?;
        Ok(writer.finish().into_bytes())
    }
}

/// A request: its key and what answers it.
pub trait Request: Message {
    /// The request's key.
    const KEY: crate::ApiKey;
    /// The response's type.
    type Response: Message;
}
