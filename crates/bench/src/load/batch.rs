//! The batches that are replayed: records of one size whose text compresses as text does.

use anyhow::{Context, Result};
use base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use bytes::Bytes;
use clap::Args;
use records::BatchBuilder;
use records::compression::{Codec, Level};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a batch is like.
#[derive(Args, Clone)]
pub struct Shape {
    /// Bytes of a record's value.
    #[arg(long, default_value_t = 100)]
    pub record_size: usize,
    /// Bytes of a batch before compression; as many records as fit, and at least one.
    #[arg(long, default_value_t = 16_384)]
    pub batch_size: usize,
    /// How it is compressed: none, gzip, snappy, lz4 or zstd, at Kafka's default level.
    #[arg(long, default_value = "none", value_parser = codec)]
    pub compression: Codec,
}

fn codec(text: &str) -> Result<Codec, String> {
    let found = Codec::ALL.into_iter().find(|codec| codec.name() == text);
    found.ok_or_else(|| format!("{text} is no codec of Kafka"))
}

/// A finished batch.
pub struct Batch {
    /// As it is on the wire.
    pub bytes: Bytes,
    /// How many records it has.
    pub records: u64,
}

/// Words to make text of; sixteen of them, so that four random bits choose one.
const WORDS: [&str; 16] = [
    "river ", "stone ", "harbour ", "of ", "the ", "lantern ", "quick ", "and ", "seven ", "margin ", "ledger ",
    "north ", "bright ", "a ", "copper ", "wheel ",
];

/// Makes text: half words, half digits that no codec can shorten much.
pub struct Text(u64);

impl Text {
    /// The same text every time.
    pub fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// The next `size` bytes.
    pub fn next(&mut self, size: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(size + 24);
        while text.len() < size {
            // xorshift64.
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            text.extend_from_slice(WORDS[(self.0 & 15) as usize].as_bytes());
            text.extend_from_slice(format!("{:x} ", (self.0 >> 8) & 0xffff).as_bytes());
        }
        text.truncate(size);
        text
    }
}

/// The producer that a batch names.
pub type Producer = (ProducerId, ProducerEpoch);

/// A batch of the shape, written now.
pub fn build(shape: &Shape, producer: Option<Producer>) -> Result<Batch> {
    let mut builder = BatchBuilder::new().compressed(shape.compression, Level::default_of(shape.compression));
    if let Some((id, epoch)) = producer {
        builder = builder.producer(id, epoch, 0);
    }
    let now = now()?;
    let mut text = Text::new();
    loop {
        builder.append(now, None, Some(&text.next(shape.record_size)), &[]);
        let each = (builder.size() - records::HEADER_LEN).div_ceil(builder.count() as usize);
        if builder.size() + each > shape.batch_size {
            break;
        }
    }
    let records = u64::try_from(builder.count())?;
    let bytes = builder.try_build(Offset::ZERO, LeaderEpoch::NONE)?.to_bytes();
    Ok(Batch { bytes, records })
}

/// An uncompressed batch of `count` records that all have this value.
pub fn build_of(value: &[u8], count: u64) -> Result<Bytes> {
    let mut builder = BatchBuilder::new();
    let now = now()?;
    for _ in 0..count {
        builder.append(now, None, Some(value), &[]);
    }
    Ok(builder.try_build(Offset::ZERO, LeaderEpoch::NONE)?.to_bytes())
}

/// The time of day, as records have it.
fn now() -> Result<Timestamp> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    Ok(Timestamp(i64::try_from(since.as_millis())?))
}
