//! One Fetch to one leader.

use super::position::Assigned;
use super::settings::ConsumerSettings;
use crate::cluster::Cluster;
use crate::error::ClientError;
use base::{NodeId, Offset, TopicPartition, Uuid};
use bytes::Bytes;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::fetch_response::{AbortedTransaction, FetchResponse, FetchableTopicResponse, PartitionData};
use protocol::{Records, Request};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first version that names topics by their ids (KIP-516).
const BY_ID: i16 = 13;

/// What is wanted of one partition.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    partition: TopicPartition,
    topic_id: Uuid,
    leader_epoch: i32,
    from: Offset,
}

/// What a leader answered.
#[derive(Debug)]
pub(super) struct Landed {
    pub leader: NodeId,
    pub wanted: Vec<TopicPartition>,
    pub answer: Result<Vec<Answer>, ClientError>,
}

/// What a leader answered for one partition.
#[derive(Debug)]
pub(super) struct Answer {
    pub partition: TopicPartition,
    /// The offset that was asked for.
    pub from: Offset,
    pub error_code: i16,
    pub aborted: Vec<AbortedTransaction>,
    pub records: Bytes,
}

/// What can be fetched now, by leader.
pub(super) fn by_leader(
    cluster: &Cluster,
    assigned: &BTreeMap<TopicPartition, Assigned>,
) -> BTreeMap<NodeId, Vec<Wanted>> {
    let mut found: BTreeMap<NodeId, Vec<Wanted>> = BTreeMap::new();
    for (partition, state) in assigned {
        let (Some(from), Some(topic)) = (state.offset(), cluster.known_topic(&partition.topic)) else {
            continue;
        };
        let Some(metadata) = topic.partitions.iter().find(|found| found.index == partition.partition) else {
            continue;
        };
        if metadata.leader == NodeId::NONE {
            cluster.forget_topic(&partition.topic);
            continue;
        }
        found.entry(metadata.leader).or_default().push(Wanted {
            partition: partition.clone(),
            topic_id: topic.id,
            leader_epoch: metadata.leader_epoch.0,
            from,
        });
    }
    found
}

/// Fetches.
pub(super) async fn fly(cluster: Cluster, leader: NodeId, wanted: Vec<Wanted>, settings: ConsumerSettings) -> Landed {
    let answer = exchange(&cluster, leader, &wanted, &settings).await;
    let wanted = wanted.into_iter().map(|wanted| wanted.partition).collect();
    Landed { leader, wanted, answer }
}

async fn exchange(
    cluster: &Cluster,
    leader: NodeId,
    wanted: &[Wanted],
    settings: &ConsumerSettings,
) -> Result<Vec<Answer>, ClientError> {
    let channel = cluster.node(leader).await?;
    let mut version = channel.version::<FetchRequest>()?;
    if wanted.iter().any(|wanted| wanted.topic_id == Uuid::ZERO) {
        version = version.min(BY_ID - 1);
    }
    let request = request(wanted, settings);
    let patience = settings.max_wait + cluster.settings().request_timeout;
    let response = channel.send_within(&request, version, patience).await?;
    ClientError::check(response.error_code, None)?;
    answers(response, wanted).ok_or_else(|| ClientError::Malformed {
        address: channel.address().clone(),
        api: FetchRequest::KEY,
        reason: String::from("a partition that was not asked for"),
    })
}

fn request(wanted: &[Wanted], settings: &ConsumerSettings) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for wanted in wanted {
        let partition = FetchPartition {
            partition: wanted.partition.partition,
            current_leader_epoch: wanted.leader_epoch,
            fetch_offset: wanted.from.0,
            partition_max_bytes: settings.partition_max_bytes,
            ..Default::default()
        };
        match topics.last_mut() {
            Some(topic) if *topic.topic == *wanted.partition.topic => topic.partitions.push(partition),
            _ => topics.push(FetchTopic {
                topic: wanted.partition.topic.to_string(),
                topic_id: wanted.topic_id,
                partitions: vec![partition],
            }),
        }
    }
    FetchRequest {
        max_wait_ms: i32::try_from(settings.max_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: settings.min_bytes,
        max_bytes: settings.max_bytes,
        isolation_level: settings.isolation.number(),
        topics,
        rack_id: settings.rack.clone(),
        ..Default::default()
    }
}

fn answers(response: FetchResponse, wanted: &[Wanted]) -> Option<Vec<Answer>> {
    let mut asked: FxHashMap<(Arc<str>, i32), &Wanted> = FxHashMap::default();
    for wanted in wanted {
        asked.insert(
            (Arc::clone(&wanted.partition.topic), wanted.partition.partition),
            wanted,
        );
    }
    let mut answers = Vec::new();
    for topic in response.responses {
        let name = name_of(&topic, wanted)?;
        for data in topic.partitions {
            let wanted = asked.get(&(Arc::clone(&name), data.partition_index))?;
            answers.push(answer(data, wanted));
        }
    }
    Some(answers)
}

fn name_of(topic: &FetchableTopicResponse, wanted: &[Wanted]) -> Option<Arc<str>> {
    let same = |wanted: &&Wanted| match topic.topic_id {
        Uuid::ZERO => *wanted.partition.topic == *topic.topic,
        id => wanted.topic_id == id,
    };
    wanted
        .iter()
        .find(same)
        .map(|wanted| Arc::clone(&wanted.partition.topic))
}

fn answer(data: PartitionData, wanted: &Wanted) -> Answer {
    let records = data.records.as_ref().and_then(Records::as_bytes).cloned();
    Answer {
        partition: wanted.partition.clone(),
        from: wanted.from,
        error_code: data.error_code,
        aborted: data.aborted_transactions.unwrap_or_default(),
        records: records.unwrap_or_default(),
    }
}
