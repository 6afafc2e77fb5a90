//! Elections of leaders on demand (KIP-183, KIP-460).

use super::{Each, millis, outcome};
use crate::cluster::Cluster;
use crate::error::ClientError;
use base::TopicPartition;
use protocol::messages::elect_leaders_request::{ElectLeadersRequest, TopicPartitions};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who shall lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum ElectionType {
    /// The first replica, if it is in sync.
    Preferred = 0,
    /// Any replica that lives, where nobody leads; what it has not got is lost.
    Unclean = 1,
}

/// Elects leaders for `partitions`, or wherever there is something to do.
pub async fn elect_leaders(
    cluster: &Cluster,
    election: ElectionType,
    partitions: Option<&[TopicPartition]>,
) -> Result<Each<TopicPartition, ()>, ClientError> {
    let asked = |partitions: &[TopicPartition]| {
        let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            let of_topic = topics.entry(partition.topic.to_string()).or_default();
            of_topic.push(partition.partition);
        }
        let topic = |(topic, partitions)| TopicPartitions { topic, partitions };
        topics.into_iter().map(topic).collect()
    };
    let request = ElectLeadersRequest {
        election_type: election as i8,
        topic_partitions: partitions.map(asked),
        timeout_ms: millis(cluster.settings().request_timeout),
    };
    let answer = cluster
        .call_controller("electLeaders", &request, |answer| answer.error_code)
        .await?;
    outcome(answer.error_code, None)?;
    let mut each = Vec::new();
    for topic in answer.replica_election_results {
        let name: Arc<str> = topic.topic.into();
        for partition in topic.partition_result {
            let elected = outcome(partition.error_code, partition.error_message);
            each.push((TopicPartition::new(Arc::clone(&name), partition.partition_id), elected));
        }
    }
    Ok(each)
}
