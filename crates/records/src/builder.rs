//! Building a batch record by record.

use crate::attributes::{Attributes, TimestampType};
use crate::compression::{Codec, CompressError, Level, compress};
use crate::header::{BatchHeader, HEADER_LEN, LOG_OVERHEAD};
use crate::record::RecordHeader;
use crate::varint::{varlong_len, write_varlong};
use crate::verified::{VerifiedBatch, checksum_of};
use base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use bytes::Bytes;

/// A batch under construction; records get the offset deltas 0, 1, 2 and so on.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    attributes: Attributes,
    codec: Codec,
    level: Level,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    count: i32,
    body: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An uncompressed batch of a plain producer.
    pub fn new() -> Self {
        Self {
            attributes: Attributes::default(),
            codec: Codec::None,
            level: Level::default_of(Codec::None),
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: -1,
            base_timestamp: Timestamp::NONE,
            max_timestamp: Timestamp::NONE,
            count: 0,
            body: Vec::new(),
        }
    }

    /// Compresses the records when the batch is built.
    #[must_use]
    pub fn compressed(mut self, codec: Codec, level: Level) -> Self {
        self.codec = codec;
        self.level = level;
        self.attributes = self.attributes.with_codec_id(codec.id());
        self
    }

    /// Names the idempotent producer and the sequence number of the first record.
    #[must_use]
    pub fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Self {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Marks the batch as part of a transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.attributes = self.attributes.transactional();
        self
    }

    /// Marks the batch as one of control records.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.attributes = self.attributes.control();
        self
    }

    /// Stamps the batch with the time of the append: every record then reads as written at `now`.
    #[must_use]
    pub fn log_append_time(mut self, now: Timestamp) -> Self {
        self.attributes = self.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        self.max_timestamp = now;
        self
    }

    /// Adds a record.
    pub fn append(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader<'_>],
    ) {
        let offset_delta = i64::from(self.count);
        let delta = self.next_delta(timestamp);
        let headers_len: usize = headers.iter().map(header_len).sum();
        let fields = 1 + varlong_len(delta) + varlong_len(offset_delta) + nullable_len(key) + nullable_len(value);
        let length = fields + varlong_len(headers.len() as i64) + headers_len;
        write_varlong(&mut self.body, length as i64);
        self.body.push(0);
        write_varlong(&mut self.body, delta);
        write_varlong(&mut self.body, offset_delta);
        self.write_nullable(key);
        self.write_nullable(value);
        write_varlong(&mut self.body, headers.len() as i64);
        for header in headers {
            self.write_nullable(Some(header.key));
            self.write_nullable(header.value);
        }
        self.count += 1;
    }

    /// The bytes the batch would take uncompressed.
    pub fn size(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    /// How many records there are.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether no record was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The finished batch at offset 0, as a producer sends it.
    ///
    /// # Panics
    /// If zstd finds no memory to compress: see [`BatchBuilder::try_build`].
    pub fn build(self) -> VerifiedBatch {
        self.build_at(Offset::ZERO)
    }

    /// The finished batch at `base`.
    ///
    /// # Panics
    /// As [`BatchBuilder::build`].
    pub fn build_at(self, base: Offset) -> VerifiedBatch {
        self.try_build(base, LeaderEpoch::NONE)
            .expect("memory to compress with")
    }

    /// The finished batch at `base`, of the leader of `epoch`.
    pub fn try_build(self, base: Offset, epoch: LeaderEpoch) -> Result<VerifiedBatch, CompressError> {
        let body = match self.codec {
            Codec::None => self.body,
            codec => {
                let mut compressed = Vec::with_capacity(self.body.len() / 2);
                compress(codec, self.level, &self.body, &mut compressed)?;
                compressed
            }
        };
        let size = HEADER_LEN - LOG_OVERHEAD + body.len();
        let mut header = BatchHeader {
            base_offset: base,
            batch_length: i32::try_from(size).expect("a batch below 2 GiB: the caller bounds it"),
            partition_leader_epoch: epoch,
            crc: 0,
            attributes: self.attributes,
            last_offset_delta: (self.count - 1).max(0),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            record_count: self.count,
        };
        header.crc = checksum_of(&header, &body);
        Ok(VerifiedBatch::proven(header, Bytes::from(body)))
    }

    fn next_delta(&mut self, timestamp: Timestamp) -> i64 {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        if self.attributes.timestamp_type() == TimestampType::CreateTime {
            self.max_timestamp = self.max_timestamp.max(timestamp);
        }
        timestamp.0.wrapping_sub(self.base_timestamp.0)
    }

    fn write_nullable(&mut self, field: Option<&[u8]>) {
        match field {
            None => write_varlong(&mut self.body, -1),
            Some(bytes) => {
                write_varlong(&mut self.body, bytes.len() as i64);
                self.body.extend_from_slice(bytes);
            }
        }
    }
}

fn nullable_len(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| varlong_len(bytes.len() as i64) + bytes.len())
}

fn header_len(header: &RecordHeader<'_>) -> usize {
    nullable_len(Some(header.key)) + nullable_len(header.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::BatchView;
    use crate::compression::decompress;
    use crate::record::Records;

    #[test]
    fn every_codec_builds_a_batch_that_reads_back() {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut builder = BatchBuilder::new()
                .compressed(codec, Level::default_of(codec))
                .producer(ProducerId(9), ProducerEpoch(1), 40)
                .transactional();
            let header = RecordHeader { key: b"h", value: None };
            builder.append(Timestamp(100), Some(b"k"), Some(b"v"), &[header]);
            builder.append(Timestamp(90), None, None, &[]);
            let bytes = builder.try_build(Offset(5), LeaderEpoch(2)).expect("built").to_bytes();
            let (batch, rest) = BatchView::split(&bytes).expect("a batch");
            assert!(rest.is_empty());
            assert_eq!(batch.check(), Ok(()));
            let header = batch.header();
            assert_eq!((header.last_offset(), header.last_sequence()), (Offset(6), 41));
            assert_eq!(
                (header.base_timestamp, header.max_timestamp),
                (Timestamp(100), Timestamp(100))
            );
            let mut block = Vec::new();
            decompress(codec, batch.body(), 1000, &mut block).expect("decompressed");
            let records: Vec<_> = Records::new(&block, 2)
                .map(|record| record.expect("well-formed"))
                .collect();
            assert_eq!((records[0].timestamp_delta, records[1].timestamp_delta), (0, -10));
            assert_eq!((records[0].headers.count(), records[1].offset_delta), (1, 1));
            assert_eq!((records[0].key, records[1].value), (Some(&b"k"[..]), None));
        }
    }
}
