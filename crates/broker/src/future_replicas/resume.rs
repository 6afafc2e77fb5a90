//! Going on after a start with what was being moved before it.

use super::{go_on, open};
use crate::Broker;
use crate::replication::PartitionId;
use std::sync::Arc;
use tracing::{info, warn};

/// Goes on with the future replicas found at the start, and removes those of partitions that are no more. What belongs to a
/// replica that cannot be hosted now stays as it is.
pub fn resume(broker: &Arc<Broker>) {
    for found in broker.log_dirs.futures() {
        let image = Arc::clone(&broker.image.borrow().image);
        let at = &found.partition;
        let topic = image.topics.get(&at.topic);
        let topic = topic.filter(|topic| found.topic_id.is_none_or(|id| id == topic.id));
        let placed = topic.and_then(|topic| topic.partition(at.partition));
        let is_placed = placed.is_some_and(|partition| partition.replicas.contains(&broker.node));
        let hosted = broker.partitions.get(&at.topic, at.partition);
        let (Some(topic), true) = (topic, is_placed) else {
            remove(broker, &found.path);
            continue;
        };
        let id = PartitionId {
            topic: topic.id,
            index: at.partition,
        };
        let Some(hosted) = hosted else {
            broker.future_replicas.stranded_now().push(id);
            continue;
        };
        if Arc::ptr_eq(&hosted.dir(), &found.dir) || broker.future_replicas.dir_of(id).is_some() {
            remove(broker, &found.path);
            continue;
        }
        match open(broker, &hosted, found.path.clone(), found.log_start) {
            Ok(log) => go_on(broker, id, &hosted, &found.dir, log),
            Err(error) => {
                warn!(partition = %at, %error, "a future replica cannot be opened");
                found.dir.failed(&error);
            }
        }
    }
}

fn remove(broker: &Broker, path: &std::path::Path) {
    info!(path = %path.display(), "a future replica that nobody wants any more is removed");
    broker.future_replicas.removals.directory(path.to_owned(), 0);
}
