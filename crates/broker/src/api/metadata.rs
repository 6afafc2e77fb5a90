//! Metadata (key 3): brokers, topics, partitions and leaders; may create a topic.
//!
//! No topics at all means every topic (an empty list in version 0); an empty list means none. Topics by id from version
//! 12; an id in versions 10 and 11 is INVALID_REQUEST. A topic that does not exist is created if the request and `auto.create.topics.enable` allow it, and answered
//! UNKNOWN_TOPIC_OR_PARTITION meanwhile. Quirks: an illegal name is INVALID_TOPIC_EXCEPTION; a partition without a leader
//! is LEADER_NOT_AVAILABLE; a leader without this listener is LISTENER_NOT_FOUND; the controller id is that of a broker,
//! not of the controller (KRaft hides it).

mod auto_create;

use crate::Broker;
use base::{NodeId, Uuid};
use metadata::MetadataImage;
use metadata::image::{PartitionImage, TopicImage};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use std::sync::Arc;

/// What "all operations" are to somebody whom nobody restricts: the bits of every operation on a topic (READ, WRITE,
/// CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS).
pub(super) const ALL_TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// The same for the cluster: CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE.
pub(super) const ALL_CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;
/// The first version that asks for topics by id, though ids are in the request from 10 on.
const IDS_FROM: i16 = 12;
/// Not asked for.
const NO_OPERATIONS: i32 = i32::MIN;

/// Answers from the image.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, request: MetadataRequest) -> MetadataResponse {
    if let Some(error) = unfit(context.api_version, &request) {
        return refuse_all(&request, error);
    }
    let published = broker.image.borrow().clone();
    let image = &published.image;
    let listener = &*context.connection.listener;
    let everything = match &request.topics {
        None => true,
        Some(topics) => context.api_version == 0 && topics.is_empty(),
    };
    let mut topics: Vec<_> = if everything {
        image.topics.iter().map(|topic| describe(image, topic, listener)).collect()
    } else {
        let wanted = request.topics.as_deref().unwrap_or_default();
        let (known, absent) = look_up(image, wanted, listener);
        let mut topics = known;
        topics.extend(auto_create::try_create(broker, context, &request, absent).await);
        topics
    };
    if request.include_topic_authorized_operations {
        for topic in topics.iter_mut().filter(|topic| topic.error_code == 0) {
            topic.topic_authorized_operations = ALL_TOPIC_OPERATIONS;
        }
    }
    let asks_cluster = request.include_cluster_authorized_operations;
    MetadataResponse {
        brokers: brokers(image, listener),
        cluster_id: Some(broker.cluster_id.to_string()),
        controller_id: some_broker(image).0,
        topics,
        cluster_authorized_operations: if asks_cluster { ALL_CLUSTER_OPERATIONS } else { NO_OPERATIONS },
        ..Default::default()
    }
}

/// What is wrong with the request as a whole: below version 12 topics have names and no ids, from 12 on one of both.
fn unfit(version: i16, request: &MetadataRequest) -> Option<ErrorCode> {
    let topics = request.topics.as_deref().unwrap_or_default();
    if version < IDS_FROM {
        let misnamed = |topic: &MetadataRequestTopic| topic.name.is_none() || topic.topic_id != Uuid::ZERO;
        return topics.iter().any(misnamed).then_some(ErrorCode::InvalidRequest);
    }
    let nameless = |topic: &MetadataRequestTopic| topic.name.is_none() && topic.topic_id == Uuid::ZERO;
    topics.iter().any(nameless).then_some(ErrorCode::UnknownServerError)
}

/// The answer to a request that is wrong as a whole: the error for each topic, and nothing of the cluster.
fn refuse_all(request: &MetadataRequest, error: ErrorCode) -> MetadataResponse {
    let topics = request.topics.iter().flatten().map(|topic| MetadataResponseTopic {
        error_code: error.code(),
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        topic_authorized_operations: NO_OPERATIONS,
        ..Default::default()
    });
    MetadataResponse { topics: topics.collect(), error_code: error.code(), ..Default::default() }
}

/// The topics asked for that exist, and the names of those that do not.
fn look_up(image: &MetadataImage, wanted: &[MetadataRequestTopic], listener: &str) -> (Vec<MetadataResponseTopic>, Vec<String>) {
    let mut found = Vec::new();
    let mut absent = Vec::new();
    let mut seen = rustc_hash::FxHashSet::default();
    // Where there is one id, names do not count: the Java consumer sends the empty name along with an id.
    let by_id = wanted.iter().any(|topic| topic.topic_id != Uuid::ZERO);
    for topic in wanted {
        let name = topic.name.as_deref().filter(|_| !by_id);
        if (by_id && topic.topic_id == Uuid::ZERO) || !seen.insert((name, topic.topic_id)) {
            continue;
        }
        let known = match name {
            Some(name) => image.topics.get(name),
            None => image.topics.get_by_id(topic.topic_id),
        };
        match (known, name) {
            (Some(topic), _) => found.push(describe(image, topic, listener)),
            (None, Some(name)) => absent.push(name.to_owned()),
            (None, None) => found.push(MetadataResponseTopic {
                error_code: ErrorCode::UnknownTopicId.code(),
                name: None,
                topic_id: topic.topic_id,
                topic_authorized_operations: NO_OPERATIONS,
                ..Default::default()
            }),
        }
    }
    (found, absent)
}

/// Whether a topic is one of the broker's own.
pub(super) fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

fn describe(image: &MetadataImage, topic: &TopicImage, listener: &str) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: 0,
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions: topic.partitions().map(|(index, partition)| describe_partition(image, index, partition, listener)).collect(),
        topic_authorized_operations: NO_OPERATIONS,
    }
}

fn describe_partition(
    image: &MetadataImage,
    index: i32,
    partition: &PartitionImage,
    listener: &str,
) -> MetadataResponsePartition {
    let leader = image.brokers.get(partition.leader).filter(|broker| !broker.fenced);
    let error = match leader {
        None => ErrorCode::LeaderNotAvailable,
        Some(leader) if leader.listener(listener).is_none() => ErrorCode::ListenerNotFound,
        Some(_) => ErrorCode::None,
    };
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    MetadataResponsePartition {
        error_code: error.code(),
        partition_index: index,
        leader_id: if error.is_none() { partition.leader.0 } else { NodeId::NONE.0 },
        leader_epoch: partition.leader_epoch.0,
        replica_nodes: ids(&partition.replicas),
        isr_nodes: ids(&partition.isr),
        offline_replicas: offline_replicas(image, partition, listener),
    }
}

/// The replicas whose broker is away or out of this listener's reach, or whose log directory failed.
pub(super) fn offline_replicas(image: &MetadataImage, partition: &PartitionImage, listener: &str) -> Vec<i32> {
    let is_online = |node: NodeId| {
        let broker = image.brokers.get(node).filter(|broker| !broker.fenced && broker.listener(listener).is_some());
        let directory = partition.directory(node);
        broker.is_some_and(|broker| directory.is_none_or(|directory| broker.has_online_dir(directory)))
    };
    partition.replicas.iter().filter(|node| !is_online(**node)).map(|node| node.0).collect()
}

/// The brokers that a client of this listener can reach.
pub(super) fn brokers(image: &MetadataImage, listener: &str) -> Vec<MetadataResponseBroker> {
    let reachable = image.brokers.unfenced().filter_map(|broker| {
        let endpoint = broker.listener(listener)?;
        Some(MetadataResponseBroker {
            node_id: broker.id.0,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack: broker.rack.clone(),
        })
    });
    reachable.collect()
}

/// A broker to name as the controller: it forwards what is for the controller.
pub(super) fn some_broker(image: &MetadataImage) -> NodeId {
    image.brokers.unfenced().next().map_or(NodeId::NONE, |broker| broker.id)
}
