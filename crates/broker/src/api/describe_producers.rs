//! DescribeProducers (key 61): the idempotent and transactional producers that a partition remembers (KIP-664).

use super::list_offsets::absent;
use crate::Broker;
use metadata::topic_name;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_producers_request::DescribeProducersRequest;
use protocol::messages::describe_producers_response::{
    DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use std::sync::Arc;

/// Answers for each partition.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| describe(broker, &topic.name, *index));
        TopicResponse { name: topic.name.clone(), partitions: partitions.collect() }
    });
    DescribeProducersResponse { topics: topics.collect(), ..Default::default() }
}

fn describe(broker: &Broker, topic: &str, partition_index: i32) -> PartitionResponse {
    let refused = |error: ErrorCode, error_message: Option<String>| PartitionResponse {
        partition_index,
        error_code: error.code(),
        error_message,
        ..Default::default()
    };
    if let Err(reason) = topic_name::validate(topic) {
        return refused(ErrorCode::InvalidTopicException, Some(reason));
    }
    let Some(hosted) = broker.partitions.get(topic, partition_index) else {
        let error = absent(broker, topic, partition_index);
        // Kafka explains only that the topic is not there; of a missing partition it says no more than the code.
        let is_known = broker.image.borrow().image.topics.get(topic).is_some();
        return refused(error, (!is_known).then(|| error.message().to_owned()));
    };
    if hosted.dir().is_offline() {
        return refused(ErrorCode::KafkaStorageError, None);
    }
    let partition = hosted.lock();
    if partition.leadership().is_err() {
        return refused(ErrorCode::NotLeaderOrFollower, Some(ErrorCode::NotLeaderOrFollower.message().to_owned()));
    }
    let producers = partition.log().producers().active_producers().map(|(id, entry)| ProducerState {
        producer_id: id.0,
        producer_epoch: i32::from(entry.epoch.0),
        last_sequence: entry.last_sequence(),
        last_timestamp: entry.last_timestamp.0,
        coordinator_epoch: entry.coordinator_epoch,
        current_txn_start_offset: entry.current_txn_first_offset.map_or(-1, |offset| offset.0),
    });
    PartitionResponse { partition_index, active_producers: producers.collect(), ..Default::default() }
}
