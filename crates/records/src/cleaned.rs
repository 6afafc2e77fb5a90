//! What compaction makes of a batch: fewer records, or only the header; offsets and sequences stay.

use crate::attributes::TimestampType;
use crate::compression::{Codec, CompressError, Level, compress};
use crate::header::{BatchHeader, HEADER_LEN, LOG_OVERHEAD};
use crate::record::Record;
use crate::varint::{varlong_len, write_varlong};
use crate::verified::checksum_of;
use base::Timestamp;

/// Builds what is left of one batch, record by record; its memory is reused for the next.
#[derive(Debug, Default)]
pub struct CleanedBatch {
    body: Vec<u8>,
    compressed: Vec<u8>,
}

/// The records' block could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CleanError {
    /// The codec has no memory.
    #[error(transparent)]
    Compress(#[from] CompressError),
    /// The batch names a codec that does not exist.
    #[error("codec {0} does not exist")]
    Codec(u8),
    /// The block passes 2 GiB.
    #[error("a batch of {0} bytes is too large")]
    TooLarge(usize),
}

impl CleanedBatch {
    /// Appends to `out` the batch of `original` with only the records `kept`.
    ///
    /// With a `horizon` it is the time at which the batch's tombstones (or its marker) may go; timestamps then count
    /// from it (KIP-534). Without one they count from the first record, as Kafka's cleaner writes it.
    pub fn append<'a>(
        &mut self,
        original: &BatchHeader,
        kept: impl Iterator<Item = Record<'a>>,
        horizon: Option<Timestamp>,
        out: &mut Vec<u8>,
    ) -> Result<BatchHeader, CleanError> {
        self.body.clear();
        let mut base_timestamp = horizon;
        let mut header = *original;
        header.record_count = 0;
        if original.attributes.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp = Timestamp::NONE;
        }
        for record in kept {
            let timestamp = original.timestamp_of(&record);
            let base = *base_timestamp.get_or_insert(timestamp);
            header.max_timestamp = header.max_timestamp.max(timestamp);
            header.record_count += 1;
            write_record(&mut self.body, &record, timestamp.0.wrapping_sub(base.0));
        }
        header.base_timestamp = base_timestamp.unwrap_or(Timestamp::NONE);
        if horizon.is_some() {
            header.attributes = header.attributes.with_delete_horizon();
        }
        let body = match codec_of(original)? {
            Codec::None => &self.body,
            codec => {
                compress(codec, Level::default_of(codec), &self.body, &mut self.compressed)?;
                &self.compressed
            }
        };
        seal(&mut header, body)?;
        out.extend_from_slice(&header.to_bytes());
        out.extend_from_slice(body);
        Ok(header)
    }

    /// Appends to `out` the header of `original` alone, which keeps its offsets and its producer's last sequence.
    pub fn append_empty(original: &BatchHeader, out: &mut Vec<u8>) -> BatchHeader {
        let mut header = BatchHeader {
            attributes: original.attributes.with_codec_id(0).without_delete_horizon(),
            base_timestamp: Timestamp::NONE,
            record_count: 0,
            ..*original
        };
        seal(&mut header, &[]).expect("an empty block is small");
        out.extend_from_slice(&header.to_bytes());
        header
    }
}

fn codec_of(header: &BatchHeader) -> Result<Codec, CleanError> {
    let id = header.attributes.codec_id();
    Codec::from_id(id).ok_or(CleanError::Codec(id))
}

fn seal(header: &mut BatchHeader, body: &[u8]) -> Result<(), CleanError> {
    let length = HEADER_LEN - LOG_OVERHEAD + body.len();
    header.batch_length = i32::try_from(length).map_err(|_| CleanError::TooLarge(length))?;
    header.crc = checksum_of(header, body);
    Ok(())
}

fn write_record(body: &mut Vec<u8>, record: &Record<'_>, timestamp_delta: i64) {
    let headers: usize = record
        .headers
        .map(|header| nullable_len(Some(header.key)) + nullable_len(header.value))
        .sum();
    let count = record.headers.count() as i64;
    let offset_delta = i64::from(record.offset_delta);
    let length = 1
        + varlong_len(timestamp_delta)
        + varlong_len(offset_delta)
        + nullable_len(record.key)
        + nullable_len(record.value)
        + varlong_len(count)
        + headers;
    write_varlong(body, length as i64);
    body.push(record.attributes as u8);
    write_varlong(body, timestamp_delta);
    write_varlong(body, offset_delta);
    write_nullable(body, record.key);
    write_nullable(body, record.value);
    write_varlong(body, count);
    for header in record.headers {
        write_nullable(body, Some(header.key));
        write_nullable(body, header.value);
    }
}

fn nullable_len(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| varlong_len(bytes.len() as i64) + bytes.len())
}

fn write_nullable(body: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => write_varlong(body, -1),
        Some(bytes) => {
            write_varlong(body, bytes.len() as i64);
            body.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::BatchView;
    use crate::builder::BatchBuilder;
    use crate::compression::decompress;
    use crate::record::{RecordHeader, Records};
    use base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

    fn original(codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::new()
            .compressed(codec, Level::default_of(codec))
            .producer(ProducerId(9), ProducerEpoch(1), 40)
            .transactional();
        let header = RecordHeader {
            key: b"h",
            value: Some(b"x"),
        };
        builder.append(Timestamp(100), Some(b"a"), Some(b"1"), &[]);
        builder.append(Timestamp(120), Some(b"b"), None, &[header]);
        builder.append(Timestamp(110), Some(b"c"), Some(b"3"), &[]);
        let batch = builder.try_build(Offset(50), LeaderEpoch(2)).expect("built");
        batch.to_bytes().to_vec()
    }

    fn block(view: &BatchView<'_>) -> Vec<u8> {
        let codec = Codec::from_id(view.header().attributes.codec_id()).expect("a codec");
        let mut block = Vec::new();
        decompress(codec, view.body(), 1000, &mut block).expect("decompressed");
        block
    }

    #[test]
    fn what_is_kept_keeps_its_offset_time_and_sequence() {
        for codec in Codec::ALL {
            let bytes = original(codec);
            let (batch, _) = BatchView::split(&bytes).expect("a batch");
            let records = block(&batch);
            let kept = || Records::new(&records, 3).flatten().skip(1);
            for horizon in [None, Some(Timestamp(5000))] {
                let mut out = Vec::new();
                CleanedBatch::default()
                    .append(batch.header(), kept(), horizon, &mut out)
                    .expect("written");
                let (cleaned, rest) = BatchView::split(&out).expect("a batch");
                assert_eq!((rest.len(), cleaned.check()), (0, Ok(())));
                let header = cleaned.header();
                assert_eq!(header.attributes.has_delete_horizon(), horizon.is_some());
                assert_eq!(header.base_timestamp, horizon.unwrap_or(Timestamp(120)));
                assert_eq!((header.max_timestamp, header.record_count), (Timestamp(120), 2));
                assert_eq!((header.base_offset, header.last_offset()), (Offset(50), Offset(52)));
                assert_eq!((header.base_sequence, header.last_sequence()), (40, 42));
                assert_eq!(header.partition_leader_epoch, LeaderEpoch(2));
                let left = block(&cleaned);
                let left: Vec<_> = Records::new(&left, 2).map(|record| record.expect("a record")).collect();
                let facts: Vec<_> = left
                    .iter()
                    .map(|record| {
                        (
                            record.offset_delta,
                            header.timestamp_of(record).0,
                            record.headers.count(),
                        )
                    })
                    .collect();
                assert_eq!(facts, [(1, 120, 1), (2, 110, 0)]);
            }
        }
    }

    #[test]
    fn an_empty_batch_keeps_what_its_producer_needs() {
        let bytes = original(Codec::Lz4);
        let (batch, _) = BatchView::split(&bytes).expect("a batch");
        let mut out = Vec::new();
        let header = CleanedBatch::append_empty(batch.header(), &mut out);
        let (cleaned, _) = BatchView::split(&out).expect("a batch");
        assert_eq!(
            (cleaned.check(), out.len(), header.record_count),
            (Ok(()), HEADER_LEN, 0)
        );
        assert_eq!((header.last_offset(), header.last_sequence()), (Offset(52), 42));
        assert_eq!(
            (header.base_timestamp, header.max_timestamp),
            (Timestamp(-1), Timestamp(120))
        );
        assert!(header.attributes.is_transactional() && !header.attributes.is_compressed());
    }
}
