//! The answer to a Fetch: everything, or what changed since the session's last answer.

use super::read::Read;
use crate::Broker;
use crate::leader_hint::LeaderHints;
use crate::fetch_session::{Cached, FetchPartitionKey, Opened, Session, Wanted};
use network::RequestContext;
use protocol::messages::fetch_response::{
    FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use protocol::{ErrorCode, Records};
use std::sync::MutexGuard;

/// The first version that names the current leader beside an error about it.
const LEADERS_FROM: i16 = 16;
/// The first version that names topics by id.
const IDS_FROM: i16 = 13;

/// Builds the response and notes in the session what it told.
pub(super) fn build(broker: &Broker, context: &RequestContext, opened: Opened, reads: Vec<Read>) -> FetchResponse {
    let image = broker.image.borrow().image.clone();
    let hints = LeaderHints::new(&image, &context.connection.listener);
    let mut gathered = Gathered { hints, version: context.api_version, topics: Vec::new(), last: None, unknown: Vec::new() };
    let session_id = match opened {
        Opened::Sessionless(wanted) => {
            for (wanted, read) in wanted.iter().zip(reads) {
                gathered.add(&wanted.key, read);
            }
            0
        }
        Opened::Full { id, session, wanted } => {
            let mut session = session.as_ref().map(|session| lock(session));
            for (at, (wanted, read)) in wanted.iter().zip(reads).enumerate() {
                if let Some(cached) = session.as_mut().and_then(|session| session.partitions.get_mut(at)) {
                    note(cached, &read);
                }
                gathered.add(&wanted.key, read);
            }
            id
        }
        Opened::Incremental { id, session, wanted } => {
            let mut session = lock(&session);
            for (at, (wanted, read)) in wanted.iter().zip(reads).enumerate() {
                // Another request of the same session may have changed it meanwhile: then everything is told.
                let cached = session.partitions.get_mut(at).filter(|cached| cached.wanted.key == wanted.key);
                if cached.is_none_or(|cached| note(cached, &read)) {
                    gathered.add(&wanted.key, read);
                }
            }
            session.rotate();
            id
        }
    };
    gathered.append_unknown();
    let endpoints = gathered.hints.endpoints().into_iter().map(|endpoint| NodeEndpoint {
        node_id: endpoint.node.0,
        host: endpoint.host,
        port: endpoint.port,
        rack: endpoint.rack,
    });
    FetchResponse {
        session_id,
        node_endpoints: endpoints.collect(),
        responses: gathered.topics,
        ..Default::default()
    }
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

fn lock(session: &std::sync::Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().expect("no code panics while it changes a fetch session")
}

/// Notes what is told of a partition; answers whether it must be.
fn note(cached: &mut Cached, read: &Read) -> bool {
    cached.was_served = read.len() > 0;
    let changed = read.len() > 0
        || read.must_be_told()
        || cached.high_watermark != read.high_watermark.0
        || cached.log_start_offset != read.log_start_offset.0;
    cached.log_start_offset = read.log_start_offset.0;
    // After an error the next answer is to be given whatever it is.
    cached.high_watermark = if read.error == ErrorCode::None { read.high_watermark.0 } else { -1 };
    changed
}

struct Gathered<'a> {
    hints: LeaderHints<'a>,
    version: i16,
    topics: Vec<FetchableTopicResponse>,
    last: Option<FetchPartitionKey>,
    /// Partitions that the cluster does not know, answered at the end.
    unknown: Vec<(FetchPartitionKey, Read)>,
}

impl Gathered<'_> {
    fn add(&mut self, key: &FetchPartitionKey, read: Read) {
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
        let current_leader = self.leader(key, read.error);
        if let Some(topic) = self.topics.last_mut() {
            topic.partitions.push(partition(key.index, read, current_leader));
        }
    }

    fn leader(&mut self, key: &FetchPartitionKey, error: ErrorCode) -> LeaderIdAndEpoch {
        let is_about_leader = matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
        if self.version < LEADERS_FROM || !is_about_leader {
            return LeaderIdAndEpoch::default();
        }
        let topic = self.hints.topic(&key.topic, key.topic_id);
        let (leader, epoch) = self.hints.name(topic, key.index);
        LeaderIdAndEpoch { leader_id: leader.0, leader_epoch: epoch.0 }
    }
}

fn partition(partition_index: i32, read: Read, current_leader: LeaderIdAndEpoch) -> PartitionData {
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
        records: Some(read.region.map_or(Records::EMPTY, Records::File)),
        ..Default::default()
    }
}
