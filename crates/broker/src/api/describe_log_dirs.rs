//! DescribeLogDirs (key 35): sizes and lag of replicas in each log directory, and the volumes' space (KIP-113, KIP-827).
//!
//! A replica that moves (`AlterReplicaLogDirs`) is in two: where it is going, its lag is what is not there yet.
//! No topics at all means every partition. A directory that is offline is KAFKA_STORAGE_ERROR. A directory is
//! cordoned (KIP-1066) once the cluster's metadata can say so, too.

use crate::Broker;
use crate::log_dirs::LogDir;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_log_dirs_request::DescribeLogDirsRequest;
use protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which partitions are asked for; all of them if none.
type Asked<'a> = Option<FxHashSet<(&'a str, i32)>>;

/// Answers for each directory.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let asked: Asked<'_> = request.topics.as_ref().map(|topics| {
        let partitions = topics.iter().flat_map(|topic| topic.partitions.iter().map(|index| (topic.topic.as_str(), *index)));
        partitions.collect()
    });
    let results = broker.log_dirs.dirs.iter().map(|dir| describe(broker, dir, &asked)).collect();
    DescribeLogDirsResponse { results, ..Default::default() }
}

fn describe(broker: &Broker, dir: &Arc<LogDir>, asked: &Asked<'_>) -> DescribeLogDirsResult {
    let path = std::path::absolute(&dir.path).unwrap_or_else(|_| dir.path.clone());
    let mut result = DescribeLogDirsResult {
        error_code: ErrorCode::None.code(),
        log_dir: path.display().to_string(),
        topics: Vec::new(),
        total_bytes: -1,
        usable_bytes: -1,
        is_cordoned: false,
    };
    let space = if dir.is_offline() { None } else { broker.fs.space(&dir.path).ok() };
    let Some(space) = space else {
        result.error_code = ErrorCode::KafkaStorageError.code();
        return result;
    };
    let version = broker.image.borrow().image.features.metadata_version_or_minimum();
    result.is_cordoned = version.supports_cordoned_log_dirs() && broker.log_dirs.is_cordoned(dir);
    result.total_bytes = i64::try_from(space.total).unwrap_or(i64::MAX);
    result.usable_bytes = i64::try_from(space.usable).unwrap_or(i64::MAX);
    result.topics = topics(broker, dir, asked);
    result
}

fn topics(broker: &Broker, dir: &Arc<LogDir>, asked: &Asked<'_>) -> Vec<DescribeLogDirsTopic> {
    let mut by_name: BTreeMap<Arc<str>, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for topic in broker.partitions.topics() {
        for (partition_index, hosted) in topic.partitions() {
            let is_asked = asked.as_ref().is_none_or(|asked| asked.contains(&(&*topic.name, partition_index)));
            if !is_asked || !Arc::ptr_eq(&hosted.dir(), dir) {
                continue;
            }
            let partition = hosted.lock();
            let lag = partition.high_watermark().since(partition.log().log_end_offset()).max(0);
            by_name.entry(Arc::clone(&topic.name)).or_default().push(DescribeLogDirsPartition {
                partition_index,
                partition_size: i64::try_from(partition.log().size()).unwrap_or(i64::MAX),
                offset_lag: lag,
                is_future_key: false,
            });
        }
    }
    for moving in broker.future_replicas.all().iter().filter(|moving| Arc::ptr_eq(moving.dir(), dir)) {
        let Some((partition, size, end)) = moving.log().as_ref().map(|log| {
            (log.topic_partition().clone(), log.size(), log.log_end_offset())
        }) else {
            continue;
        };
        let is_asked = |asked: &FxHashSet<_>| asked.contains(&(&*partition.topic, partition.partition));
        if asked.as_ref().is_none_or(is_asked) {
            by_name.entry(Arc::clone(&partition.topic)).or_default().push(DescribeLogDirsPartition {
                partition_index: partition.partition,
                partition_size: i64::try_from(size).unwrap_or(i64::MAX),
                offset_lag: moving.hosted().lock().log().log_end_offset().since(end),
                is_future_key: true,
            });
        }
    }
    let topics = by_name.into_iter().map(|(name, partitions)| DescribeLogDirsTopic { name: name.to_string(), partitions });
    topics.collect()
}
