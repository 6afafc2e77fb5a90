//! ListOffsets (key 2): offsets by timestamp, and by the special timestamps below 0.
//!
//! -1 latest (the high watermark, or the last stable offset for read_committed), -2 earliest, -3 the record with the
//! greatest timestamp (version 7), -4 earliest local (8), -5 latest tiered (9; none without tiering), -6 earliest pending
//! upload (11). An unknown isolation level is UNKNOWN_SERVER_ERROR. A special value that the version lacks is UNSUPPORTED_VERSION for its partition. A partition that comes
//! twice is INVALID_REQUEST.

use crate::Broker;
use crate::replication::PartitionId;
use base::{LeaderEpoch, Offset, Timestamp};
use network::RequestContext;
use partition::{EpochError, FetchView, IsolationLevel};
use protocol::ErrorCode;
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest};
use protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use storage::ReadError;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// The first version whose answer names the leader epoch.
const EPOCHS_FROM: i16 = 4;
/// The replica id with which tools read any replica to its end.
const DEBUGGING_CONSUMER: i32 = -2;

/// Answers for each partition.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let isolation = IsolationLevel::from_code(request.isolation_level);
    let mut seen = FxHashSet::default();
    let mut repeated = FxHashSet::default();
    for topic in &request.topics {
        for partition in &topic.partitions {
            if !seen.insert((topic.name.as_str(), partition.partition_index)) {
                repeated.insert((topic.name.as_str(), partition.partition_index));
            }
        }
    }
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            if repeated.contains(&(topic.name.as_str(), partition.partition_index)) {
                return refused(partition.partition_index, ErrorCode::InvalidRequest);
            }
            let Some(isolation) = isolation else {
                return refused(partition.partition_index, ErrorCode::UnknownServerError);
            };
            let asked = Asked { topic: &topic.name, partition, isolation, version: context.api_version, replica: request.replica_id };
            look_up(broker, &asked).unwrap_or_else(|error| refused(partition.partition_index, error))
        });
        ListOffsetsTopicResponse { name: topic.name.clone(), partitions: partitions.collect() }
    });
    ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
}

struct Asked<'a> {
    topic: &'a str,
    partition: &'a ListOffsetsPartition,
    isolation: IsolationLevel,
    version: i16,
    replica: i32,
}

fn refused(partition_index: i32, error: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index, error_code: error.code(), ..Default::default() }
}

fn look_up(broker: &Broker, asked: &Asked<'_>) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let index = asked.partition.partition_index;
    let hosted = broker.partitions.get(asked.topic, index).ok_or_else(|| absent(broker, asked.topic, index))?;
    if hosted.dir().is_offline() {
        return Err(ErrorCode::KafkaStorageError);
    }
    if asked.partition.current_leader_epoch < LeaderEpoch::NONE.0 {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    let (view, is_end_unknown) = {
        let partition = hosted.lock();
        let epoch = LeaderEpoch(asked.partition.current_leader_epoch);
        // A tool may look into any replica; who follows, or consumes, asks the leader.
        let view = if asked.replica == DEBUGGING_CONSUMER { partition.replica_view(epoch) } else { partition.fetch_view(epoch) };
        (view.map_err(epoch_error)?, partition.is_end_unknown())
    };
    let answer = |timestamp: i64, offset: Offset, epoch: LeaderEpoch| ListOffsetsPartitionResponse {
        partition_index: index,
        timestamp,
        offset: offset.0,
        leader_epoch: if asked.version >= EPOCHS_FROM { epoch.0 } else { LeaderEpoch::NONE.0 },
        ..Default::default()
    };
    let latest = if asked.replica >= 0 || asked.replica == DEBUGGING_CONSUMER {
        view.log_end_offset
    } else {
        view.bound(asked.isolation)
    };
    // A new leader that has not heard yet how far its predecessor had committed does not tell: a consumer would go back.
    let hides_end = is_end_unknown && asked.replica != DEBUGGING_CONSUMER && asked.replica < 0;
    match asked.partition.timestamp {
        LATEST if hides_end => Err(not_available(asked.version)),
        LATEST => Ok(answer(-1, latest, view.leader_epoch)),
        EARLIEST => Ok(earliest(&hosted, &view, answer)),
        MAX_TIMESTAMP if asked.version >= 7 => by_max_timestamp(&view, answer),
        EARLIEST_LOCAL if asked.version >= 8 => Ok(earliest(&hosted, &view, answer)),
        // Without tiered storage nothing is tiered, and so nothing waits to be.
        LATEST_TIERED if asked.version >= 9 => Ok(answer(-1, Offset::NONE, LeaderEpoch::NONE)),
        EARLIEST_PENDING_UPLOAD if asked.version >= 11 => Ok(answer(-1, Offset::NONE, LeaderEpoch::NONE)),
        special if special < 0 => Err(ErrorCode::UnsupportedVersion),
        target => {
            let found = by_timestamp(&view, Timestamp(target), latest, answer)?;
            if hides_end && found.offset < 0 { Err(not_available(asked.version)) } else { Ok(found) }
        }
    }
}

/// OFFSET_NOT_AVAILABLE as clients before it know it.
fn not_available(version: i16) -> ErrorCode {
    if version >= 5 { ErrorCode::OffsetNotAvailable } else { ErrorCode::LeaderNotAvailable }
}

/// A partition that is not hosted here: somewhere else, or nowhere.
pub(super) fn absent(broker: &Broker, topic: &str, index: i32) -> ErrorCode {
    let image = Arc::clone(&broker.image.borrow().image);
    let Some((topic, partition)) = image.topics.get(topic).and_then(|topic| Some((topic, topic.partition(index)?))) else {
        return ErrorCode::UnknownTopicOrPartition;
    };
    // Unless it lies where nothing can be read, it is a replica that came a moment ago.
    let id = PartitionId { topic: topic.id, index };
    let is_lost = || broker.log_dirs.any_offline() || broker.future_replicas.is_stranded(id);
    match partition.replicas.contains(&broker.node) && is_lost() {
        true => ErrorCode::KafkaStorageError,
        false => ErrorCode::NotLeaderOrFollower,
    }
}

/// The protocol's error for an epoch that does not fit.
pub(super) fn epoch_error(error: EpochError) -> ErrorCode {
    match error {
        EpochError::NotLeader(_) => ErrorCode::NotLeaderOrFollower,
        EpochError::Fenced { .. } => ErrorCode::FencedLeaderEpoch,
        EpochError::Unknown { .. } => ErrorCode::UnknownLeaderEpoch,
    }
}

/// The protocol's error for a read that failed.
pub(super) fn read_error(error: ReadError) -> ErrorCode {
    match error {
        ReadError::Storage(_) => ErrorCode::KafkaStorageError,
        ReadError::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::Batch(_) | ReadError::Records(_) | ReadError::Damaged(_) => ErrorCode::CorruptMessage,
    }
}

fn earliest(
    hosted: &crate::partitions::Hosted,
    view: &FetchView,
    answer: impl Fn(i64, Offset, LeaderEpoch) -> ListOffsetsPartitionResponse,
) -> ListOffsetsPartitionResponse {
    let epoch = hosted.lock().log().epoch_for_offset(view.log_start_offset).unwrap_or(LeaderEpoch::NONE);
    answer(-1, view.log_start_offset, epoch)
}

fn by_max_timestamp(
    view: &FetchView,
    answer: impl Fn(i64, Offset, LeaderEpoch) -> ListOffsetsPartitionResponse,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let found = view.log.max_timestamp().map_err(read_error)?;
    Ok(match found {
        Some(found) => answer(found.timestamp.0, found.offset, found.leader_epoch),
        None => answer(-1, Offset::NONE, LeaderEpoch::NONE),
    })
}

fn by_timestamp(
    view: &FetchView,
    target: Timestamp,
    bound: Offset,
    answer: impl Fn(i64, Offset, LeaderEpoch) -> ListOffsetsPartitionResponse,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let found = view.log.offset_for_timestamp(target).map_err(read_error)?;
    Ok(match found {
        Some(found) if found.offset < bound => answer(found.timestamp.0, found.offset, found.leader_epoch),
        _ => answer(-1, Offset::NONE, LeaderEpoch::NONE),
    })
}
