//! Deleting records from the start of partitions.

use super::{Each, millis};
use crate::cluster::{Cluster, Topics};
use crate::error::ClientError;
use base::{NodeId, Offset, TopicPartition};
use protocol::ErrorCode;
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};

/// Deletes the records before an offset ([`Offset::NONE`]: before the high watermark) of one partition after another;
/// answers with the partitions' new starts.
pub async fn delete_records(
    cluster: &Cluster,
    partitions: &[(TopicPartition, Offset)],
) -> Result<Each<TopicPartition, Offset>, ClientError> {
    let mut each = Vec::new();
    for (partition, before) in partitions {
        each.push((partition.clone(), delete(cluster, partition, *before).await));
    }
    Ok(each)
}

async fn delete(cluster: &Cluster, partition: &TopicPartition, before: Offset) -> Result<Offset, ClientError> {
    let mut retry = cluster.retry("deleteRecords");
    loop {
        match attempt(cluster, partition, before).await {
            Ok(start) => return Ok(start),
            Err(error) => {
                cluster.forget_topic(&partition.topic);
                retry.pause(error).await?;
            }
        }
    }
}

async fn attempt(cluster: &Cluster, partition: &TopicPartition, before: Offset) -> Result<Offset, ClientError> {
    let names = [partition.topic.to_string()];
    let topic = cluster.topic(Topics::Named(&names), std::time::Duration::ZERO).await?;
    let found = topic.partitions.iter().find(|found| found.index == partition.partition);
    let leader = found.map_or(NodeId::NONE, |found| found.leader);
    if leader == NodeId::NONE {
        ClientError::check(ErrorCode::LeaderNotAvailable.code(), None)?;
    }
    let wanted = DeleteRecordsPartition {
        partition_index: partition.partition,
        offset: before.0,
    };
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: partition.topic.to_string(),
            partitions: vec![wanted],
        }],
        timeout_ms: millis(cluster.settings().request_timeout),
    };
    let answer = cluster.node(leader).await?.send(&request).await?;
    let mut answers = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    let Some(deleted) = answers.next() else {
        ClientError::check(ErrorCode::UnknownServerError.code(), None)?;
        unreachable!("an error code is a refusal");
    };
    ClientError::check(deleted.error_code, None)?;
    Ok(Offset(deleted.low_watermark))
}
