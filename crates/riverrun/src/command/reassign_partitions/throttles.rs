//! Throttles while replicas move: rates on brokers, the lists of throttled replicas on topics.

use super::Failure;
use super::assignment::{self, Assignment};
use super::words::plural;
use crate::command::java_exception::thrown;
use base::{NodeId, TopicPartition};
use client::Cluster;
use client::admin::{self, ConfigChange, Reassignment, Resource, ResourceType};
use std::collections::{BTreeMap, BTreeSet};

const LEADER_RATE: &str = "leader.replication.throttled.rate";
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
const DIRECTORY_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
const LEADERS: &str = "leader.replication.throttled.replicas";
const FOLLOWERS: &str = "follower.replication.throttled.replicas";

/// What becomes of throttles once nothing moves any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtTheEnd {
    /// They are taken away.
    Cleared,
    /// They stay.
    Kept,
}

/// From where to where partitions move.
#[derive(Debug, Default)]
pub(super) struct Moves(BTreeMap<TopicPartition, Move>);

#[derive(Debug)]
struct Move {
    sources: BTreeSet<NodeId>,
    destinations: BTreeSet<NodeId>,
}

impl Moves {
    /// What moves already and what is proposed to move; `current` is where the proposed ones are.
    pub(super) fn of(moving: &[(TopicPartition, Reassignment)], proposed: &Assignment, current: &Assignment) -> Self {
        let mut moves = BTreeMap::new();
        for (partition, reassignment) in moving {
            let destinations: BTreeSet<NodeId> = reassignment.adding.iter().copied().collect();
            let sources = reassignment.replicas.iter().copied();
            let sources = sources.filter(|node| !destinations.contains(node)).collect();
            moves.insert(partition.clone(), Move { sources, destinations });
        }
        for (partition, replicas) in proposed {
            let sources: BTreeSet<NodeId> = match moves.remove(partition) {
                Some(moving) => moving.sources,
                None => current.get(partition).into_iter().flatten().copied().collect(),
            };
            let destinations = replicas.iter().copied();
            let destinations = destinations.filter(|node| !sources.contains(node)).collect();
            moves.insert(partition.clone(), Move { sources, destinations });
        }
        Self(moves)
    }

    /// For each topic the replicas `of` each move, as the topic's setting has it.
    fn throttled(&self, of: impl Fn(&Move) -> &BTreeSet<NodeId>) -> BTreeMap<String, String> {
        let mut topics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (partition, moving) in &self.0 {
            let replicas = topics.entry(partition.topic.to_string()).or_default();
            replicas.extend(of(moving).iter().map(|node| format!("{}:{node}", partition.partition)));
        }
        let joined =
            |(topic, replicas): (String, BTreeSet<String>)| (topic, replicas.into_iter().collect::<Vec<_>>().join(","));
        topics.into_iter().map(joined).collect()
    }

    fn brokers(&self) -> BTreeSet<NodeId> {
        let brokers = self
            .0
            .values()
            .flat_map(|moving| moving.sources.union(&moving.destinations));
        brokers.copied().collect()
    }
}

/// Throttles moves between brokers.
pub(super) async fn between_brokers(cluster: &Cluster, moves: &Moves, rate: i64) -> Result<(), Failure> {
    let leaders = moves.throttled(|moving| &moving.sources);
    let followers = moves.throttled(|moving| &moving.destinations);
    for (topic, leaders) in leaders {
        let followers = followers.get(&topic).cloned().unwrap_or_default();
        let changes = [set(LEADERS, leaders), set(FOLLOWERS, followers)];
        alter(cluster, ResourceType::Topic, topic, &changes).await?;
    }
    for broker in moves.brokers() {
        let changes = [set(LEADER_RATE, rate.to_string()), set(FOLLOWER_RATE, rate.to_string())];
        alter(cluster, ResourceType::Broker, broker.to_string(), &changes).await?;
    }
    println!("The inter-broker throttle limit was set to {rate} B/s");
    Ok(())
}

/// Throttles moves between the directories of `brokers`.
pub(super) async fn between_directories(
    cluster: &Cluster,
    brokers: &BTreeSet<NodeId>,
    rate: i64,
) -> Result<(), Failure> {
    for broker in brokers {
        let changes = [set(DIRECTORY_RATE, rate.to_string())];
        alter(cluster, ResourceType::Broker, broker.to_string(), &changes).await?;
    }
    println!("The replica-alter-dir throttle limit was set to {rate} B/s");
    Ok(())
}

/// Takes all throttles away: nobody remembers which brokers the moves were from.
pub(super) async fn clear(cluster: &Cluster, targets: &[(TopicPartition, Vec<NodeId>)]) -> Result<(), Failure> {
    let nodes = admin::describe_cluster(cluster).await?.nodes;
    let mut brokers: BTreeSet<NodeId> = nodes.iter().map(|node| node.id).collect();
    brokers.extend(targets.iter().flat_map(|(_, replicas)| replicas));
    println!(
        "Clearing broker-level throttles on broker{} {}",
        plural(brokers.len()),
        assignment::listed(&brokers)
    );
    for broker in brokers {
        let changes = [LEADER_RATE, FOLLOWER_RATE, DIRECTORY_RATE].map(delete);
        alter(cluster, ResourceType::Broker, broker.to_string(), &changes).await?;
    }
    let topics = assignment::topics(targets.iter().map(|(partition, _)| partition));
    println!(
        "Clearing topic-level throttles on topic{} {}",
        plural(topics.len()),
        topics.iter().cloned().collect::<Vec<_>>().join(",")
    );
    for topic in topics {
        alter(cluster, ResourceType::Topic, topic, &[LEADERS, FOLLOWERS].map(delete)).await?;
    }
    Ok(())
}

fn set(name: &str, value: String) -> ConfigChange {
    ConfigChange::Set {
        name: name.to_owned(),
        value,
    }
}

fn delete(name: &str) -> ConfigChange {
    ConfigChange::Delete { name: name.to_owned() }
}

async fn alter(cluster: &Cluster, kind: ResourceType, name: String, changes: &[ConfigChange]) -> Result<(), Failure> {
    let altered = admin::alter_configs(cluster, &Resource { kind, name }, changes).await;
    altered.map_err(|error| Failure::Error(thrown(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_replicas_are_throttled_as_leaders_and_new_ones_as_followers() {
        let nodes = |ids: &[i32]| ids.iter().map(|id| NodeId(*id)).collect::<Vec<_>>();
        let a = |index| TopicPartition::new("a", index);
        let moving = Reassignment {
            replicas: nodes(&[1, 2, 4]),
            adding: nodes(&[4]),
            removing: nodes(&[1]),
        };
        let proposed = Assignment::from([(a(0), nodes(&[2, 3])), (a(1), nodes(&[3, 1]))]);
        let current = Assignment::from([(a(0), nodes(&[1, 2])), (a(1), nodes(&[2, 3]))]);
        let moves = Moves::of(&[(a(7), moving)], &proposed, &current);
        let only = |topics: BTreeMap<String, String>| topics.into_values().collect::<Vec<_>>();
        assert_eq!(
            only(moves.throttled(|moving| &moving.sources)),
            ["0:1,0:2,1:2,1:3,7:1,7:2"]
        );
        assert_eq!(only(moves.throttled(|moving| &moving.destinations)), ["0:3,1:1,7:4"]);
        assert_eq!(moves.brokers().len(), 4);
    }
}
