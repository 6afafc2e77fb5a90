//! What keys and values mean, as the options say.

mod control;
mod coordinator;
mod metadata;
mod plain;

pub use control::control;

use super::super::options::{Options, Refusal};
use anyhow::Context;
use bytes::Bytes;
use coordinator::Topic;
use plain::PlainDecoder;
use protocol::Message;
use protocol::json::Json;
use protocol::wire::{DecodeError, Reader};
use records::Record;
use serde_json::Value;

/// The options that choose a decoder; each implies that contents are printed.
pub const OPTIONS: [&str; 7] = [
    "offsets-decoder",
    "transaction-log-decoder",
    "cluster-metadata-decoder",
    "remote-log-metadata-decoder",
    "share-group-state-decoder",
    "key-decoder-class",
    "value-decoder-class",
];

/// What to print of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodedRecord {
    /// Its key, if it is to be printed.
    pub key: Option<String>,
    /// Its value, if it is to be printed.
    pub payload: Option<String>,
}

/// How keys and values are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// Each for itself.
    Plain {
        /// For keys.
        key: PlainDecoder,
        /// For values.
        value: PlainDecoder,
    },
    /// As records of a coordinator's topic.
    Coordinator(Topic),
    /// As records of `__cluster_metadata`.
    ClusterMetadata,
}

impl Decoder {
    /// The decoder that the options choose.
    pub fn chosen(options: &Options) -> Result<Self, Refusal> {
        if options.has("offsets-decoder") {
            return Ok(Self::Coordinator(Topic::Offsets));
        }
        if options.has("transaction-log-decoder") {
            return Ok(Self::Coordinator(Topic::Transactions));
        }
        if options.has("cluster-metadata-decoder") {
            return Ok(Self::ClusterMetadata);
        }
        if options.has("remote-log-metadata-decoder") {
            let reason = "remote-log-metadata-decoder is not built yet: nothing here writes tiered storage's records";
            return Err(Refusal::Plain(reason.to_owned()));
        }
        if options.has("share-group-state-decoder") {
            return Ok(Self::Coordinator(Topic::ShareGroupState));
        }
        Ok(Self::Plain {
            key: PlainDecoder::named("key-decoder-class", options.value("key-decoder-class")?)?,
            value: PlainDecoder::named("value-decoder-class", options.value("value-decoder-class")?)?,
        })
    }

    /// Decodes the record at `offset`.
    pub fn decode(&self, record: &Record<'_>, offset: i64) -> anyhow::Result<DecodedRecord> {
        match self {
            Self::Plain { key, value } => Ok(DecodedRecord {
                key: record.key.map(|bytes| key.decode(bytes)).transpose()?,
                payload: record.value.map(|bytes| value.decode(bytes)).transpose()?,
            }),
            Self::Coordinator(topic) => {
                let key = record.key.with_context(|| {
                    format!(
                        "Failed to decode message at offset {offset} using the specified decoder (message had a \
                         missing key)"
                    )
                })?;
                Ok(topic.decode(key, record.value, offset))
            }
            Self::ClusterMetadata => {
                let payload = Some(metadata::decode(record.value.unwrap_or_default(), offset));
                Ok(DecodedRecord { key: None, payload })
            }
        }
    }
}

/// The JSON of a message behind its version, and that version.
fn versioned<M: Message + Json>(bytes: &[u8]) -> Result<(i16, Value), DecodeError> {
    let frame = Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new(&frame);
    let version = reader.i16()?;
    let message = M::decode(&mut reader, version)?;
    Ok((version, message.to_json(version)))
}

/// The JSON of a message whose first field is its version.
fn self_versioned<M: Message + Json>(bytes: &[u8]) -> Result<Value, DecodeError> {
    let frame = Bytes::copy_from_slice(bytes);
    let version = Reader::new(&frame).i16()?;
    Ok(M::decode(&mut Reader::new(&frame), version)?.to_json(version))
}
