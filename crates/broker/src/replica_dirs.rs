//! Telling the controller in which log directory each replica lies (KIP-858), so that it knows what a failed one takes.

use crate::Broker;
use crate::channel;
use crate::replication::PartitionId;
use base::Uuid;
use metadata::MetadataImage;
use metadata::delta::{TopicChange, changed_topics};
use protocol::ErrorCode;
use protocol::messages::assign_replicas_to_dirs_request::{
    AssignReplicasToDirsRequest, DirectoryData, PartitionData, TopicData,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::warn;

const VERSION: i16 = 0;
/// The most replicas named in one request, as in Kafka.
const MOST: usize = 2250;
/// How long to wait before a request that failed is sent again.
const RETRY: Duration = Duration::from_millis(500);

/// Partition indexes by directory and topic.
type Places = BTreeMap<Uuid, BTreeMap<Uuid, Vec<i32>>>;

/// Compares every image with where the replicas lie, and reports what differs, until the broker stops.
pub async fn report(broker: Arc<Broker>) {
    let mut stopping = broker.stopping.clone();
    let mut images = broker.image.clone();
    let mut moved = broker.future_replicas.ended();
    let mut told = Arc::new(MetadataImage::default());
    loop {
        let image = Arc::clone(&images.borrow_and_update().image);
        let differing = differing(&broker, &told, &image);
        let again = if differing.is_empty() {
            told = image;
            Duration::MAX
        } else {
            // What was asked for shows in a later image; until then it differs and is asked for again.
            match tell(&broker, differing).await {
                Told::Again => RETRY,
                Told::NotWanted => Duration::MAX,
            }
        };
        tokio::select! {
            changed = images.changed() => if changed.is_err() { return },
            // Where any of them lies may be news.
            Ok(()) = moved.changed() => told = Arc::default(),
            () = tokio::time::sleep(again) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// The replicas that lie elsewhere than the metadata says, among the topics that changed since `told`.
fn differing(broker: &Broker, told: &MetadataImage, image: &MetadataImage) -> Places {
    let mut places = Places::new();
    let mut left = MOST;
    for change in changed_topics(told, image) {
        let (TopicChange::Created(topic) | TopicChange::Changed { new: topic, .. }) = change else {
            continue;
        };
        let Some(hosted) = broker.partitions.topic_by_id(topic.id) else {
            continue;
        };
        for (index, replica) in hosted.partitions() {
            let known = topic
                .partition(index)
                .and_then(|partition| partition.directory(broker.node));
            let id = PartitionId { topic: topic.id, index };
            // Whoever moves it sees to it.
            let is_news =
                known.is_some_and(|known| known != replica.dir().id) && !broker.future_replicas.is_assigned(id);
            if left > 0 && is_news {
                places
                    .entry(replica.dir().id)
                    .or_default()
                    .entry(topic.id)
                    .or_default()
                    .push(index);
                left -= 1;
            }
        }
    }
    for id in broker.future_replicas.stranded() {
        let partition = image
            .topics
            .get_by_id(id.topic)
            .and_then(|topic| topic.partition(id.index));
        let known = partition.and_then(|partition| partition.directory(broker.node));
        // It is not in any directory that is online, whatever was said while it moved.
        if known.is_some_and(|known| broker.log_dirs.by_id(known).is_some()) {
            let lost = places.entry(Uuid::LOST_DIR).or_default();
            lost.entry(id.topic).or_default().push(id.index);
        }
    }
    places
}

/// What to do after a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Look whether it shows, and tell again if not.
    Again,
    /// The cluster's metadata.version is from before directories were known.
    NotWanted,
}

/// Whether the controller has taken in which directory a replica is to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assigned {
    /// It has.
    Yes,
    /// The cluster's metadata.version is from before directories were known.
    NotWanted,
    /// It is to be asked again.
    No,
}

/// Tells the controller that one replica lies in `dir`, where it will be in a moment.
pub(crate) async fn assign(broker: &Broker, dir: Uuid, id: PartitionId) -> Assigned {
    let places = Places::from([(dir, BTreeMap::from([(id.topic, vec![id.index])]))]);
    match channel::call(broker.controller.as_ref(), VERSION, &request(broker, places)).await {
        Ok(response) => match ErrorCode::from(response.error_code) {
            ErrorCode::None => {
                let topics = response.directories.iter().flat_map(|dir| &dir.topics);
                let mut partitions = topics.flat_map(|topic| &topic.partitions);
                match partitions.all(|partition| ErrorCode::from(partition.error_code) == ErrorCode::None) {
                    true => Assigned::Yes,
                    false => Assigned::No,
                }
            }
            ErrorCode::UnsupportedVersion => Assigned::NotWanted,
            error => {
                warn!(%error, "the controller does not take where a replica moves; it is told again");
                Assigned::No
            }
        },
        Err(error) => {
            warn!(%error, "the controller was not told where a replica moves; it is told again");
            Assigned::No
        }
    }
}

async fn tell(broker: &Broker, places: Places) -> Told {
    match channel::call(broker.controller.as_ref(), VERSION, &request(broker, places)).await {
        Ok(response) => match ErrorCode::from(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::UnsupportedVersion => return Told::NotWanted,
            error => warn!(%error, "the controller does not take where replicas lie; it is told again"),
        },
        Err(error) => warn!(%error, "the controller was not told where replicas lie; it is told again"),
    }
    Told::Again
}

fn request(broker: &Broker, places: Places) -> AssignReplicasToDirsRequest {
    let topics = |topics: BTreeMap<Uuid, Vec<i32>>| {
        let topics = topics.into_iter().map(|(topic_id, indexes)| TopicData {
            topic_id,
            partitions: indexes
                .into_iter()
                .map(|partition_index| PartitionData { partition_index })
                .collect(),
        });
        topics.collect()
    };
    let directories = places.into_iter().map(|(id, of_dir)| DirectoryData {
        id,
        topics: topics(of_dir),
    });
    AssignReplicasToDirsRequest {
        broker_id: broker.node.0,
        broker_epoch: broker.epoch.load(Ordering::Acquire),
        directories: directories.collect(),
    }
}
