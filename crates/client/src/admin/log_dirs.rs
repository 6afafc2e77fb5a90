//! What lies in the log directories of a broker.

use super::outcome;
use crate::cluster::Cluster;
use crate::error::ClientError;
use base::{NodeId, TopicPartition};
use protocol::ErrorCode;
use protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
};
use protocol::messages::describe_log_dirs_request::DescribeLogDirsRequest;
use std::sync::Arc;

/// A log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDir {
    /// Its path on the broker.
    pub path: String,
    /// Why it is offline, if so.
    pub error: ErrorCode,
    /// The replicas in it.
    pub replicas: Vec<LogDirReplica>,
    /// The size of the volume in bytes, if the broker tells.
    pub total_bytes: Option<i64>,
    /// What is left of it in bytes, if the broker tells.
    pub usable_bytes: Option<i64>,
}

/// A replica in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirReplica {
    /// The partition.
    pub partition: TopicPartition,
    /// The size of its segments in bytes.
    pub size: i64,
    /// How far it is behind the high watermark, or behind the replica it will replace.
    pub offset_lag: i64,
    /// Whether it is a copy on its way into this directory.
    pub is_future: bool,
}

/// What lies in the log directories of `node`.
pub async fn describe_log_dirs(cluster: &Cluster, node: NodeId) -> Result<Vec<LogDir>, ClientError> {
    let request = DescribeLogDirsRequest { topics: None };
    let answer = cluster.call_node("describeLogDirs", node, &request).await?;
    outcome(answer.error_code, None)?;
    let known = |bytes: i64| (bytes >= 0).then_some(bytes);
    let mut dirs = Vec::new();
    for result in answer.results {
        let mut replicas = Vec::new();
        for topic in result.topics {
            let name: Arc<str> = topic.name.into();
            replicas.extend(topic.partitions.into_iter().map(|partition| LogDirReplica {
                partition: TopicPartition::new(Arc::clone(&name), partition.partition_index),
                size: partition.partition_size,
                offset_lag: partition.offset_lag,
                is_future: partition.is_future_key,
            }));
        }
        dirs.push(LogDir {
            path: result.log_dir,
            error: ErrorCode::from(result.error_code),
            replicas,
            total_bytes: known(result.total_bytes),
            usable_bytes: known(result.usable_bytes),
        });
    }
    Ok(dirs)
}

/// Asks `node` to keep a replica in the log directory `path` from now on.
pub async fn alter_replica_log_dirs(
    cluster: &Cluster,
    node: NodeId,
    replica: &TopicPartition,
    path: &str,
) -> Result<(), ClientError> {
    let request = AlterReplicaLogDirsRequest {
        dirs: vec![AlterReplicaLogDir {
            path: path.to_owned(),
            topics: vec![AlterReplicaLogDirTopic {
                name: replica.topic.to_string(),
                partitions: vec![replica.partition],
            }],
        }],
    };
    let answer = cluster.call_node("alterReplicaLogDirs", node, &request).await?;
    let mut results = answer.results.iter().flat_map(|topic| &topic.partitions);
    results.try_for_each(|partition| outcome(partition.error_code, None))
}
