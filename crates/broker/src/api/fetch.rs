//! Fetch (key 1): records from where the fetcher stands.
//!
//! With fewer than `min_bytes` the request is parked until a partition has more, `max_wait` is over or the broker stops.
//! The first partition with data may exceed every limit by one batch, so that a reader always makes progress. Sessions
//! (KIP-227) from version 7: only what changed is answered. Topics by id from version 13; an id nobody knows is
//! UNKNOWN_TOPIC_ID. Partitions that the cluster does not know are answered after the others. A fetcher that names the epoch of its last record is told where it diverges (KIP-595).
//! Records leave as file regions and are never copied here.

mod consumer;
mod current_leader;
mod in_session;
mod length;
mod looked;
mod read;
mod reader;
mod replica;
mod response;

use crate::Broker;
use crate::fetch_session::{
    FetchPartitionKey, Opened, Owner, Position, Scope, Session, SessionRequest, Surroundings, Wanted,
};
use crate::replication::selector;
use crate::waiting::{self, Woken};
use base::{Offset, Uuid};
use bytes::Bytes;
use in_session::InSession;
use network::api::respond;
use network::{Alarm, Reply, RequestContext};
use partition::{Parked, Signal};
use protocol::ErrorCode;
use protocol::messages::fetch_response::FetchResponse;
use protocol::views::TopicRef;
use protocol::views::fetch::FetchView;
use read::{Limits, Read};
use reader::Reader;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// The first version that names topics by id.
const IDS_FROM: i16 = 13;

/// Reads, waits if there is too little, answers.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    let view = match FetchView::parse(&body, context.api_version) {
        Ok(view) => view,
        Err(error) => {
            tracing::warn!(version = context.api_version, %error, "a Fetch request cannot be decoded");
            return Reply::Close("the request cannot be decoded");
        }
    };
    let session = session_request(broker, &view, context.api_version);
    let Some(reader) = Reader::of(&view, context.api_version, &context.connection.listener) else {
        return respond(context, &response::refuse_all(context.api_version, session.wanted));
    };
    let limits = Limits::new(broker, context, &view, reader);
    drop(body);
    let opened = match broker.fetch_sessions.open(session, broker.clock.now()) {
        Ok(opened) => opened,
        Err(error) => return respond(context, &FetchResponse { error_code: error.code(), ..Default::default() }),
    };
    let (wanted, id, session) = match opened {
        Opened::Incremental { id, session, due, forgotten } => {
            in_session::release(&session, forgotten, &limits.reader);
            let mut work = InSession::new(session, due);
            work.read_or_wait(broker, &context.connection.alarm, &limits).await;
            let len = || response::len_of_session(broker, context, &work);
            if let Some(time) = throttled(broker, context, &limits.reader, len) {
                return respond(context, &response::empty(id, time));
            }
            measure(broker, work.reads(), work.partitions, &limits.reader);
            return respond(context, &response::of_session(broker, context, id, work));
        }
        Opened::Sessionless(wanted) => (wanted, 0, None),
        Opened::Full { id, session, wanted } => (wanted, id, session),
    };
    let reads = read_or_wait(broker, &context.connection.alarm, &wanted, &limits).await;
    let len = || response::len_of_everything(broker, context, &wanted, &reads);
    if let Some(time) = throttled(broker, context, &limits.reader, len) {
        // The client has learned nothing of it.
        broker.fetch_sessions.end(id);
        return respond(context, &response::empty(0, time));
    }
    measure(broker, &reads, reads.len(), &limits.reader);
    respond(context, &response::of_everything(broker, context, id, session.as_deref(), &wanted, reads))
}

/// How many milliseconds a consumer is told to wait instead of getting an answer of that length. Followers never are.
fn throttled(broker: &Broker, context: &RequestContext, reader: &Reader, len: impl FnOnce() -> u64) -> Option<i32> {
    match reader {
        Reader::Replica { .. } => None,
        Reader::Consumer { .. } => broker.quotas.fetched(context, len, || broker.clock.now()),
    }
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().expect("no code panics while it changes a fetch session")
}

/// Counts a request of so many partitions.
fn measure(broker: &Broker, reads: &[Read], partitions: usize, reader: &Reader) {
    let bytes = reads.iter().map(Read::len).sum();
    if matches!(reader, Reader::Replica { .. }) {
        broker.measures.replication.bytes_out.add(bytes);
        let throttled = |read: &&Read| read.hosted.as_ref().is_some_and(|hosted| hosted.throttled().as_leader);
        let throttled: u64 = reads.iter().filter(throttled).map(Read::len).sum();
        if throttled > 0 {
            broker.throttles.leader.count(throttled, broker.clock.now());
        }
        return;
    }
    let traffic = &broker.measures.traffic;
    let failed = reads.iter().filter(|read| read.error != ErrorCode::None).count();
    traffic.fetches.add(partitions as u64);
    traffic.bytes_out.add(bytes);
    if failed > 0 {
        traffic.failed_fetches.add(failed as u64);
    }
}

fn session_request(broker: &Broker, view: &FetchView<'_>, version: i16) -> SessionRequest {
    let mut wanted = Vec::with_capacity(view.topic_count().min(1024));
    for topic in view.topics() {
        let (topic_id, name) = name_of(topic.topic);
        for partition in topic.partitions() {
            let key = FetchPartitionKey { topic_id, topic: Arc::clone(&name), index: partition.partition };
            wanted.push(Wanted { key, position: Position::from(&partition) });
        }
    }
    let mut forgotten = Vec::new();
    for topic in view.forgotten() {
        let (topic_id, name) = name_of(topic.topic);
        let keys = topic.partitions().map(|index| FetchPartitionKey { topic_id, topic: Arc::clone(&name), index });
        forgotten.extend(keys);
    }
    let wanted = without_repeats(wanted);
    SessionRequest {
        id: view.session_id,
        epoch: view.session_epoch,
        uses_topic_ids: version >= IDS_FROM,
        wanted,
        forgotten,
        owner: if view.replica_id >= 0 { Owner::Follower } else { Owner::Consumer },
        surroundings: Surroundings {
            table: broker.partitions.version(),
            offline_dirs: broker.log_dirs.offline(),
            replica_epoch: view.replica_epoch,
        },
        // Which replica is the nearest depends on who lives where.
        scope: if selector::is_asked(broker, view.rack_id) { Scope::All } else { Scope::Due },
    }
}

/// A partition that comes twice keeps its first place and takes its last position, as in Kafka's ordered map.
fn without_repeats(wanted: Vec<Wanted>) -> Vec<Wanted> {
    if wanted.len() < 2 {
        return wanted;
    }
    let mut places: FxHashMap<FetchPartitionKey, usize> = FxHashMap::default();
    let mut unique: Vec<Wanted> = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        match places.get(&wanted.key) {
            Some(at) => unique[*at] = wanted,
            None => {
                places.insert(wanted.key.clone(), unique.len());
                unique.push(wanted);
            }
        }
    }
    unique
}

fn name_of(topic: TopicRef<'_>) -> (Uuid, Arc<str>) {
    match topic {
        TopicRef::Name(name) => (Uuid::ZERO, Arc::from(name)),
        TopicRef::Id(id) => (id, Arc::from("")),
    }
}

/// Reads; if that gives less than the request wants, parks and reads again on every wake until it is enough or late.
async fn read_or_wait(broker: &Broker, alarm: &Alarm, wanted: &[Wanted], limits: &Limits) -> Vec<Read> {
    let mut reads = read::all(broker, wanted.iter(), limits);
    if limits.max_wait_ms <= 0 || wanted.is_empty() || is_enough(&reads, limits) {
        return reads;
    }
    let deadline = waiting::deadline(limits.max_wait_ms);
    let signal = Arc::new(Signal::default());
    loop {
        signal.lower();
        let woken = if park(wanted, &reads, &signal, &limits.reader) == Parked::DueNow {
            Woken::Raised
        } else {
            waiting::wait_again(broker, alarm, &signal, deadline).await
        };
        reads = read::again(broker, wanted, limits, reads);
        if woken == Woken::TimeUp || tokio::time::Instant::now() >= deadline || is_enough(&reads, limits) {
            break;
        }
    }
    for read in &reads {
        if let Some(hosted) = &read.hosted {
            hosted.lock().leave(&signal);
        }
    }
    reads
}

fn is_enough(reads: &[Read], limits: &Limits) -> bool {
    let bytes: u64 = reads.iter().map(Read::len).sum();
    bytes >= limits.min_bytes || reads.iter().any(Read::must_be_told)
}

fn park(wanted: &[Wanted], reads: &[Read], signal: &Arc<Signal>, reader: &Reader) -> Parked {
    for (wanted, read) in wanted.iter().zip(reads) {
        let Some(hosted) = &read.hosted else { continue };
        let mut partition = hosted.lock();
        let parked = match reader {
            // What is held back is not waited for: the next fetch sees whether it may go.
            Reader::Replica { .. } if read.held_back => continue,
            Reader::Replica { .. } => partition.park_replica_fetch(signal, Offset(wanted.position.fetch_offset)),
            Reader::Consumer { isolation, from, .. } => partition.park_read(signal, read.bound, *isolation, *from),
        };
        if parked == Parked::DueNow {
            return Parked::DueNow;
        }
    }
    Parked::Waiting
}
