//! AlterReplicaLogDirs (key 34): moves replicas between the log directories of this broker (KIP-113).
//!
//! A move is begun and answered; DescribeLogDirs tells how far it is. Asking for the directory that the replica lies in gives a
//! move up. Errors, for each partition: INVALID_TOPIC_EXCEPTION if the name leaves no room for the future directory's,
//! LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR if either directory is offline, INVALID_REPLICA_ASSIGNMENT if it is cordoned,
//! REPLICA_NOT_AVAILABLE if the replica is elsewhere (should it come here, it is placed there), UNKNOWN_TOPIC_OR_PARTITION.

use super::list_offsets::absent;
use crate::Broker;
use crate::future_replicas;
use crate::log_dirs::LogDir;
use crate::partitions::Hosted;
use crate::replication::PartitionId;
use base::TopicPartition;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::alter_replica_log_dirs_request::AlterReplicaLogDirsRequest;
use protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsResponse,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::StorageError;

/// File systems allow no longer name.
const LONGEST_NAME: usize = 255;
/// What follows a partition's name in that of its future directory: a dot, an id and `-future`.
const FUTURE: usize = 1 + 32 + 7;

/// Begins the moves, one after the other.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let mut wanted: BTreeMap<TopicPartition, String> = BTreeMap::new();
    for dir in request.dirs {
        for topic in dir.topics {
            let name: Arc<str> = Arc::from(topic.name);
            for index in topic.partitions {
                wanted.insert(TopicPartition::new(Arc::clone(&name), index), dir.path.clone());
            }
        }
    }
    let mut results: Vec<AlterReplicaLogDirTopicResult> = Vec::new();
    for (partition, path) in wanted {
        let error = alter(broker, &partition, &path).await.err().unwrap_or(ErrorCode::None);
        let result = AlterReplicaLogDirPartitionResult {
            partition_index: partition.partition,
            error_code: error.code(),
        };
        match results.last_mut().filter(|topic| *topic.topic_name == *partition.topic) {
            Some(topic) => topic.partitions.push(result),
            None => results.push(AlterReplicaLogDirTopicResult {
                topic_name: partition.topic.to_string(),
                partitions: vec![result],
            }),
        }
    }
    AlterReplicaLogDirsResponse { results, ..Default::default() }
}

async fn alter(broker: &Arc<Broker>, partition: &TopicPartition, path: &str) -> Result<(), ErrorCode> {
    if partition.to_string().len() + FUTURE > LONGEST_NAME {
        return Err(ErrorCode::InvalidTopicException);
    }
    let dir = target(broker, path)?;
    let Some(hosted) = broker.partitions.get(&partition.topic, partition.partition) else {
        broker.future_replicas.want(partition.clone(), dir);
        return Err(match absent(broker, &partition.topic, partition.partition) {
            ErrorCode::NotLeaderOrFollower => ErrorCode::ReplicaNotAvailable,
            error => error,
        });
    };
    if hosted.dir().is_offline() {
        return Err(ErrorCode::KafkaStorageError);
    }
    let id = PartitionId { topic: hosted.lock().topic_id(), index: partition.partition };
    match broker.future_replicas.dir_of(id) {
        Some(now) if Arc::ptr_eq(&now, &dir) => return Ok(()),
        Some(_) => broker.future_replicas.cancel(id),
        None => {}
    }
    if Arc::ptr_eq(&hosted.dir(), &dir) { Ok(()) } else { begin(broker, id, hosted, dir).await }
}

/// The directory of that name, if replicas may move there.
fn target(broker: &Broker, path: &str) -> Result<Arc<LogDir>, ErrorCode> {
    let is_named = |dir: &&Arc<LogDir>| std::path::absolute(&dir.path).is_ok_and(|known| known.as_os_str() == path);
    let dir = broker.log_dirs.dirs.iter().find(is_named).ok_or(ErrorCode::LogDirNotFound)?;
    if dir.is_offline() {
        return Err(ErrorCode::KafkaStorageError);
    }
    if broker.log_dirs.is_cordoned(dir) {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    Ok(Arc::clone(dir))
}

async fn begin(broker: &Arc<Broker>, id: PartitionId, hosted: Arc<Hosted>, dir: Arc<LogDir>) -> Result<(), ErrorCode> {
    let for_disk = Arc::clone(broker);
    let to = Arc::clone(&dir);
    let begun = network::thread::beside(move || future_replicas::begin(&for_disk, id, &hosted, &to));
    let failed = |error: &StorageError| {
        dir.failed(error);
        ErrorCode::KafkaStorageError
    };
    match begun.await {
        Ok(begun) => begun.map_err(|error| failed(&error)),
        Err(_) => Err(ErrorCode::UnknownServerError),
    }
}
