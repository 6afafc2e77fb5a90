//! Who has replicas move: between the log directories of a node (KIP-113), and between nodes (KIP-455), and leaderships too.
//! Before the others are to do without a node, every partition is back on all of them.

use super::{ATOMIC, PARTITIONS, PLAIN, Stage, Work, pause};
use base::{NodeId, Rng, TopicPartition};
use client::Cluster;
use client::admin::{ElectionType, elect_leaders};
use client::admin::{ReplicationFactorChange, alter_reassignments, alter_replica_log_dirs};
use simulated_cluster::LOG_DIRS;
use std::time::Duration;

/// What has partitions, two of each.
const TOPICS: [&str; 4] = [PLAIN, ATOMIC, "__consumer_offsets", "__transaction_state"];
const NODES: i32 = 3;

/// What is wanted of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Replicas move wherever they like.
    Moves,
    /// Each partition is on every node, and nothing moves to another directory.
    Order,
}

pub async fn run(work: Work, who: &'static str, mut rng: Rng) {
    let cluster = work.cluster(who);
    while work.stage() == Stage::All {
        match work.wish() {
            Wish::Moves => match rng.below(4) {
                0 => to_other_nodes(&work, &cluster, &mut rng).await,
                1 => to_the_first(&work, &cluster, &mut rng).await,
                _ => to_another_dir(&work, &cluster, &mut rng).await,
            },
            Wish::Order => {
                // What was asked for before may arrive later: said but once, this might not be the last word.
                to_every_node(&work, &cluster).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        pause(&mut rng, 800).await;
    }
}

fn index(rng: &mut Rng, len: usize) -> usize {
    usize::try_from(rng.below(len as u64)).unwrap()
}

fn any_partition(rng: &mut Rng) -> TopicPartition {
    let partition = rng.below(u64::try_from(PARTITIONS).unwrap());
    TopicPartition::new(TOPICS[index(rng, TOPICS.len())], i32::try_from(partition).unwrap())
}

/// To the directory that it lies in, too: that gives a move up.
async fn to_another_dir(work: &Work, cluster: &Cluster, rng: &mut Rng) {
    let (partition, dir) = (any_partition(rng), LOG_DIRS[index(rng, LOG_DIRS.len())]);
    let node = NodeId(1 + i32::try_from(rng.below(3)).unwrap() % NODES);
    let asked = alter_replica_log_dirs(cluster, node, &partition, dir).await;
    work.history
        .note(format_args!("{partition} is to lie in {dir} of {node}: {asked:?}"));
}

/// Two or three of them, in any order.
async fn to_other_nodes(work: &Work, cluster: &Cluster, rng: &mut Rng) {
    let mut nodes: Vec<NodeId> = (1..=NODES).map(NodeId).collect();
    for at in (1..nodes.len()).rev() {
        nodes.swap(at, index(rng, at + 1));
    }
    nodes.truncate(2 + index(rng, 2));
    let targets = [(any_partition(rng), Some(nodes))];
    reassign(work, cluster, &targets).await;
}

/// Whoever was named first leads again.
async fn to_the_first(work: &Work, cluster: &Cluster, rng: &mut Rng) {
    let partition = any_partition(rng);
    let asked = elect_leaders(cluster, ElectionType::Preferred, Some(std::slice::from_ref(&partition))).await;
    work.history
        .note(format_args!("{partition} is to be led by the first: {asked:?}"));
}

async fn to_every_node(work: &Work, cluster: &Cluster) {
    let all = TOPICS
        .iter()
        .flat_map(|topic| (0..PARTITIONS).map(|index| TopicPartition::new(*topic, index)));
    let targets: Vec<_> = all
        .map(|partition| (partition, Some((1..=NODES).map(NodeId).collect())))
        .collect();
    reassign(work, cluster, &targets).await;
}

async fn reassign(work: &Work, cluster: &Cluster, targets: &[(TopicPartition, Option<Vec<NodeId>>)]) {
    let asked = alter_reassignments(cluster, targets, ReplicationFactorChange::Allowed).await;
    work.history
        .note(format_args!("replicas are to be on {targets:?}: {asked:?}"));
}
