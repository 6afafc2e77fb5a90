//! What is committed, as others see it: the offsets of a group, and the records of a topic.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};

use crate::{Cluster, Talk, dependencies, java, suite};

/// The offsets that a group has committed of a topic's first partitions; those under a pending transaction are left out.
pub fn offsets(broker: &dyn Cluster, group: &str, topic: &str, partitions: i32) -> Result<BTreeMap<i32, i64>> {
    let topic = OffsetFetchRequestTopics {
        name: topic.to_owned(),
        partition_indexes: (0..partitions).collect(),
        ..Default::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: group.to_owned(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let request = OffsetFetchRequest {
        groups: vec![group],
        require_stable: true,
        ..Default::default()
    };
    let answer = Talk::to(broker)?.ask(&request, 8)?;
    let topics = answer.groups.iter().flat_map(|group| &group.topics);
    let partitions = topics.flat_map(|topic| &topic.partitions);
    let known = partitions.filter(|partition| partition.error_code == 0);
    Ok(known
        .map(|partition| (partition.partition_index, partition.committed_offset))
        .collect())
}

/// A record that Kafka's own read_committed consumer finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its partition.
    pub partition: i32,
    /// Its key as text, `null` when it has none.
    pub key: String,
    /// Its value as text.
    pub value: String,
}

/// All committed records of a topic, each partition in order, once there are at least `count` of them or no hope for more.
pub fn records(broker: &dyn Cluster, topic: &str, count: usize) -> Result<Vec<Found>> {
    let classes = dependencies::part("java")?.join("classes");
    let mut java = java::java_with(&["-Xmx256m"], &[&classes])?;
    java.args(["ReadCommitted", topic, &count.to_string()]);
    java.env("BOOTSTRAP", broker.bootstrap());
    let printed = suite::run("ReadCommitted", &mut java)?;
    let found = printed.lines().map(|line| {
        let mut words = line.splitn(3, ' ');
        let (Some(number), Some(key), Some(value)) = (words.next(), words.next(), words.next()) else {
            bail!("ReadCommitted prints {line:?}");
        };
        Ok(Found {
            partition: number.parse()?,
            key: key.to_owned(),
            value: value.to_owned(),
        })
    });
    found.collect()
}
