//! A Produce request as a view.

use super::TopicRef;
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
    frame: &'a Bytes,
    batches: Batches<'a>,
}

/// The records for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced<'a> {
    /// The topic.
    pub topic: TopicRef<'a>,
    /// Which of the request's topics that is, from 0: one may come twice.
    pub topic_number: usize,
    /// The partition's index.
    pub index: i32,
    /// The record batches, a part of the frame.
    pub records: Option<&'a [u8]>,
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
        let batches = Batches::begin(reader, version)?;
        let mut passed = batches.clone();
        while passed.read()?.is_some() {}
        passed.reader.skip_tags()?;
        Ok(Self {
            transactional_id,
            acks,
            timeout_ms,
            frame: body,
            batches,
        })
    }

    /// How many topics there are; one may come twice.
    pub fn topic_count(&self) -> usize {
        self.batches.topics
    }

    /// The records for each partition, in the request's order.
    pub fn batches(&self) -> impl Iterator<Item = Produced<'a>> + use<'a> {
        let mut batches = self.batches.clone();
        std::iter::from_fn(move || batches.read().expect("the view was validated when it was made"))
    }

    /// Records of this request, sharing the frame's memory.
    ///
    /// # Panics
    /// If they are of another one.
    pub fn share(&self, records: &'a [u8]) -> Bytes {
        self.frame.slice_ref(records)
    }
}

/// Where in the request the next partition is.
#[derive(Clone, Debug)]
struct Batches<'a> {
    reader: Reader<'a>,
    version: i16,
    topic: TopicRef<'a>,
    /// How many topics have begun, and how many have not.
    begun: usize,
    topics: usize,
    /// How many partitions of the topic are left.
    partitions: usize,
}

impl<'a> Batches<'a> {
    fn begin(mut reader: Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let topics = reader
            .nullable_count(TopicProduceData::MIN_SIZE)?
            .ok_or(DecodeError::Null)?;
        Ok(Self {
            reader,
            version,
            topic: TopicRef::Name(""),
            begun: 0,
            topics,
            partitions: 0,
        })
    }

    fn read(&mut self) -> Result<Option<Produced<'a>>, DecodeError> {
        while self.partitions == 0 {
            if self.topics == 0 {
                return Ok(None);
            }
            self.begin_topic()?;
        }
        let produced = Produced {
            topic: self.topic,
            topic_number: self.begun - 1,
            index: self.reader.i32()?,
            records: self.reader.nullable_slice()?,
        };
        self.reader.skip_tags()?;
        self.partitions -= 1;
        if self.partitions == 0 {
            self.reader.skip_tags()?;
        }
        Ok(Some(produced))
    }

    fn begin_topic(&mut self) -> Result<(), DecodeError> {
        self.topic = TopicRef::read(&mut self.reader, self.version, IDS_FROM)?;
        let partitions = self.reader.nullable_count(PartitionProduceData::MIN_SIZE)?;
        self.partitions = partitions.ok_or(DecodeError::Null)?;
        self.begun += 1;
        self.topics -= 1;
        if self.partitions == 0 {
            self.reader.skip_tags()?;
        }
        Ok(())
    }
}
