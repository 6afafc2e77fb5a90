//! The records of one batch, as the caller gets them.

use super::aborted::Aborted;
use super::fetch::Answer;
use super::settings::{Checksums, ConsumerSettings};
use crate::admin::IsolationLevel;
use crate::error::ClientError;
use base::{LeaderEpoch, Offset, Timestamp};
use bytes::Bytes;
use protocol::ErrorCode;
use records::compression::{Codec, decompress};
use records::{BatchError, BatchHeader, BatchView, RecordHeaders, Records, TimestampType, batches};

/// The records of one batch, from the offset that was asked for.
#[derive(Debug)]
pub struct Block {
    header: BatchHeader,
    from: Offset,
    body: Bytes,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct ConsumedRecord<'a> {
    /// Its offset.
    pub offset: Offset,
    /// Its time.
    pub timestamp: Timestamp,
    /// Whose time that is.
    pub timestamp_type: TimestampType,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: RecordHeaders<'a>,
}

impl Block {
    /// How many records the batch holds, the ones before the offset asked for included.
    pub fn count(&self) -> usize {
        usize::try_from(self.header.record_count).unwrap_or(0)
    }

    /// The records, from the offset asked for. The structure was checked when the block was made.
    pub fn records(&self) -> impl Iterator<Item = ConsumedRecord<'_>> {
        let header = &self.header;
        let timestamp_type = header.attributes.timestamp_type();
        let records = Records::new(&self.body, header.record_count).map_while(Result::ok);
        let consumed = records.map(move |record| ConsumedRecord {
            offset: header.base_offset.plus(i64::from(record.offset_delta)),
            timestamp: match timestamp_type {
                TimestampType::CreateTime => Timestamp(header.base_timestamp.0.wrapping_add(record.timestamp_delta)),
                TimestampType::LogAppendTime => header.max_timestamp,
            },
            timestamp_type,
            leader_epoch: header.partition_leader_epoch,
            key: record.key,
            value: record.value,
            headers: record.headers,
        });
        consumed.skip_while(|record| record.offset < self.from)
    }
}

/// What an answer holds.
#[derive(Debug)]
pub(super) struct Read {
    pub blocks: Vec<Block>,
    /// Where reading goes on.
    pub next: Offset,
    /// The epoch of the last batch.
    pub epoch: Option<LeaderEpoch>,
}

/// Reads the batches of an answer.
pub(super) fn read(answer: &Answer, settings: &ConsumerSettings) -> Result<Read, ClientError> {
    let mut aborted = Aborted::new(&answer.aborted);
    let mut read = Read {
        blocks: Vec::new(),
        next: answer.from,
        epoch: None,
    };
    for batch in batches(&answer.records) {
        let batch = match batch {
            Ok(batch) => batch,
            // The broker cuts at its limit of bytes, not at a batch.
            Err(BatchError::Partial { .. }) => break,
            Err(error) => return Err(corrupt(answer, &error.to_string())),
        };
        if settings.checksums == Checksums::Check {
            batch.check().map_err(|error| corrupt(answer, &error.to_string()))?;
        }
        let header = *batch.header();
        let last = header.last_offset();
        let unwanted = match settings.isolation {
            IsolationLevel::ReadCommitted => aborted.hides(&batch),
            IsolationLevel::ReadUncommitted => header.attributes.is_control(),
        };
        if last < answer.from {
            continue;
        }
        read.next = last.next();
        read.epoch = Some(header.partition_leader_epoch);
        if unwanted || header.record_count == 0 {
            continue;
        }
        let body = body(answer, &batch, settings.max_batch)?;
        if let Some(Err(error)) = Records::new(&body, header.record_count).find(Result::is_err) {
            return Err(corrupt(answer, &error.to_string()));
        }
        read.blocks.push(Block {
            header,
            from: answer.from,
            body,
        });
    }
    if read.next == answer.from && !answer.records.is_empty() && read.blocks.is_empty() {
        return Err(corrupt(answer, "no whole batch in an answer that must hold one"));
    }
    Ok(read)
}

/// The records' block: a slice of the answer, or decompressed.
fn body(answer: &Answer, batch: &BatchView<'_>, max_batch: usize) -> Result<Bytes, ClientError> {
    let id = batch.header().attributes.codec_id();
    let codec = Codec::from_id(id).ok_or_else(|| corrupt(answer, &format!("codec {id} does not exist")))?;
    if codec == Codec::None {
        return Ok(answer.records.slice_ref(batch.body()));
    }
    let mut body = Vec::new();
    decompress(codec, batch.body(), max_batch, &mut body).map_err(|error| corrupt(answer, &error.to_string()))?;
    Ok(body.into())
}

fn corrupt(answer: &Answer, reason: &str) -> ClientError {
    ClientError::Refused {
        code: ErrorCode::CorruptMessage,
        message: format!("{} at offset {}: {reason}", answer.partition, answer.from),
    }
}
