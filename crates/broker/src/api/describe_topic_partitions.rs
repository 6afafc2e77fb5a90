//! DescribeTopicPartitions (key 75): topics and partitions in pages, eligible leader replicas included (KIP-966).
//!
//! No topics at all means every topic, in the order of their names. A page ends after `response_partition_limit`
//! partitions (at most `max.request.partition.size.limit`) and says where the next begins.

use super::metadata::{ALL_TOPIC_OPERATIONS, is_internal, offline_replicas};
use crate::Broker;
use base::NodeId;
use metadata::{MetadataImage, topic_name};
use metadata::image::{PartitionImage, TopicImage};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_topic_partitions_request::{DescribeTopicPartitionsRequest, TopicRequest};
use protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Answers one page.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    if let Some(cursor) = &request.cursor
        && (cursor.partition_index < 0 || is_foreign(&cursor.topic_name, &request.topics))
    {
        return refuse_all(request.topics, ErrorCode::InvalidRequest);
    }
    let image = broker.image.borrow().image.clone();
    let cursor = request.cursor.map(|cursor| (cursor.topic_name, cursor.partition_index));
    let first = cursor.as_ref().map_or("", |(topic, _)| topic.as_str());
    let all = request.topics.is_empty();
    let names: BTreeSet<String> = if all {
        image.topics.iter_from(first).map(|topic| topic.name.to_string()).collect()
    } else {
        request.topics.into_iter().map(|topic| topic.name).filter(|name| name.as_str() >= first).collect()
    };
    let most = broker.config.load().requests.max_request_partition_size_limit;
    let limit = request.response_partition_limit.min(most).max(1);
    let mut page = Page {
        image: &image,
        listener: &context.connection.listener,
        left: usize::try_from(limit).unwrap_or(1),
        response: DescribeTopicPartitionsResponse::default(),
    };
    for name in &names {
        if page.left == 0 {
            // The limit was reached at a topic's end: the next page begins with the next topic that was asked for.
            page.response.next_cursor = Some(Cursor { topic_name: name.clone(), partition_index: 0 });
            break;
        }
        let from = cursor.as_ref().filter(|(topic, _)| topic == name).map_or(0, |(_, index)| *index);
        if !page.add(name, from) {
            break;
        }
    }
    page.response
}

/// Whether a cursor points to a topic that the request does not ask for.
fn is_foreign(cursor: &str, asked: &[TopicRequest]) -> bool {
    !asked.is_empty() && asked.iter().all(|topic| topic.name != cursor)
}

fn refuse_all(topics: Vec<TopicRequest>, error: ErrorCode) -> DescribeTopicPartitionsResponse {
    let topics = topics.into_iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        name: Some(topic.name),
        ..Default::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() }
}

struct Page<'a> {
    image: &'a MetadataImage,
    listener: &'a str,
    left: usize,
    response: DescribeTopicPartitionsResponse,
}

impl Page<'_> {
    /// Adds a topic from partition `from` on; answers whether the page goes on.
    fn add(&mut self, name: &str, from: i32) -> bool {
        let Some(topic) = self.image.topics.get(name) else {
            self.response.topics.push(unknown(name));
            return true;
        };
        let from = usize::try_from(from).unwrap_or(0);
        let shown: Vec<_> = topic.partitions().skip(from).take(self.left).collect();
        let next = from + shown.len();
        self.left -= shown.len();
        let partitions = shown.into_iter().map(|(index, partition)| self.describe(index, partition)).collect();
        self.response.topics.push(known(topic, partitions));
        if next < topic.partitions.len() {
            let partition_index = i32::try_from(next).unwrap_or(i32::MAX);
            self.response.next_cursor = Some(Cursor { topic_name: name.to_owned(), partition_index });
            return false;
        }
        true
    }

    fn describe(&self, partition_index: i32, partition: &PartitionImage) -> DescribeTopicPartitionsResponsePartition {
        let broker = |node: NodeId| self.image.brokers.get(node).filter(|broker| !broker.fenced);
        let error = match broker(partition.leader) {
            None => ErrorCode::LeaderNotAvailable,
            Some(leader) if leader.listener(self.listener).is_none() => ErrorCode::ListenerNotFound,
            Some(_) => ErrorCode::None,
        };
        let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
        DescribeTopicPartitionsResponsePartition {
            error_code: error.code(),
            partition_index,
            leader_id: if error.is_none() { partition.leader.0 } else { NodeId::NONE.0 },
            leader_epoch: partition.leader_epoch.0,
            replica_nodes: ids(&partition.replicas),
            isr_nodes: ids(&partition.isr),
            eligible_leader_replicas: Some(ids(&partition.elr)),
            last_known_elr: Some(ids(&partition.last_known_elr)),
            offline_replicas: offline_replicas(self.image, partition, self.listener),
        }
    }
}

fn known(
    topic: &TopicImage,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions,
        topic_authorized_operations: ALL_TOPIC_OPERATIONS,
        ..Default::default()
    }
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = match topic_name::validate(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        name: Some(name.to_owned()),
        is_internal: is_internal(name),
        topic_authorized_operations: ALL_TOPIC_OPERATIONS,
        ..Default::default()
    }
}
