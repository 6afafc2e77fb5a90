//! OffsetForLeaderEpoch (key 23): where an epoch ends in the leader's log (KIP-101, KIP-320).
//!
//! An epoch newer than any known gives -1/-1; one older than the first gives the log's first known offset.

use super::list_offsets::{absent, epoch_error};
use crate::Broker;
use base::LeaderEpoch;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderEpochRequest, OffsetForLeaderPartition};
use protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use std::sync::Arc;

/// Answers for each partition.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            end_of_epoch(broker, &topic.topic, partition).unwrap_or_else(|error| EpochEndOffset {
                error_code: error.code(),
                partition: partition.partition,
                ..Default::default()
            })
        });
        OffsetForLeaderTopicResult { topic: topic.topic.clone(), partitions: partitions.collect() }
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
}

fn end_of_epoch(broker: &Broker, topic: &str, asked: &OffsetForLeaderPartition) -> Result<EpochEndOffset, ErrorCode> {
    let index = asked.partition;
    let hosted = broker.partitions.get(topic, index).ok_or_else(|| absent(broker, topic, index))?;
    if hosted.dir().is_offline() {
        return Err(ErrorCode::KafkaStorageError);
    }
    if asked.current_leader_epoch < LeaderEpoch::NONE.0 {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    let partition = hosted.lock();
    partition.leadership_at(LeaderEpoch(asked.current_leader_epoch)).map_err(epoch_error)?;
    let end = partition.log().end_offset_for_epoch(LeaderEpoch(asked.leader_epoch));
    Ok(EpochEndOffset {
        error_code: ErrorCode::None.code(),
        partition: index,
        leader_epoch: end.epoch.0,
        end_offset: end.end_offset.0,
    })
}
