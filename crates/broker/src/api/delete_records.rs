//! DeleteRecords (key 21): moves a partition's log start offset (KIP-107).
//!
//! Offset -1 means the high watermark; beyond it is OFFSET_OUT_OF_RANGE. The answer's low watermark is the new log start.
//! A topic whose `cleanup.policy` lacks `delete` refuses with POLICY_VIOLATION.

use super::list_offsets::absent;
use crate::log_dirs::LogDir;
use crate::{Broker, housekeeping};
use base::Offset;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest};
use protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use std::sync::Arc;

/// Answers for each partition, once its new start is on stable storage.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let mut answers: Vec<(String, Vec<Answer>)> = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let delete = |partition: &DeleteRecordsPartition| Answer {
            partition: partition.partition_index,
            result: delete(broker, &topic.name, partition.partition_index, partition.offset),
        };
        answers.push((topic.name.clone(), topic.partitions.iter().map(delete).collect()));
    }
    settle(broker, &answers).await;
    let topics = answers.into_iter().map(|(name, answers)| DeleteRecordsTopicResult {
        name,
        partitions: answers.into_iter().map(Answer::into_result).collect(),
    });
    DeleteRecordsResponse { topics: topics.collect(), ..Default::default() }
}

/// What became of one partition.
struct Answer {
    partition: i32,
    result: Result<(Offset, Arc<LogDir>), ErrorCode>,
}

impl Answer {
    fn into_result(self) -> DeleteRecordsPartitionResult {
        let (low_watermark, error) = match self.result {
            // The start could not be written down.
            Ok((_, dir)) if dir.is_offline() => (-1, ErrorCode::KafkaStorageError),
            Ok((start, _)) => (start.0, ErrorCode::None),
            Err(error) => (-1, error),
        };
        DeleteRecordsPartitionResult { partition_index: self.partition, low_watermark, error_code: error.code() }
    }
}

/// Writes the new starts down, one file for each directory.
async fn settle(broker: &Arc<Broker>, answers: &[(String, Vec<Answer>)]) {
    let mut dirs: Vec<Arc<LogDir>> = Vec::new();
    for (_, dir) in answers.iter().flat_map(|(_, answers)| answers).filter_map(|answer| answer.result.as_ref().ok()) {
        if !dirs.iter().any(|known| Arc::ptr_eq(known, dir)) {
            dirs.push(Arc::clone(dir));
        }
    }
    let for_disk = Arc::clone(broker);
    let wanted = dirs.clone();
    let written = tokio::task::spawn_blocking(move || {
        wanted.iter().for_each(|dir| housekeeping::checkpoint_log_starts_of(&for_disk, dir));
    });
    if written.await.is_err() {
        dirs.iter().for_each(|dir| dir.take_offline(&"the log starts could not be written"));
    }
}

fn delete(broker: &Broker, topic: &str, index: i32, offset: i64) -> Result<(Offset, Arc<LogDir>), ErrorCode> {
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
        Ok(Some(start)) => Ok((start, Arc::clone(&hosted.dir))),
        Ok(None) => Err(ErrorCode::OffsetOutOfRange),
        Err(error) => {
            hosted.dir.failed(&error);
            Err(ErrorCode::KafkaStorageError)
        }
    }
}
