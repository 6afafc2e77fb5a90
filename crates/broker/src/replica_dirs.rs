//! Telling the controller in which log directory each replica lies (KIP-858), so that it knows what a failed one takes.

use crate::Broker;
use crate::channel;
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
            if left > 0 && known.is_some_and(|known| known != replica.dir.id) {
                places
                    .entry(replica.dir.id)
                    .or_default()
                    .entry(topic.id)
                    .or_default()
                    .push(index);
                left -= 1;
            }
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

async fn tell(broker: &Broker, places: Places) -> Told {
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
    let request = AssignReplicasToDirsRequest {
        broker_id: broker.node.0,
        broker_epoch: broker.epoch.load(Ordering::Acquire),
        directories: directories.collect(),
    };
    match channel::call(broker.controller.as_ref(), VERSION, &request).await {
        Ok(response) => match ErrorCode::from(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::UnsupportedVersion => return Told::NotWanted,
            error => warn!(%error, "the controller does not take where replicas lie; it is told again"),
        },
        Err(error) => warn!(%error, "the controller was not told where replicas lie; it is told again"),
    }
    Told::Again
}
