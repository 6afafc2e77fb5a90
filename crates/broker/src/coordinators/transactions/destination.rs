//! The way of markers to one leader: one request at a time, with everything that has gathered meanwhile.

use super::write_markers;
use crate::Broker;
use crate::coordinators::hosting::ask::shard_at;
use crate::coordinators::hosting::tenant::Place;
use crate::peers::{self, PeerError};
use base::{NodeId, TopicPartition};
use protocol::ErrorCode;
use protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use protocol::messages::write_txn_markers_response::WritableTxnMarkerResult;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::{debug, warn};
use transaction_coordinator::op::markers_written::markers_written;
use transaction_coordinator::{MarkerResult, MarkerRun, MarkersDue, TransactionCoordinator, TransactionEnd};

/// How many transactions one request ends at most.
const MOST: usize = 1000;

/// The markers of one transaction for one leader.
#[derive(Debug)]
pub(super) struct Work {
    place: Place,
    due: MarkersDue,
    pub(super) partitions: Vec<TopicPartition>,
}

impl Work {
    pub(super) fn new(place: Place, due: &MarkersDue) -> Self {
        let due = MarkersDue {
            partitions: Vec::new(),
            ..due.clone()
        };
        Self {
            place,
            due,
            partitions: Vec::new(),
        }
    }

    fn marker(&self) -> WritableTxnMarker {
        let mut topics: Vec<WritableTxnMarkerTopic> = Vec::new();
        for TopicPartition { topic, partition } in &self.partitions {
            match topics.last_mut() {
                Some(last) if *last.name == **topic => last.partition_indexes.push(*partition),
                _ => topics.push(WritableTxnMarkerTopic {
                    name: topic.to_string(),
                    partition_indexes: vec![*partition],
                }),
            }
        }
        WritableTxnMarker {
            producer_id: self.due.producer.id.0,
            producer_epoch: self.due.producer.epoch.0,
            transaction_result: self.due.end == TransactionEnd::Commit,
            topics,
            coordinator_epoch: self.place.epoch.0,
            transaction_version: i8::try_from(self.due.version.level()).unwrap_or(0),
        }
    }
}

/// What is to go to one leader.
#[derive(Debug)]
pub(super) struct Destination {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Vec<Work>>,
    ready: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Vec<Work>> {
        self.waiting.lock().expect("no code panics while it holds this lock")
    }

    fn take(&self) -> Vec<Work> {
        let mut waiting = self.lock();
        let most = waiting.len().min(MOST);
        let rest = waiting.split_off(most);
        if !rest.is_empty() {
            self.ready.notify_one();
        }
        std::mem::replace(&mut *waiting, rest)
    }
}

impl Destination {
    /// Begins to serve `node`, until the broker stops.
    pub(super) fn begin(broker: &Arc<Broker>, node: NodeId, tasks: &mut JoinSet<()>) -> Self {
        let queue = Arc::new(Queue::default());
        tasks.spawn(serve(Arc::clone(broker), node, Arc::clone(&queue)));
        Self { queue }
    }

    pub(super) fn put(&self, work: Work) {
        self.queue.lock().push(work);
        self.queue.ready.notify_one();
    }
}

async fn serve(broker: Arc<Broker>, node: NodeId, queue: Arc<Queue>) {
    loop {
        queue.ready.notified().await;
        let work = queue.take();
        if work.is_empty() {
            continue;
        }
        let markers = work.iter().map(Work::marker).collect();
        let written = match write(&broker, node, markers).await {
            Ok(written) => written,
            Err(error) => {
                debug!(%node, %error, "markers could not be sent");
                Vec::new()
            }
        };
        let found = by_partition(&written);
        for work in &work {
            let results: Vec<_> = work
                .partitions
                .iter()
                .map(|at| (at.clone(), result(&found, work, at)))
                .collect();
            report(&broker, work.place, &work.due.id, work.due.run, &results);
        }
    }
}

/// Writes markers to the partitions that `node` leads: here, or by asking it.
async fn write(
    broker: &Broker,
    node: NodeId,
    markers: Vec<WritableTxnMarker>,
) -> Result<Vec<WritableTxnMarkerResult>, PeerError> {
    if node == broker.node {
        return Ok(write_markers::write(broker, &markers).await);
    }
    let response = peers::ask(broker, node, &WriteTxnMarkersRequest { markers }).await?;
    Ok(response.markers)
}

type Found<'a> = FxHashMap<(i64, &'a str, i32), ErrorCode>;

fn by_partition(written: &[WritableTxnMarkerResult]) -> Found<'_> {
    let mut found = Found::default();
    for marker in written {
        for topic in &marker.topics {
            for partition in &topic.partitions {
                let at = (marker.producer_id, topic.name.as_str(), partition.partition_index);
                found.insert(at, ErrorCode::from(partition.error_code));
            }
        }
    }
    found
}

/// What an answer means; none is tried again.
fn result(found: &Found<'_>, work: &Work, at: &TopicPartition) -> MarkerResult {
    let Some(error) = found.get(&(work.due.producer.id.0, &at.topic, at.partition)) else {
        return MarkerResult::Retry;
    };
    match error {
        ErrorCode::None => MarkerResult::Written,
        ErrorCode::UnsupportedForMessageFormat | ErrorCode::UnsupportedVersion => MarkerResult::Gone,
        ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced => MarkerResult::Fenced,
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotLeaderOrFollower
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut
        | ErrorCode::KafkaStorageError
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable => MarkerResult::Retry,
        error => {
            warn!(id = %work.due.id, partition = %at, %error, "a transaction's marker was refused; it is tried again");
            MarkerResult::Retry
        }
    }
}

/// Tells the coordinator what became of its markers, if it still is one.
pub(super) fn report(
    broker: &Broker,
    place: Place,
    id: &Arc<str>,
    run: MarkerRun,
    results: &[(TopicPartition, MarkerResult)],
) {
    let Some(shard) = shard_at::<TransactionCoordinator>(broker, place) else {
        return;
    };
    let told = shard.change(|shard, serving, due| {
        let outcome = markers_written(&mut serving.coordinator, shard.moment(), id, run, results);
        shard.write(serving, outcome, due);
    });
    if let Err(error) = told {
        debug!(%id, %error, "the coordinator whose markers were written is gone");
    }
}
