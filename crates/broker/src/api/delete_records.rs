//! DeleteRecords (key 21): moves a partition's log start offset (KIP-107).
//!
//! Offset -1 means the high watermark; beyond it is OFFSET_OUT_OF_RANGE. The answer waits until every living replica's log
//! starts there, which they tell with their fetches (REQUEST_TIMED_OUT after the request's timeout); its low watermark is
//! the earliest of their starts.
//! A topic whose `cleanup.policy` lacks `delete` refuses with POLICY_VIOLATION.

use super::list_offsets::absent;
use crate::log_dirs::LogDir;
use crate::partitions::Hosted;
use crate::waiting::{self, Woken};
use crate::{Broker, checkpoints};
use base::Offset;
use network::RequestContext;
use partition::Signal;
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
    replicated(broker, &mut answers, request.timeout_ms).await;
    let topics = answers.into_iter().map(|(name, answers)| DeleteRecordsTopicResult {
        name,
        partitions: answers.into_iter().map(Answer::into_result).collect(),
    });
    DeleteRecordsResponse { topics: topics.collect(), ..Default::default() }
}

/// What became of one partition.
struct Answer {
    partition: i32,
    result: Result<Deleted, ErrorCode>,
}

/// A log that starts later.
struct Deleted {
    hosted: Arc<Hosted>,
    start: Offset,
    /// Where the logs of all its living replicas have begun by now.
    low_watermark: Offset,
}

impl Answer {
    fn into_result(self) -> DeleteRecordsPartitionResult {
        let (low_watermark, error) = match self.result {
            // The start could not be written down.
            Ok(deleted) if deleted.hosted.dir().is_offline() => (-1, ErrorCode::KafkaStorageError),
            Ok(deleted) => (deleted.low_watermark.0, ErrorCode::None),
            Err(error) => (-1, error),
        };
        DeleteRecordsPartitionResult { partition_index: self.partition, low_watermark, error_code: error.code() }
    }
}

/// Writes the new starts down, one file for each directory.
async fn settle(broker: &Arc<Broker>, answers: &[(String, Vec<Answer>)]) {
    let mut dirs: Vec<Arc<LogDir>> = Vec::new();
    for deleted in answers.iter().flat_map(|(_, answers)| answers).filter_map(|answer| answer.result.as_ref().ok()) {
        let dir = deleted.hosted.dir();
        if !dirs.iter().any(|known| Arc::ptr_eq(known, &dir)) {
            dirs.push(Arc::clone(&dir));
        }
    }
    let for_disk = Arc::clone(broker);
    let wanted = dirs.clone();
    let written = network::thread::beside(move || {
        wanted.iter().for_each(|dir| checkpoints::write_log_starts_of(&for_disk, dir));
    });
    if written.await.is_err() {
        dirs.iter().for_each(|dir| dir.take_offline(&"the log starts could not be written"));
    }
}

/// Waits until the other replicas have followed, or the time is up.
async fn replicated(broker: &Broker, answers: &mut [(String, Vec<Answer>)], timeout_ms: i32) {
    let deadline = waiting::deadline(timeout_ms);
    let signal = Arc::new(Signal::default());
    let mut woken = Woken::Raised;
    loop {
        signal.lower();
        let mut waits = false;
        for answer in answers.iter_mut().flat_map(|(_, answers)| answers) {
            let Ok(deleted) = &mut answer.result else { continue };
            let mut partition = deleted.hosted.lock();
            deleted.low_watermark = partition.low_watermark();
            if deleted.low_watermark >= deleted.start {
                continue;
            }
            let is_lost = partition.leadership().is_err();
            if is_lost || woken == Woken::TimeUp {
                partition.leave(&signal);
                drop(partition);
                answer.result = Err(if is_lost { ErrorCode::NotLeaderOrFollower } else { ErrorCode::RequestTimedOut });
                continue;
            }
            partition.park_delete(&signal, deleted.start);
            waits = true;
        }
        if !waits {
            return;
        }
        woken = waiting::wait(broker, &signal, deadline).await;
    }
}

fn delete(broker: &Broker, topic: &str, index: i32, offset: i64) -> Result<Deleted, ErrorCode> {
    let hosted = broker.partitions.get(topic, index).ok_or_else(|| absent(broker, topic, index))?;
    if super::metadata::is_internal(topic) {
        return Err(ErrorCode::InvalidTopicException);
    }
    if hosted.dir().is_offline() {
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
        Ok(Some(start)) => {
            let low_watermark = partition.low_watermark();
            drop(partition);
            // The log may have started later already: that is what the others have to reach.
            Ok(Deleted { hosted, start, low_watermark })
        }
        Ok(None) => Err(ErrorCode::OffsetOutOfRange),
        Err(error) => {
            hosted.dir().failed(&error);
            Err(ErrorCode::KafkaStorageError)
        }
    }
}
