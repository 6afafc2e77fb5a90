//! The answer to a Fetch: everything, or what changed since the session's last answer.

use super::current_leader::current_leader;
use super::in_session::InSession;
use super::length::Length;
use super::lock;
use super::read::Read;
use crate::Broker;
use crate::leader_hint::LeaderHints;
use crate::fetch_session::{Cached, FetchPartitionKey, Session, Wanted};
use metadata::MetadataImage;
use network::RequestContext;
use protocol::messages::fetch_response::{
    FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use protocol::{ErrorCode, Records};
use std::sync::Mutex;

/// The first version that names topics by id.
const IDS_FROM: i16 = 13;

/// The answer to a request without a session, or to the one that begins it, which notes what it was told.
pub(super) fn of_everything(
    broker: &Broker,
    context: &RequestContext,
    session_id: i32,
    session: Option<&Mutex<Session>>,
    wanted: &[Wanted],
    reads: Vec<Read>,
) -> FetchResponse {
    let image = broker.image.borrow().image.clone();
    let mut gathered = Gathered::new(&image, context);
    let mut session = session.map(lock);
    for (slot, (wanted, read)) in (0_u32..).zip(wanted.iter().zip(reads)) {
        if let Some(session) = session.as_mut() {
            if read.len() > 0 {
                session.was_served(slot);
            }
            if let Some(cached) = session.cached(slot).filter(|cached| cached.wanted.key == wanted.key) {
                note(cached, &read);
            }
        }
        gathered.add(&wanted.key, read);
    }
    gathered.finish(session_id)
}

/// The answer to a request of a session that goes on: what changed since it was told.
pub(super) fn of_session(broker: &Broker, context: &RequestContext, session_id: i32, work: InSession) -> FetchResponse {
    let image = broker.image.borrow().image.clone();
    let mut gathered = Gathered::new(&image, context);
    work.finish(|due, read, cached| {
        // Another request of the same session may have changed it meanwhile: then everything is told.
        if cached.is_none_or(|cached| note(cached, &read)) {
            gathered.add(&due.wanted.key, read);
        }
    });
    gathered.finish(session_id)
}

/// The answer to a request beyond its client's quota: nothing, and how many milliseconds to wait.
pub(super) fn empty(session_id: i32, throttle_time_ms: i32) -> FetchResponse {
    FetchResponse { session_id, throttle_time_ms, ..Default::default() }
}

/// How long [`of_everything`] is.
pub(super) fn len_of_everything(
    broker: &Broker,
    context: &RequestContext,
    wanted: &[Wanted],
    reads: &[Read],
) -> u64 {
    let image = broker.image.borrow().image.clone();
    let mut length = Length::new(&image, context);
    for (wanted, read) in wanted.iter().zip(reads) {
        length.add(&wanted.key, read);
    }
    length.finish()
}

/// How long [`of_session`] would be; nothing is noted, so that the same can be told later.
pub(super) fn len_of_session(broker: &Broker, context: &RequestContext, work: &InSession) -> u64 {
    let image = broker.image.borrow().image.clone();
    let mut length = Length::new(&image, context);
    work.peek(|due, read, cached| {
        if cached.is_none_or(|cached| is_news(cached, read)) {
            length.add(&due.wanted.key, read);
        }
    });
    length.finish()
}

/// The answer to a request that is wrong as a whole: an error for each partition, or from version 13 on only one.
pub(super) fn refuse_all(version: i16, wanted: Vec<Wanted>) -> FetchResponse {
    let error = ErrorCode::UnknownServerError.code();
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    let wanted = if version < IDS_FROM { wanted } else { Vec::new() };
    for Wanted { key, .. } in wanted {
        if topics.last().is_none_or(|last| last.topic != *key.topic) {
            topics.push(FetchableTopicResponse { topic: key.topic.to_string(), ..Default::default() });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(PartitionData {
                partition_index: key.index,
                error_code: error,
                high_watermark: -1,
                aborted_transactions: Some(Vec::new()),
                records: Some(Records::EMPTY),
                ..Default::default()
            });
        }
    }
    FetchResponse { error_code: error, responses: topics, ..Default::default() }
}

/// Notes what is told of a partition; answers whether it must be.
fn note(cached: &mut Cached, read: &Read) -> bool {
    let changed = is_news(cached, read);
    cached.log_start_offset = read.log_start_offset.0;
    // After an error the next answer is to be given whatever it is.
    cached.high_watermark = if read.error == ErrorCode::None { read.high_watermark.0 } else { -1 };
    changed
}

/// Whether it differs from what was told last.
fn is_news(cached: &Cached, read: &Read) -> bool {
    read.len() > 0
        || read.must_be_told()
        || cached.high_watermark != read.high_watermark.0
        || cached.log_start_offset != read.log_start_offset.0
}

/// An answer, partition by partition; how long it gets is what [`Length`] says of the same.
pub(super) struct Gathered<'a> {
    hints: LeaderHints<'a>,
    version: i16,
    topics: Vec<FetchableTopicResponse>,
    last: Option<FetchPartitionKey>,
    /// Partitions that the cluster does not know, answered at the end.
    unknown: Vec<(FetchPartitionKey, Read)>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(image: &'a MetadataImage, context: &'a RequestContext) -> Self {
        let hints = LeaderHints::new(image, &context.connection.listener);
        Self { hints, version: context.api_version, topics: Vec::new(), last: None, unknown: Vec::new() }
    }

    pub(super) fn finish(mut self, session_id: i32) -> FetchResponse {
        self.append_unknown();
        let endpoints = self.hints.endpoints().into_iter().map(|endpoint| NodeEndpoint {
            node_id: endpoint.node.0,
            host: endpoint.host,
            port: endpoint.port,
            rack: endpoint.rack,
        });
        FetchResponse {
            session_id,
            node_endpoints: endpoints.collect(),
            responses: self.topics,
            ..Default::default()
        }
    }

    pub(super) fn add(&mut self, key: &FetchPartitionKey, read: Read) {
        if read.unknown {
            self.unknown.push((key.clone(), read));
        } else {
            self.append(key, read);
        }
    }

    fn append_unknown(&mut self) {
        for (key, read) in std::mem::take(&mut self.unknown) {
            self.append(&key, read);
        }
    }

    fn append(&mut self, key: &FetchPartitionKey, read: Read) {
        let same = |last: &FetchPartitionKey| last.topic_id == key.topic_id && last.topic == key.topic;
        if !self.last.as_ref().is_some_and(same) {
            self.topics.push(FetchableTopicResponse {
                topic: key.topic.to_string(),
                topic_id: key.topic_id,
                partitions: Vec::new(),
            });
            self.last = Some(key.clone());
        }
        let leader = current_leader(&mut self.hints, self.version, key, read.error);
        if let Some(topic) = self.topics.last_mut() {
            topic.partitions.push(partition(key.index, read, leader));
        }
    }
}

fn partition(partition_index: i32, read: Read, current_leader: LeaderIdAndEpoch) -> PartitionData {
    let records = match (read.bytes, read.region) {
        (Some(bytes), _) => Records::Bytes(bytes.into()),
        (None, Some(region)) => Records::File(region),
        (None, None) => Records::EMPTY,
    };
    PartitionData {
        partition_index,
        error_code: read.error.code(),
        high_watermark: read.high_watermark.0,
        last_stable_offset: read.last_stable_offset.0,
        log_start_offset: read.log_start_offset.0,
        diverging_epoch: read.diverging.unwrap_or_default(),
        current_leader,
        aborted_transactions: read.aborted,
        preferred_read_replica: read.preferred.map_or(-1, |node| node.0),
        records: Some(records),
        ..Default::default()
    }
}
