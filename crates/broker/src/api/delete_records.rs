//! DeleteRecords (key 21): moves a partition's log start offset (KIP-107).
//!
//! Offset -1 means the high watermark; beyond it is OFFSET_OUT_OF_RANGE. The answer's low watermark is the new log start.
//! A topic whose `cleanup.policy` lacks `delete` refuses with POLICY_VIOLATION.

use super::list_offsets::absent;
use crate::Broker;
use base::Offset;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::delete_records_request::DeleteRecordsRequest;
use protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use std::sync::Arc;

/// Answers for each partition.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let (low_watermark, error) = match delete(broker, &topic.name, partition.partition_index, partition.offset) {
                Ok(start) => (start.0, ErrorCode::None),
                Err(error) => (-1, error),
            };
            DeleteRecordsPartitionResult {
                partition_index: partition.partition_index,
                low_watermark,
                error_code: error.code(),
            }
        });
        DeleteRecordsTopicResult { name: topic.name.clone(), partitions: partitions.collect() }
    });
    DeleteRecordsResponse { topics: topics.collect(), ..Default::default() }
}

fn delete(broker: &Broker, topic: &str, index: i32, offset: i64) -> Result<Offset, ErrorCode> {
    let hosted = broker.partitions.get(topic, index).ok_or_else(|| absent(broker, topic, index))?;
    if super::metadata::is_internal(topic) {
        return Err(ErrorCode::InvalidTopicException);
    }
    if hosted.dir.is_offline() {
        return Err(ErrorCode::KafkaStorageError);
    }
    let mut partition = hosted.lock();
    if partition.leadership().is_err() {
        return Err(ErrorCode::NotLeaderOrFollower);
    }
    if !partition.log().config().delete {
        return Err(ErrorCode::PolicyViolation);
    }
    match partition.delete_records(Offset(offset)) {
        Ok(Some(start)) => Ok(start),
        Ok(None) => Err(ErrorCode::OffsetOutOfRange),
        Err(error) => {
            hosted.dir.failed(&error);
            Err(ErrorCode::KafkaStorageError)
        }
    }
}
