//! A Fetch request as a view.

use super::{Elements, TopicRef};
use crate::messages::fetch_request::{self, FetchRequest, ReplicaState};
use crate::wire::{Body, DecodeError, Message, Reader};
use bytes::Bytes;

pub use crate::messages::fetch_request::FetchPartition;

/// The first version that names topics by id (KIP-516).
const IDS_FROM: i16 = 13;

/// A Fetch request.
#[derive(Clone, Debug)]
pub struct FetchView<'a> {
    /// The cluster the fetcher believes it is in; only in the metadata quorum.
    pub cluster_id: Option<&'a str>,
    /// The fetching replica, or -1 for a consumer; wherever the version carries it.
    pub replica_id: i32,
    /// The fetching broker's epoch, or -1.
    pub replica_epoch: i64,
    /// How long to wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// With fewer bytes than these the request may wait.
    pub min_bytes: i32,
    /// About how many bytes the answer may hold.
    pub max_bytes: i32,
    /// 0 reads what is replicated, 1 what is committed.
    pub isolation_level: i8,
    /// The fetch session, 0 for none (KIP-227).
    pub session_id: i32,
    /// The session's epoch: 0 begins one, -1 ends it or does without.
    pub session_epoch: i32,
    /// The consumer's rack, or empty.
    pub rack_id: &'a str,
    version: i16,
    topics: Elements<'a>,
    forgotten: Elements<'a>,
}

impl<'a> FetchView<'a> {
    /// The view of the request in `body`.
    pub fn parse(body: &'a Bytes, version: i16) -> Result<Self, DecodeError> {
        if !FetchRequest::VERSIONS.contains(version) {
            return Err(DecodeError::Version {
                message: FetchRequest::NAME,
                version,
            });
        }
        let mut reader = Reader::new(body);
        reader.set_flexible(version >= FetchRequest::FLEXIBLE_FROM);
        let reader = &mut reader;
        let has_session = version >= 7;
        let mut view = Self {
            cluster_id: None,
            replica_id: if version <= 14 { reader.i32()? } else { -1 },
            replica_epoch: -1,
            max_wait_ms: reader.i32()?,
            min_bytes: reader.i32()?,
            max_bytes: reader.i32()?,
            isolation_level: reader.i8()?,
            session_id: if has_session { reader.i32()? } else { 0 },
            session_epoch: if has_session { reader.i32()? } else { -1 },
            topics: Elements::pass(reader, fetch_request::FetchTopic::MIN_SIZE, |reader| {
                FetchTopic::read(reader, version)
            })?,
            forgotten: Elements::none(reader),
            rack_id: "",
            version,
        };
        if has_session {
            view.forgotten = Elements::pass(reader, fetch_request::ForgottenTopic::MIN_SIZE, |reader| {
                ForgottenTopic::read(reader, version)
            })?;
        }
        if version >= 11 {
            view.rack_id = reader.str()?;
        }
        view.read_tags(reader)?;
        Ok(view)
    }

    fn read_tags(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        for _ in 0..reader.tag_count()? {
            let field = reader.tag()?;
            match field.tag {
                0 => self.cluster_id = reader.nullable_str()?,
                1 if self.version >= 15 => {
                    let state = ReplicaState::read(reader, self.version)?;
                    (self.replica_id, self.replica_epoch) = (state.replica_id, state.replica_epoch);
                }
                _ => {
                    reader.skip_tag(field);
                    continue;
                }
            }
            reader.end_tag(field)?;
        }
        Ok(())
    }

    /// How many topics there are; one may come twice.
    pub fn topic_count(&self) -> usize {
        self.topics.left
    }

    /// The topics, in the request's order.
    pub fn topics(&self) -> impl Iterator<Item = FetchTopic<'a>> + use<'a> {
        let (version, mut topics) = (self.version, self.topics.clone());
        std::iter::from_fn(move || topics.next(|reader| FetchTopic::read(reader, version)))
    }

    /// What the session shall no longer hold.
    pub fn forgotten(&self) -> impl Iterator<Item = ForgottenTopic<'a>> + use<'a> {
        let (version, mut forgotten) = (self.version, self.forgotten.clone());
        std::iter::from_fn(move || forgotten.next(|reader| ForgottenTopic::read(reader, version)))
    }
}

/// What is fetched of one topic.
#[derive(Clone, Debug)]
pub struct FetchTopic<'a> {
    /// The topic.
    pub topic: TopicRef<'a>,
    version: i16,
    partitions: Elements<'a>,
}

impl<'a> FetchTopic<'a> {
    fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let topic = TopicRef::read(reader, version, IDS_FROM)?;
        let partitions = Elements::pass(reader, FetchPartition::MIN_SIZE, |reader| {
            FetchPartition::read(reader, version)
        })?;
        reader.skip_tags()?;
        Ok(Self {
            topic,
            version,
            partitions,
        })
    }

    /// How many partitions there are; one may come twice.
    pub fn partition_count(&self) -> usize {
        self.partitions.left
    }

    /// The partitions, in the request's order.
    pub fn partitions(&self) -> impl Iterator<Item = FetchPartition> + use<'a> {
        let (version, mut partitions) = (self.version, self.partitions.clone());
        std::iter::from_fn(move || partitions.next(|reader| FetchPartition::read(reader, version)))
    }
}

/// Partitions of one topic that leave the session.
#[derive(Clone, Debug)]
pub struct ForgottenTopic<'a> {
    /// The topic.
    pub topic: TopicRef<'a>,
    partitions: Elements<'a>,
}

impl<'a> ForgottenTopic<'a> {
    fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let topic = TopicRef::read(reader, version, IDS_FROM)?;
        let partitions = Elements::pass(reader, 4, Reader::i32)?;
        reader.skip_tags()?;
        Ok(Self { topic, partitions })
    }

    /// The indices of the partitions.
    pub fn partitions(&self) -> impl Iterator<Item = i32> + use<'a> {
        let mut partitions = self.partitions.clone();
        std::iter::from_fn(move || partitions.next(Reader::i32))
    }
}
