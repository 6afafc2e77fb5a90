//! The answer to a Produce request.

use super::append::{Item, TopicName};
use crate::Broker;
use protocol::ErrorCode;
use protocol::messages::produce_response::{
    LeaderIdAndEpoch, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};

/// The first version that names the current leader beside an error about it (KIP-951).
const LEADERS_FROM: i16 = 10;

/// Gathers the items topic by topic, in the request's order.
pub(super) fn build(broker: &Broker, version: i16, items: Vec<Item>) -> ProduceResponse {
    let mut response = ProduceResponse::default();
    let mut current: Option<TopicName> = None;
    for item in items {
        if current.as_ref() != Some(&item.topic) {
            response.responses.push(topic(&item.topic));
            current = Some(item.topic.clone());
        }
        let leader = if version >= LEADERS_FROM { leader(broker, &item) } else { LeaderIdAndEpoch::default() };
        if let Some(last) = response.responses.last_mut() {
            last.partition_responses.push(partition(item, leader));
        }
    }
    response
}

fn topic(name: &TopicName) -> TopicProduceResponse {
    match name {
        TopicName::Name(name) => TopicProduceResponse { name: name.to_string(), ..Default::default() },
        TopicName::Id(id) => TopicProduceResponse { topic_id: *id, ..Default::default() },
    }
}

fn partition(item: Item, current_leader: LeaderIdAndEpoch) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index: item.index,
        error_code: item.error.code(),
        base_offset: item.base_offset.0,
        log_append_time_ms: item.log_append_time.0,
        log_start_offset: item.log_start_offset.0,
        record_errors: item.record_errors,
        error_message: item.message,
        current_leader,
    }
}

fn leader(broker: &Broker, item: &Item) -> LeaderIdAndEpoch {
    if item.error != ErrorCode::NotLeaderOrFollower {
        return LeaderIdAndEpoch::default();
    }
    let image = broker.image.borrow().image.clone();
    let topic = match &item.topic {
        TopicName::Name(name) => image.topics.get(name),
        TopicName::Id(id) => image.topics.get_by_id(*id),
    };
    match topic.and_then(|topic| topic.partition(item.index)) {
        Some(partition) => LeaderIdAndEpoch { leader_id: partition.leader.0, leader_epoch: partition.leader_epoch.0 },
        None => LeaderIdAndEpoch::default(),
    }
}
