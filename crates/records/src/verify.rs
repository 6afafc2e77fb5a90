//! Proving a producer's bytes: all that Kafka checks before it appends them, and the form in which they are stored.

use crate::attributes::TimestampType;
use crate::batch::BatchView;
use crate::builder::BatchBuilder;
use crate::compression::{Codec, CompressError, DecompressError, Level, decompress};
use crate::glance::Glances;
use crate::header::{BatchError, BatchHeader, HEADER_LEN};
use crate::record::{RecordHeader, Records, StructureError};
use crate::rules::{ProduceRules, TopicCompression};
use crate::verified::{VerifiedBatch, checksum_of};
use base::{Offset, Timestamp};
use bytes::Bytes;
use std::fmt;

/// Why a batch is refused. The comments name the protocol's error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// CORRUPT_MESSAGE, except for an old format, which is INVALID_RECORD.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// INVALID_RECORD: the records are not what the header says.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// INVALID_RECORD: the header contradicts itself or the rules for clients.
    #[error(transparent)]
    Header(#[from] Refusal),
    /// INVALID_RECORD or INVALID_TIMESTAMP, see [`VerifyError::is_timestamp`]: some records are at fault.
    #[error("{}", summary(.0))]
    Records(Vec<RecordError>),
    /// MESSAGE_TOO_LARGE.
    #[error("a batch of {size} bytes is larger than the allowed {max}")]
    TooLarge {
        /// The batch.
        size: usize,
        /// `max.message.bytes`.
        max: u32,
    },
    /// CORRUPT_MESSAGE: the compressed block cannot be opened, or would grow without measure.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// UNKNOWN_SERVER_ERROR.
    #[error(transparent)]
    Compress(#[from] CompressError),
}

/// What is wrong with a batch as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No batch at all.
    #[error("a produce request must carry exactly one record batch for a partition, and this carries none")]
    NoBatch,
    /// More bytes than one batch.
    #[error("a produce request must carry exactly one record batch for a partition")]
    MoreThanOneBatch,
    /// A producer's offsets begin at 0.
    #[error("the base offset of an appended batch should be 0, but it is {0}")]
    BaseOffset(i64),
    /// The header's count is not positive, or not one more than the last offset delta.
    #[error("inconsistent batch: {count} records, last offset delta {last_offset_delta}")]
    Count {
        /// The header's record count.
        count: i32,
        /// The header's last offset delta.
        last_offset_delta: i32,
    },
    /// Only the broker writes control records.
    #[error("clients are not allowed to write control records")]
    Control,
    /// A producer id without a sequence number.
    #[error("invalid sequence number {0} in a record batch with a producer id")]
    Sequence(i32),
    /// A transactional batch without a producer; noticed, as in Kafka, only when the batch is written anew.
    #[error("cannot write transactional records without a valid producer id")]
    TransactionWithoutProducer,
    /// A codec number that means nothing.
    #[error("unknown compression type {0}")]
    Codec(u8),
}

/// One record at fault; `index` goes into the response's `recordErrors`, the text is `reason` shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// The record's place in the batch, from 0.
    pub index: i32,
    /// What is wrong with it.
    pub reason: RecordRefusal,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordRefusal {
    /// Compacted topics compact by key.
    #[error("Compacted topic cannot accept message without key")]
    NoKey,
    /// Too old or too far in the future.
    #[error("timestamp {timestamp} is not within [{from}, {to}]")]
    TimestampOutOfRange {
        /// The record's.
        timestamp: i64,
        /// The earliest allowed.
        from: i64,
        /// The latest allowed.
        to: i64,
    },
    /// The producer claims to be the broker.
    #[error("Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime")]
    ProducerSetLogAppendTime,
}

impl RecordRefusal {
    fn is_timestamp(self) -> bool {
        match self {
            Self::NoKey => false,
            Self::TimestampOutOfRange { .. } | Self::ProducerSetLogAppendTime => true,
        }
    }
}

impl VerifyError {
    /// Whether the protocol's error is INVALID_TIMESTAMP: one record's timestamp suffices.
    pub fn is_timestamp(&self) -> bool {
        matches!(self, Self::Records(errors) if errors.iter().any(|error| error.reason.is_timestamp()))
    }
}

fn summary(errors: &[RecordError]) -> impl fmt::Display + use<> {
    if errors.iter().any(|error| error.reason.is_timestamp()) {
        return "One or more records have been rejected due to invalid timestamp".to_owned();
    }
    format!(
        "One or more records have been rejected due to {} record errors in total",
        errors.len()
    )
}

impl VerifiedBatch {
    /// Checks the one batch that a producer sent for a partition and brings it into the form the topic wants.
    ///
    /// The records' bytes are shared, not copied, unless they must be recompressed. `scratch` is memory for
    /// decompression, reused from call to call.
    pub fn verify(
        bytes: &Bytes,
        rules: &ProduceRules,
        now: Timestamp,
        scratch: &mut Vec<u8>,
    ) -> Result<Self, VerifyError> {
        if bytes.is_empty() {
            return Err(Refusal::NoBatch.into());
        }
        let (batch, rest) = match BatchView::split(bytes) {
            // Kafka reads up to the last whole batch, and here there is none.
            Err(BatchError::Partial { .. }) => return Err(Refusal::NoBatch.into()),
            split => split?,
        };
        if !matches!(BatchView::split(rest), Err(BatchError::Partial { .. })) {
            return Err(Refusal::MoreThanOneBatch.into());
        }
        // In Kafka's order, since it decides which error a batch with several faults is answered with.
        if batch.header().base_offset != Offset::ZERO {
            return Err(Refusal::BaseOffset(batch.header().base_offset.0).into());
        }
        check_size(batch.bytes().len(), rules)?;
        batch.check()?;
        let codec = check_header(batch.header())?;
        let block = match codec {
            Codec::None => batch.body(),
            codec => {
                decompress(codec, batch.body(), rules.max_decompressed_bytes, scratch)?;
                &scratch[..]
            }
        };
        let found = walk(batch.header(), block, rules, now)?;
        let (target, level) = match rules.compression {
            TopicCompression::Producer => (codec, Level::default_of(codec)),
            TopicCompression::Target(target, level) => (target, level),
        };
        if target != codec || !found.deltas_in_order {
            return rebuild(batch.header(), block, (target, level), rules, now);
        }
        Ok(stamp(
            *batch.header(),
            bytes.slice(HEADER_LEN..batch.bytes().len()),
            found.max_timestamp,
            rules,
            now,
        ))
    }
}

fn check_header(header: &BatchHeader) -> Result<Codec, Refusal> {
    let (count, last_offset_delta) = (header.record_count, header.last_offset_delta);
    if count <= 0 || last_offset_delta != count - 1 {
        return Err(Refusal::Count {
            count,
            last_offset_delta,
        });
    }
    if header.attributes.is_control() {
        return Err(Refusal::Control);
    }
    if header.has_producer() && header.base_sequence < 0 {
        return Err(Refusal::Sequence(header.base_sequence));
    }
    let id = header.attributes.codec_id();
    Codec::from_id(id).ok_or(Refusal::Codec(id))
}

fn check_size(size: usize, rules: &ProduceRules) -> Result<(), VerifyError> {
    let max = rules.max_batch_bytes;
    if size > max as usize {
        Err(VerifyError::TooLarge { size, max })
    } else {
        Ok(())
    }
}

struct Found {
    max_timestamp: Timestamp,
    deltas_in_order: bool,
}

/// Looks at every record once: structure, key, timestamp, order.
fn walk(header: &BatchHeader, block: &[u8], rules: &ProduceRules, now: Timestamp) -> Result<Found, VerifyError> {
    let mut found = Found {
        max_timestamp: Timestamp::NONE,
        deltas_in_order: true,
    };
    let (from, to) = above_doubt(header, rules, now);
    let mut errors = Vec::new();
    for (glance, index) in Glances::new(block, header.record_count).zip(0..) {
        let glance = glance?;
        let timestamp = header.timestamp_after(glance.timestamp_delta);
        if (timestamp.0 < from || timestamp.0 > to)
            && let Some(reason) = refusal(header, glance.has_key, timestamp, rules, now)
        {
            errors.push(RecordError { index, reason });
        }
        found.max_timestamp = found.max_timestamp.max(timestamp);
        found.deltas_in_order &= glance.offset_delta == index;
    }
    if errors.is_empty() {
        Ok(found)
    } else {
        Err(VerifyError::Records(errors))
    }
}

/// The first and the last time of records that are surely accepted; if there are none, the first is after the last.
fn above_doubt(header: &BatchHeader, rules: &ProduceRules, now: Timestamp) -> (i64, i64) {
    let is_plain = !rules.key_required
        && rules.timestamp_type == TimestampType::CreateTime
        && header.attributes.timestamp_type() == TimestampType::CreateTime;
    if is_plain { accepted(rules, now) } else { (1, 0) }
}

/// The first and the last time that a record may have.
fn accepted(rules: &ProduceRules, now: Timestamp) -> (i64, i64) {
    // Saturating: no time is beyond the first and the last there are.
    let from = now.0.saturating_sub(rules.timestamp_before_max_ms);
    let to = now.0.saturating_add(rules.timestamp_after_max_ms);
    (from, to)
}

#[inline(never)]
fn refusal(
    header: &BatchHeader,
    has_key: bool,
    timestamp: Timestamp,
    rules: &ProduceRules,
    now: Timestamp,
) -> Option<RecordRefusal> {
    if rules.key_required && !has_key {
        return Some(RecordRefusal::NoKey);
    }
    if rules.timestamp_type == TimestampType::LogAppendTime || timestamp == Timestamp::NONE {
        // On a topic of CreateTime the claim is dropped instead, and the records keep their own times.
        let claimed = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        return claimed.then_some(RecordRefusal::ProducerSetLogAppendTime);
    }
    let (from, to) = accepted(rules, now);
    (timestamp.0 < from || timestamp.0 > to).then_some(RecordRefusal::TimestampOutOfRange {
        timestamp: timestamp.0,
        from,
        to,
    })
}

/// The batch with its own records: only the header changes, and with it the checksum, and only if it must.
fn stamp(
    sent: BatchHeader,
    body: Bytes,
    max_timestamp: Timestamp,
    rules: &ProduceRules,
    now: Timestamp,
) -> VerifiedBatch {
    let max_timestamp = match rules.timestamp_type {
        TimestampType::CreateTime => max_timestamp,
        TimestampType::LogAppendTime => now,
    };
    let attributes = sent.attributes.with_timestamp_type(rules.timestamp_type);
    let mut header = BatchHeader {
        attributes,
        max_timestamp,
        ..sent
    };
    if header != sent {
        header.crc = checksum_of(&header, &body);
    }
    VerifiedBatch::proven(header, body)
}

/// The batch written anew: another codec, or offset deltas put in order (some old clients never set them).
fn rebuild(
    sent: &BatchHeader,
    block: &[u8],
    (codec, level): (Codec, Level),
    rules: &ProduceRules,
    now: Timestamp,
) -> Result<VerifiedBatch, VerifyError> {
    let mut builder = BatchBuilder::new().compressed(codec, level).producer(
        sent.producer_id,
        sent.producer_epoch,
        sent.base_sequence,
    );
    if sent.attributes.is_transactional() {
        if !sent.has_producer() {
            return Err(Refusal::TransactionWithoutProducer.into());
        }
        builder = builder.transactional();
    }
    if rules.timestamp_type == TimestampType::LogAppendTime {
        builder = builder.log_append_time(now);
    }
    let mut headers: Vec<RecordHeader<'_>> = Vec::new();
    for record in Records::new(block, sent.record_count) {
        let record = record?;
        headers.clear();
        headers.extend(record.headers);
        builder.append(sent.timestamp_of(&record), record.key, record.value, &headers);
    }
    let batch = builder.try_build(Offset::ZERO, sent.partition_leader_epoch)?;
    check_size(batch.size(), rules)?;
    Ok(batch)
}

#[cfg(test)]
mod tests;
