//! `--describe`: topics and their partitions, line by line.

use super::{matching, must_exist};
use crate::command::java;
use crate::command::options::Options;
use crate::command::topic_filter::is_internal;
use base::{NodeId, TopicPartition, Uuid};
use client::admin::{self, ConfigEntry, Reassignment, Resource, ResourceType};
use client::admin::{TopicDescription, TopicPartitionDescription};
use client::{Cluster, Topics};
use std::collections::BTreeMap;

/// How many partitions are asked for at a time, if nothing else is said.
const LIMIT: i32 = 2000;

/// Which partitions are shown.
#[derive(Clone, Copy, Debug, Default)]
struct Reports {
    under_replicated: bool,
    unavailable: bool,
    under_min_isr: bool,
    at_min_isr: bool,
    only_overridden: bool,
}

impl Reports {
    fn read(options: &Options) -> Self {
        Self {
            under_replicated: options.has("under-replicated-partitions"),
            unavailable: options.has("unavailable-partitions"),
            under_min_isr: options.has("under-min-isr-partitions"),
            at_min_isr: options.has("at-min-isr-partitions"),
            only_overridden: options.has("topics-with-overrides"),
        }
    }

    /// Whether everything is shown, and not only partitions in some kind of trouble.
    fn shows_topics(self) -> bool {
        !(self.under_replicated || self.unavailable || self.under_min_isr || self.at_min_isr)
    }
}

/// What a description needs to know beside the topic.
struct Surroundings {
    live: Vec<NodeId>,
    moving: BTreeMap<TopicPartition, Reassignment>,
}

/// Describes the topics that the options name.
pub async fn describe(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let names = names(cluster, options).await?;
    let limit = options
        .number::<i32>("partition-size-limit-per-response")?
        .unwrap_or(LIMIT);
    let topics = admin::describe_topics(cluster, &names, limit).await?;
    let topics = topics
        .into_iter()
        .map(|(_, topic)| topic)
        .collect::<Result<Vec<_>, _>>()?;
    let resource = |topic: &TopicDescription| Resource {
        kind: ResourceType::Topic,
        name: topic.name.clone(),
    };
    let resources: Vec<_> = topics.iter().map(resource).collect();
    let configs = admin::describe_configs(cluster, &resources).await?;
    let mut configs: BTreeMap<_, _> = configs
        .into_iter()
        .map(|(resource, entries)| (resource.name, entries))
        .collect();
    let live = admin::describe_cluster(cluster)
        .await?
        .nodes
        .iter()
        .map(|node| node.id)
        .collect();
    // A cluster that does not tell of moves is described without them, as Kafka's script does.
    let moving = admin::list_reassignments(cluster, None)
        .await
        .unwrap_or_default()
        .into_iter()
        .collect();
    let around = Surroundings { live, moving };
    let reports = Reports::read(options);
    for topic in &topics {
        let entries = configs.remove(&topic.name).unwrap_or_else(|| Ok(Vec::new()))?;
        print!("{}", show(topic, &entries, &around, reports));
    }
    Ok(())
}

async fn names(cluster: &Cluster, options: &Options) -> anyhow::Result<Vec<String>> {
    let id = options
        .value("topic-id")?
        .map(str::parse::<Uuid>)
        .transpose()?
        .filter(|id| *id != Uuid::ZERO);
    let Some(id) = id else {
        let names = matching(cluster, options).await?;
        must_exist(&names, options)?;
        return Ok(names);
    };
    let topics = cluster.metadata(Topics::All).await?;
    let wanted = topics.iter().filter(|topic| topic.id == id);
    let names: Vec<String> = wanted
        .filter(|topic| !(options.has("exclude-internal") && is_internal(&topic.name)))
        .map(|topic| topic.name.clone())
        .collect();
    if names.is_empty() && !options.has("if-exists") {
        anyhow::bail!("TopicId '{id}' does not exist as expected");
    }
    Ok(names)
}

fn show(topic: &TopicDescription, entries: &[ConfigEntry], around: &Surroundings, reports: Reports) -> String {
    let moving = |partition: &TopicPartitionDescription| {
        around
            .moving
            .get(&TopicPartition::new(topic.name.as_str(), partition.index))
    };
    let mut text = String::new();
    let overridden: Vec<&ConfigEntry> = entries.iter().filter(|entry| !entry.is_default()).collect();
    if reports.shows_topics() && (!reports.only_overridden || !overridden.is_empty()) {
        let factor = topic
            .partitions
            .first()
            .map_or(0, |first| replication_factor(first, moving(first)));
        text += &topic_line(topic, factor, entries);
    }
    if reports.only_overridden {
        return text;
    }
    let min_isr = entries.iter().find(|entry| entry.name == "min.insync.replicas");
    let min_isr = min_isr
        .and_then(|entry| entry.value.as_deref()?.parse().ok())
        .unwrap_or(1);
    for partition in &topic.partitions {
        if reports.shows_topics() || wanted(partition, moving(partition), min_isr, &around.live, reports) {
            text += &partition_line(&topic.name, partition, moving(partition));
        }
    }
    text
}

fn topic_line(topic: &TopicDescription, factor: usize, entries: &[ConfigEntry]) -> String {
    let ordered = java::hash_order(entries.iter().collect(), |entry: &&ConfigEntry| entry.name.as_str());
    let shown = ordered.into_iter().filter(|entry| !entry.is_default());
    let configs: Vec<String> = shown
        .map(|entry| format!("{}={}", entry.name, entry.value.as_deref().unwrap_or("null")))
        .collect();
    let id = if topic.id == Uuid::ZERO {
        String::new()
    } else {
        format!("\tTopicId: {}", topic.id)
    };
    format!(
        "Topic: {}{id}\tPartitionCount: {}\tReplicationFactor: {factor}\tConfigs: {}\n",
        topic.name,
        topic.partitions.len(),
        configs.join(",")
    )
}

fn partition_line(topic: &str, partition: &TopicPartitionDescription, moving: Option<&Reassignment>) -> String {
    let leader = partition
        .leader
        .map_or_else(|| String::from("none"), |leader| leader.to_string());
    let on_the_move = moving.map_or_else(String::new, |moving| {
        format!(
            "\tAdding Replicas: {}\tRemoving Replicas: {}",
            list(&moving.adding),
            list(&moving.removing)
        )
    });
    let known = |nodes: &Option<Vec<NodeId>>| nodes.as_deref().map_or_else(|| String::from("N/A"), list);
    format!(
        "\tTopic: {topic}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}{on_the_move}\tElr: {}\tLastKnownElr: {}\n",
        partition.index,
        list(&partition.replicas),
        list(&partition.isr),
        known(&partition.elr),
        known(&partition.last_known_elr),
    )
}

fn list(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(",")
}

/// The replicas that count: the ones being added do not yet.
fn replication_factor(partition: &TopicPartitionDescription, moving: Option<&Reassignment>) -> usize {
    match moving {
        Some(moving)
            if partition
                .replicas
                .iter()
                .any(|node| moving.adding.contains(node) || moving.removing.contains(node)) =>
        {
            moving.replicas.len().saturating_sub(moving.adding.len())
        }
        _ => partition.replicas.len(),
    }
}

fn wanted(
    partition: &TopicPartitionDescription,
    moving: Option<&Reassignment>,
    min_isr: usize,
    live: &[NodeId],
    reports: Reports,
) -> bool {
    let in_sync = partition.isr.len();
    let leads = partition.leader.is_some_and(|leader| live.contains(&leader));
    reports.under_replicated && replication_factor(partition, moving) > in_sync
        || reports.unavailable && !leads
        || reports.under_min_isr && (partition.leader.is_none() || in_sync < min_isr)
        || reports.at_min_isr && in_sync == min_isr
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::admin::ConfigSource;
    use expect_test::expect;

    fn topic() -> TopicDescription {
        let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect::<Vec<_>>();
        let partition = |index, leader, isr: &[i32]| TopicPartitionDescription {
            index,
            leader,
            replicas: nodes(&[1, 2]),
            isr: nodes(isr),
            elr: Some(Vec::new()),
            last_known_elr: None,
        };
        TopicDescription {
            name: String::from("t"),
            id: Uuid::ONE,
            is_internal: false,
            partitions: vec![partition(0, Some(NodeId(1)), &[1, 2]), partition(1, None, &[2])],
        }
    }

    fn entry(name: &str, value: &str, source: ConfigSource) -> ConfigEntry {
        ConfigEntry {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            source,
            is_sensitive: false,
            is_read_only: false,
            synonyms: Vec::new(),
        }
    }

    #[test]
    fn a_topic_is_shown_as_kafka_shows_it() {
        let entries = [
            entry("min.insync.replicas", "2", ConfigSource::DEFAULT_BROKER),
            entry("retention.ms", "5", ConfigSource::TOPIC),
            entry("segment.ms", "7", ConfigSource::DEFAULT),
        ];
        let around = Surroundings {
            live: vec![NodeId(1)],
            moving: BTreeMap::new(),
        };
        let shown = show(&topic(), &entries, &around, Reports::default());
        expect![[r#"
            Topic: t	TopicId: AAAAAAAAAAAAAAAAAAAAAQ	PartitionCount: 2	ReplicationFactor: 2	Configs: min.insync.replicas=2,retention.ms=5
            	Topic: t	Partition: 0	Leader: 1	Replicas: 1,2	Isr: 1,2	Elr: 	LastKnownElr: N/A
            	Topic: t	Partition: 1	Leader: none	Replicas: 1,2	Isr: 2	Elr: 	LastKnownElr: N/A
        "#]]
        .assert_eq(&shown);
        for reports in [
            Reports {
                under_replicated: true,
                ..Reports::default()
            },
            Reports {
                unavailable: true,
                ..Reports::default()
            },
            Reports {
                under_min_isr: true,
                ..Reports::default()
            },
        ] {
            let shown = show(&topic(), &entries, &around, reports);
            assert!(shown.starts_with("\tTopic: t\tPartition: 1\t"), "{reports:?}: {shown}");
        }
        let shown = show(
            &topic(),
            &entries,
            &around,
            Reports {
                at_min_isr: true,
                ..Reports::default()
            },
        );
        assert!(shown.starts_with("\tTopic: t\tPartition: 0\t"), "{shown}");
    }
}
