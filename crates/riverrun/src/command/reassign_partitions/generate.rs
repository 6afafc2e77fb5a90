//! `--generate`: a plan that spreads topics over brokers, placed by the rules by which the controller places new topics.

use super::Failure;
use super::assignment::{self, Assignment};
use super::plan_file;
use crate::command::options::Options;
use base::{NodeId, Rng, TopicPartition};
use client::Cluster;
use client::admin;
use controller::placement::{UsableBroker, place};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// Prints where the replicas are, and a proposal.
pub(super) async fn generate(cluster: &Cluster, options: &Options) -> Result<(), Failure> {
    let brokers = brokers(options.value("broker-list")?.unwrap_or_default())?;
    let topics = plan_file::topics(options.value("topics-to-move-json-file")?.unwrap_or_default())?;
    let twice = twice(&topics);
    if !twice.is_empty() {
        let message = format!(
            "List of topics to reassign contains duplicate entries: [{}]",
            twice.join(", ")
        );
        return Err(Failure::Error(message));
    }
    let current = assignment::of_topics(cluster, &topics.into_iter().collect()).await?;
    let directories = assignment::current_directories(cluster, &current).await?;
    let racks = match options.has("disable-rack-aware") {
        true => Racks::Ignored,
        false => Racks::Regarded,
    };
    let usable = usable(cluster, &brokers, racks).await?;
    let proposed = proposal(&current, &usable, &mut Rng::from_os())?;
    println!(
        "Current partition replica assignment\n{}\n",
        plan_file::shown(&current, &directories)
    );
    println!(
        "Proposed partition reassignment configuration\n{}",
        plan_file::shown(&proposed, &BTreeMap::new())
    );
    Ok(())
}

fn brokers(list: &str) -> Result<Vec<NodeId>, Failure> {
    let mut brokers = Vec::new();
    for text in list.split(',') {
        let id = text.parse();
        brokers.push(NodeId(
            id.map_err(|_| Failure::Error(format!("For input string: \"{text}\"")))?,
        ));
    }
    let twice = twice(&brokers);
    if twice.is_empty() {
        return Ok(brokers);
    }
    Err(Failure::Error(format!(
        "Broker list contains duplicate entries: [{}]",
        twice.join(", ")
    )))
}

/// What is there more than once.
pub(super) fn twice<T: Ord + Display>(items: &[T]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let again = items.iter().filter(|item| !seen.insert(*item));
    let again: BTreeSet<&T> = again.collect();
    again.into_iter().map(T::to_string).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Racks {
    Regarded,
    Ignored,
}

async fn usable(cluster: &Cluster, brokers: &[NodeId], racks: Racks) -> Result<Vec<UsableBroker>, Failure> {
    let nodes = admin::describe_cluster(cluster).await?.nodes.into_iter();
    let usable = nodes
        .filter(|node| brokers.contains(&node.id))
        .map(|node| UsableBroker {
            id: node.id,
            rack: node.rack.filter(|_| racks == Racks::Regarded),
            fenced: false,
        });
    let usable: Vec<_> = usable.collect();
    let without = usable.iter().filter(|broker| broker.rack.is_none()).count();
    if racks == Racks::Regarded && without != 0 && without != usable.len() {
        return Err(Failure::Error(String::from(
            "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica assignment \
             without rack information.",
        )));
    }
    Ok(usable)
}

fn proposal(current: &Assignment, brokers: &[UsableBroker], rng: &mut Rng) -> Result<Assignment, Failure> {
    let mut proposed = Assignment::new();
    for topic in assignment::topics(current.keys()) {
        let of_topic = current.iter().filter(|(partition, _)| *partition.topic == *topic);
        let factors: Vec<usize> = of_topic.map(|(_, replicas)| replicas.len()).collect();
        let partitions = i32::try_from(factors.len()).expect("partitions have numbers of 32 bits");
        let factor = i16::try_from(factors[0]).unwrap_or(i16::MAX);
        let placed = place(partitions, factor, brokers, rng).map_err(|error| Failure::Error(error.to_string()))?;
        let placed = (0..).zip(placed);
        proposed.extend(placed.map(|(index, replicas)| (TopicPartition::new(topic.as_str(), index), replicas)));
    }
    Ok(proposed)
}
