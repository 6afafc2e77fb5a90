//! A Produce request whose batches stay and whose partitions, number and sequence numbers are written over.

use crate::connection::CLIENT_ID;
use anyhow::{Context, Result, ensure};
use base::Uuid;
use bytes::Bytes;
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::{Records, frame};

/// The version that today's Java client speaks: topics by their id.
pub const VERSION: i16 = 13;
/// Stands where a partition's number goes until it is known; no text and no length looks like it.
const PLACE: i32 = 0x7fee_0000;
/// Where a request has its correlation id: behind its length, its key and its version.
const CORRELATION: usize = 8;
/// Where a batch has its checksum, what that covers, and its first sequence number.
const CHECKSUM: usize = 17;
const CHECKED_FROM: usize = 21;
const SEQUENCE: usize = 53;

/// A request with a batch for each of some partitions.
pub struct ProduceFrame {
    bytes: Vec<u8>,
    places: Vec<usize>,
    batches: Vec<usize>,
    batch_len: usize,
    correlation: i32,
}

impl ProduceFrame {
    /// A request with the same batch for `partitions` partitions of the topic.
    pub fn new(topic: Uuid, batch: &Bytes, partitions: usize, acks: i16) -> Result<Self> {
        let partition = |number| PartitionProduceData {
            index: PLACE + number,
            records: Some(Records::Bytes(batch.clone())),
        };
        let request = ProduceRequest {
            transactional_id: None,
            acks,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                topic_id: topic,
                partition_data: (0..i32::try_from(partitions)?).map(partition).collect(),
                ..Default::default()
            }],
        };
        let bytes = frame::encode_request(&request, VERSION, 0, Some(CLIENT_ID))?;
        let mut made = Self {
            bytes: bytes.into_bytes().to_vec(),
            places: Vec::new(),
            batches: Vec::new(),
            batch_len: batch.len(),
            correlation: 0,
        };
        made.find_places(batch, partitions)?;
        Ok(made)
    }

    fn find_places(&mut self, batch: &Bytes, partitions: usize) -> Result<()> {
        let mut from = 0;
        for number in 0..i32::try_from(partitions)? {
            let place =
                position(&self.bytes, from, &(PLACE + number).to_be_bytes()).context("the partition's place")?;
            let start = position(&self.bytes, place, &batch[..61]).context("the batch's place")?;
            ensure!(self.bytes[start..].starts_with(batch), "the batch is in one piece");
            self.places.push(place);
            self.batches.push(start);
            from = start + batch.len();
        }
        Ok(())
    }

    /// How many batches it has.
    pub fn batches(&self) -> usize {
        self.batches.len()
    }

    /// The next request, for these partitions; one is left out only at the caller's cost.
    pub fn address(&mut self, partitions: impl Iterator<Item = i32>) -> &[u8] {
        self.correlation = self.correlation.wrapping_add(1);
        let correlation = self.correlation;
        self.put(CORRELATION, correlation);
        for (at, partition) in partitions.take(self.places.len()).enumerate() {
            self.put(self.places[at], partition);
        }
        &self.bytes
    }

    /// Gives batch `at` its first sequence number.
    pub fn number(&mut self, at: usize, sequence: i32) {
        let start = self.batches[at];
        self.put(start + SEQUENCE, sequence);
        self.seal(at);
    }

    /// Writes `bytes` into batch `at`, at `offset` of it.
    pub fn write(&mut self, at: usize, offset: usize, bytes: &[u8]) {
        let start = self.batches[at] + offset;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// Computes batch `at`'s checksum anew.
    pub fn seal(&mut self, at: usize) {
        let start = self.batches[at];
        let sum = records::checksum::crc32c(&self.bytes[start + CHECKED_FROM..start + self.batch_len]);
        self.bytes[start + CHECKSUM..start + CHECKED_FROM].copy_from_slice(&sum.to_be_bytes());
    }

    fn put(&mut self, at: usize, value: i32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
}

/// Where `wanted` is in `bytes`, from `from` on.
pub fn position(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let found = bytes[from..].windows(wanted.len()).position(|window| window == wanted);
    found.map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Shape, build};
    use protocol::Message;
    use records::compression::Codec;

    #[test]
    fn a_replayed_request_reads_back_with_its_partitions_and_whole_batches() {
        let shape = Shape {
            record_size: 100,
            batch_size: 4096,
            compression: Codec::None,
        };
        let batch = build(&shape, None).expect("a batch");
        assert!(batch.bytes.len() <= 4096 && batch.records > 30, "{}", batch.records);
        let mut frame = ProduceFrame::new(Uuid([7; 16]), &batch.bytes, 3, -1).expect("a frame");
        frame.number(1, 77);
        let bytes = Bytes::copy_from_slice(frame.address([5, 900, 12].into_iter()));
        let bytes = bytes.slice(4..);
        let read = protocol::frame::decode_request(&bytes).expect("a request");
        assert_eq!((read.version, read.correlation_id), (VERSION, 1));
        let request = ProduceRequest::from_bytes(&read.body, VERSION).expect("a Produce request");
        let partitions = &request.topic_data[0].partition_data;
        let indexes: Vec<i32> = partitions.iter().map(|partition| partition.index).collect();
        assert_eq!(indexes, [5, 900, 12]);
        let sequence = |at: usize| {
            let records = partitions[at].records.as_ref().and_then(|records| records.as_bytes());
            let (batch, rest) = records::BatchView::split(records.expect("records")).expect("a batch");
            assert!(rest.is_empty());
            assert_eq!(batch.check(), Ok(()));
            batch.header().base_sequence
        };
        assert_eq!([sequence(0), sequence(1), sequence(2)], [-1, 77, -1]);
    }
}
