//! The decoders that ship with Kafka, named by their Java classes.

use super::super::super::options::Refusal;
use super::super::super::utf8::java_text;
use anyhow::Context;

const PACKAGE: &str = "org.apache.kafka.tools.api.";

/// How bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainDecoder {
    /// UTF-8.
    String,
    /// Four bytes, big-endian.
    Integer,
    /// Eight bytes, big-endian.
    Long,
}

impl PlainDecoder {
    /// The decoder that `class`, the value of `option`, stands for.
    pub fn named(option: &str, class: Option<&str>) -> Result<Self, Refusal> {
        match class.map(|class| class.strip_prefix(PACKAGE).unwrap_or(class)) {
            None | Some("StringDecoder") => Ok(Self::String),
            Some("IntegerDecoder") => Ok(Self::Integer),
            Some("LongDecoder") => Ok(Self::Long),
            Some(other) => Err(Refusal::Plain(format!(
                "{option}: {other} is a Java class that Riverrun cannot run; {PACKAGE}StringDecoder, IntegerDecoder and \
                 LongDecoder are built in"
            ))),
        }
    }

    /// The text of `bytes`.
    pub fn decode(self, bytes: &[u8]) -> anyhow::Result<String> {
        let short = || format!("{} bytes are too few for the decoder", bytes.len());
        Ok(match self {
            Self::String => java_text(bytes),
            Self::Integer => i32::from_be_bytes(*bytes.first_chunk().with_context(short)?).to_string(),
            Self::Long => i64::from_be_bytes(*bytes.first_chunk().with_context(short)?).to_string(),
        })
    }
}
