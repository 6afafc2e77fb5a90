//! The markers that transaction coordinators want to be written, and their way to the leaders of the partitions.
//!
//! A coordinator puts them into the one [`MarkerQueue`] of the broker. The task [`dispatch`] sorts them by leader; each
//! leader has a task of its own ([`super::destination`]) that sends what has gathered and comes back with the results.
//! The coordinators themselves try again what was not written.

use super::ask;
use super::destination::{Destination, Work, report};
use crate::Broker;
use crate::coordinators::hosting::ask::shard_at;
use crate::coordinators::hosting::tenant::Place;
use base::{NodeId, TopicPartition};
use metadata::MetadataImage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::debug;
use transaction_coordinator::op::abort_timed_out::abort_starved;
use transaction_coordinator::{MarkerResult, MarkersDue, TransactionCoordinator};

/// What is to be written. A coordinator has at most one run of markers for each transactional id, so this is bounded by
/// the transactions that are under way.
#[derive(Debug, Default)]
pub struct MarkerQueue {
    waiting: Mutex<Waiting>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    due: Vec<(Place, MarkersDue)>,
    /// Coordinators that cannot fence a producer without a new producer id.
    starved: BTreeSet<Place>,
}

impl MarkerQueue {
    pub(super) fn put(&self, place: Place, due: Vec<MarkersDue>) {
        self.lock().due.extend(due.into_iter().map(|due| (place, due)));
        self.ready.notify_one();
    }

    pub(super) fn want_producer_id(&self, place: Place) {
        if self.lock().starved.insert(place) {
            self.ready.notify_one();
        }
    }

    fn take(&self) -> Waiting {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no code panics while it holds this lock")
    }
}

/// Hands out markers until the broker stops.
pub(crate) async fn dispatch(broker: Arc<Broker>) {
    let mut destinations: BTreeMap<NodeId, Destination> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    let mut stopping = broker.stopping.clone();
    loop {
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            () = broker.markers.ready.notified() => {}
        }
        let Waiting { due, starved } = broker.markers.take();
        let image = Arc::clone(&broker.committed.borrow().image);
        for (place, due) in due {
            for (leader, work) in sort(&broker, &image, place, &due) {
                let begin = || Destination::begin(&broker, leader, &mut tasks);
                destinations.entry(leader).or_insert_with(begin).put(work);
            }
        }
        for place in starved {
            let broker = Arc::clone(&broker);
            // The controller may take its time; markers do not wait for it.
            tasks.spawn(async move { feed(&broker, place).await });
        }
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a task that sends markers failed");
            }
        }
    }
}

/// A transaction's markers by the leaders that are to write them; what has no leader is reported at once.
fn sort(broker: &Broker, image: &MetadataImage, place: Place, due: &MarkersDue) -> BTreeMap<NodeId, Work> {
    let mut sorted: BTreeMap<NodeId, Work> = BTreeMap::new();
    let mut unsent = Vec::new();
    for partition in &due.partitions {
        match leader(image, partition) {
            Ok(leader) => {
                let work = sorted.entry(leader).or_insert_with(|| Work::new(place, due));
                work.partitions.push(partition.clone());
            }
            Err(result) => unsent.push((partition.clone(), result)),
        }
    }
    if !unsent.is_empty() {
        report(broker, place, &due.id, due.run, &unsent);
    }
    sorted
}

/// Who leads a partition. This is asked of the newest metadata, not of what this broker has applied so far: a partition
/// that is not there is gone, not yet to come.
fn leader(image: &MetadataImage, partition: &TopicPartition) -> Result<NodeId, MarkerResult> {
    let found = image.topics.get(&partition.topic);
    let found = found.and_then(|topic| topic.partition(partition.partition));
    let leader = found.ok_or(MarkerResult::Gone)?.leader;
    match image.brokers.get(leader) {
        Some(registered) if !registered.fenced => Ok(leader),
        Some(_) | None => Err(MarkerResult::Retry),
    }
}

/// Gets a coordinator the producer id that it needs to fence a producer whose epochs are used up.
async fn feed(broker: &Broker, place: Place) {
    let Some(shard) = shard_at::<TransactionCoordinator>(broker, place) else {
        return;
    };
    let Ok(fresh) = ask::producer_id(broker).await else {
        // The coordinator comes again when it next looks for transactions that took too long.
        return;
    };
    let fed = shard.change(|shard, serving, due| {
        let moment = shard.moment();
        let outcome = abort_starved(&mut serving.coordinator, serving.runtime.latest(), moment, fresh);
        shard.write(serving, outcome, due);
    });
    if let Err(error) = fed {
        debug!(partition = place.partition, %error, "a coordinator that wanted a producer id is gone");
    }
}
