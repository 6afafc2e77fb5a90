//! The answer to a Produce request.

use super::append::Item;
use super::topic::TopicName;
use crate::Broker;
use crate::leader_hint::{Endpoint, LeaderHints};
use base::Uuid;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};

/// The first version that names the current leader beside an error about it (KIP-951).
const LEADERS_FROM: i16 = 10;

/// Gathers the items topic by topic, in the request's order.
pub(super) fn build(
    broker: &Broker,
    context: &RequestContext,
    items: Vec<Item>,
    throttle_time_ms: i32,
) -> ProduceResponse {
    let misses_leader = |item: &Item| item.error == ErrorCode::NotLeaderOrFollower;
    let mut response = ProduceResponse { throttle_time_ms, ..ProduceResponse::default() };
    if context.api_version >= LEADERS_FROM && items.iter().any(misses_leader) {
        let image = broker.image.borrow().image.clone();
        let mut hints = LeaderHints::new(&image, &context.connection.listener);
        gather(items, &mut response, |item| match misses_leader(item) {
            true => name_leader(&mut hints, item),
            false => LeaderIdAndEpoch::default(),
        });
        response.node_endpoints = hints.endpoints().into_iter().map(endpoint).collect();
    } else {
        gather(items, &mut response, |_| LeaderIdAndEpoch::default());
    }
    response
}

fn gather(items: Vec<Item>, response: &mut ProduceResponse, mut leader_of: impl FnMut(&Item) -> LeaderIdAndEpoch) {
    let mut current: Option<TopicName> = None;
    for item in items {
        if current.as_ref() != Some(&item.topic) {
            response.responses.push(topic(&item.topic));
            current = Some(item.topic.clone());
        }
        let leader = leader_of(&item);
        if let Some(last) = response.responses.last_mut() {
            last.partition_responses.push(partition(item, leader));
        }
    }
}

fn endpoint(endpoint: Endpoint) -> NodeEndpoint {
    NodeEndpoint {
        node_id: endpoint.node.0,
        host: endpoint.host,
        port: endpoint.port,
        rack: endpoint.rack,
    }
}

fn name_leader(hints: &mut LeaderHints<'_>, item: &Item) -> LeaderIdAndEpoch {
    let topic = match &item.topic {
        TopicName::Name(name) => hints.topic(name, Uuid::ZERO),
        TopicName::Id(id) => hints.topic("", *id),
    };
    let (leader, epoch) = hints.name(topic, item.index);
    LeaderIdAndEpoch { leader_id: leader.0, leader_epoch: epoch.0 }
}

fn topic(name: &TopicName) -> TopicProduceResponse {
    match name {
        TopicName::Name(name) => TopicProduceResponse { name: String::from(&**name), ..Default::default() },
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
