//! Messages by name or key, for tools and tests that go over all of them.

use crate::all_messages::MESSAGES;
use crate::json::Json;
use crate::wire::{DecodeError, EncodeError, Message, Reader, Versions};
use crate::{ApiKey, Segments, Writer};
use bytes::Bytes;
use serde_json::Value;

/// Where a message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A request.
    Request,
    /// A response.
    Response,
    /// The header of a request or a response.
    Header,
    /// A record of `__cluster_metadata`.
    MetadataRecord,
    /// A record of another internal topic, a control record, or what is kept in a file or an opaque field.
    Internal,
}

/// Decodes a message and, if that went well, encodes it again.
type RoundTrip = fn(&mut Reader<'_>, i16) -> Result<Result<Segments, EncodeError>, DecodeError>;

/// Decodes a record into its JSON.
type Print = fn(&mut Reader<'_>, i16) -> Result<Value, DecodeError>;

/// A message whose type is known only when the program runs.
#[derive(Debug)]
pub struct AnyMessage {
    /// Kafka's name of the message.
    pub name: &'static str,
    /// Where it belongs.
    pub kind: MessageKind,
    /// Its API key or record type; -1 if it has none.
    pub key: i16,
    /// The versions that have a schema.
    pub versions: Versions,
    /// The first flexible version; `i16::MAX` if there is none.
    pub flexible_from: i16,
    decode: fn(&mut Reader<'_>, i16) -> Result<(), DecodeError>,
    round_trip: RoundTrip,
    print: Option<Print>,
}

impl AnyMessage {
    pub(crate) const fn of<M: Message>(kind: MessageKind, key: i16) -> Self {
        Self {
            name: M::NAME,
            kind,
            key,
            versions: M::VERSIONS,
            flexible_from: M::FLEXIBLE_FROM,
            decode: |reader, version| M::decode(reader, version).map(drop),
            print: None,
            round_trip: |reader, version| {
                let message = M::decode(reader, version)?;
                let mut writer = Writer::new();
                Ok(message.encode(&mut writer, version).map(|()| writer.finish()))
            },
        }
    }

    pub(crate) const fn printed<M: Message + Json>(kind: MessageKind, key: i16) -> Self {
        let print: Print = |reader, version| Ok(M::decode(reader, version)?.to_json(version));
        Self {
            print: Some(print),
            ..Self::of::<M>(kind, key)
        }
    }

    /// Every message that has a schema.
    pub fn all() -> &'static [Self] {
        MESSAGES
    }

    /// The message of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        MESSAGES.iter().find(|message| message.name == name)
    }

    /// Decodes a message that begins `bytes`, drops it and says how many bytes it took.
    pub fn decode(&self, version: i16, bytes: &Bytes) -> Result<usize, DecodeError> {
        let mut reader = Reader::new(bytes);
        (self.decode)(&mut reader, version)?;
        Ok(reader.position())
    }

    /// Decodes a record that begins `bytes` into the JSON that Kafka's tools print; other messages have none.
    pub fn to_json(&self, version: i16, bytes: &Bytes) -> Option<Result<Value, DecodeError>> {
        self.print.map(|print| print(&mut Reader::new(bytes), version))
    }

    /// Decodes a message that begins `bytes` and encodes it again.
    pub fn round_trip(&self, version: i16, bytes: &Bytes) -> Result<Result<Bytes, EncodeError>, DecodeError> {
        let written = (self.round_trip)(&mut Reader::new(bytes), version)?;
        Ok(written.map(Segments::into_bytes))
    }
}

/// Decodes and drops the request of `key` that begins `bytes`: the one door for what a peer may send.
pub fn decode_any_request(key: ApiKey, version: i16, bytes: &Bytes) -> Result<usize, DecodeError> {
    decode_any(MessageKind::Request, key, version, bytes)
}

/// Decodes and drops the response of `key` that begins `bytes`.
pub fn decode_any_response(key: ApiKey, version: i16, bytes: &Bytes) -> Result<usize, DecodeError> {
    decode_any(MessageKind::Response, key, version, bytes)
}

fn decode_any(kind: MessageKind, key: ApiKey, version: i16, bytes: &Bytes) -> Result<usize, DecodeError> {
    let found = MESSAGES
        .iter()
        .find(|message| message.kind == kind && message.key == key.code());
    found
        .expect("every key has a request and a response")
        .decode(version, bytes)
}
