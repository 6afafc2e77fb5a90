//! A Produce request as a view.

use super::{Elements, TopicRef};
use crate::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::wire::{Body, DecodeError, Message, Reader};
use bytes::Bytes;

/// The first version that names topics by id (KIP-516).
const IDS_FROM: i16 = 13;

/// A Produce request.
#[derive(Clone, Debug)]
pub struct ProduceView<'a> {
    /// The transactional id, if the producer has one.
    pub transactional_id: Option<&'a str>,
    /// How many replicas must have the records before the answer: 0, 1 or -1 for all in sync.
    pub acks: i16,
    /// How long to wait for them, in milliseconds.
    pub timeout_ms: i32,
    version: i16,
    topics: Elements<'a>,
}

impl<'a> ProduceView<'a> {
    /// The view of the request in `body`.
    pub fn parse(body: &'a Bytes, version: i16) -> Result<Self, DecodeError> {
        if !ProduceRequest::VERSIONS.contains(version) {
            return Err(DecodeError::Version {
                message: ProduceRequest::NAME,
                version,
            });
        }
        let mut reader = Reader::new(body);
        reader.set_flexible(version >= ProduceRequest::FLEXIBLE_FROM);
        let transactional_id = reader.nullable_str()?;
        let acks = reader.i16()?;
        let timeout_ms = reader.i32()?;
        let topics = Elements::pass(&mut reader, TopicProduceData::MIN_SIZE, |reader| {
            ProduceTopic::read(reader, version)
        })?;
        reader.skip_tags()?;
        Ok(Self {
            transactional_id,
            acks,
            timeout_ms,
            version,
            topics,
        })
    }

    /// How many topics there are; one may come twice.
    pub fn topic_count(&self) -> usize {
        self.topics.left
    }

    /// The topics, in the request's order.
    pub fn topics(&self) -> impl Iterator<Item = ProduceTopic<'a>> + use<'a> {
        let (version, mut topics) = (self.version, self.topics.clone());
        std::iter::from_fn(move || topics.next(|reader| ProduceTopic::read(reader, version)))
    }
}

/// The records for one topic.
#[derive(Clone, Debug)]
pub struct ProduceTopic<'a> {
    /// The topic.
    pub topic: TopicRef<'a>,
    partitions: Elements<'a>,
}

impl<'a> ProduceTopic<'a> {
    fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let topic = TopicRef::read(reader, version, IDS_FROM)?;
        let partitions = Elements::pass(reader, PartitionProduceData::MIN_SIZE, ProducePartition::skip)?;
        reader.skip_tags()?;
        Ok(Self { topic, partitions })
    }

    /// How many partitions there are; one may come twice.
    pub fn partition_count(&self) -> usize {
        self.partitions.left
    }

    /// The partitions, in the request's order.
    pub fn partitions(&self) -> impl Iterator<Item = ProducePartition> + use<'a> {
        let mut partitions = self.partitions.clone();
        std::iter::from_fn(move || partitions.next(ProducePartition::read))
    }
}

/// The records for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// The partition's index.
    pub index: i32,
    /// The record batches, a slice of the frame.
    pub records: Option<Bytes>,
}

impl ProducePartition {
    fn skip(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        reader.i32()?;
        reader.nullable_slice()?;
        reader.skip_tags()
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let partition = Self {
            index: reader.i32()?,
            records: reader.nullable_bytes()?,
        };
        reader.skip_tags()?;
        Ok(partition)
    }
}
