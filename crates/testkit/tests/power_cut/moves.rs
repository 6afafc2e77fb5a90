//! Replicas that move while clients write: between the two log directories of a node (KIP-113), and between nodes (KIP-455).

use super::history::History;
use super::nodes::NODES;
use anyhow::Context;
use base::Rng;
use protocol::messages::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
};
use protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testkit::nodes::TopicsView;
use testkit::talk::until;
use testkit::{Nodes, Talk};

/// The log directories of every node that is recorded, below its own.
pub const DIRS: [&str; 2] = ["a", "b"];
/// Partitions of the internal topics, as they are set up here.
const INTERNAL: [(&str, i32); 2] = [("__consumer_offsets", 4), ("__transaction_state", 4)];
/// The longest that is waited between two moves, in milliseconds.
const PAUSE: u64 = 25;
/// How long a replica may take to other nodes before another moves too.
const PATIENCE: Duration = Duration::from_millis(400);

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const REPLICA_NOT_AVAILABLE: i16 = 9;

/// Set at the end of whoever holds it, however that comes.
pub struct AtTheEnd<'a>(pub &'a AtomicBool);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn index(rng: &mut Rng, len: usize) -> usize {
    usize::try_from(rng.below(len as u64)).unwrap()
}

/// Any partition: of a topic that is there, was there a moment ago, or is internal.
fn any_partition(history: &History, rng: &mut Rng) -> (String, i32) {
    let known = history.topics.lock().unwrap();
    let known = known.iter().map(|(name, life)| (name.clone(), life.partitions));
    let internal = INTERNAL.map(|(name, partitions)| (name.to_owned(), partitions));
    let all: Vec<(String, i32)> = known.chain(internal).collect();
    let (name, partitions) = all[index(rng, all.len())].clone();
    (
        name,
        i32::try_from(index(rng, usize::try_from(partitions).unwrap())).unwrap(),
    )
}

/// Has replicas of a node move to one of its directories or the other until it is over; the one they lie in gives a move up.
pub fn between_dirs(address: &str, root: &Path, mut rng: Rng, history: &History, is_over: &AtomicBool) {
    let mut talk = Talk::at(address).unwrap();
    while !is_over.load(Ordering::Relaxed) {
        let (name, partition) = any_partition(history, &mut rng);
        let topic = AlterReplicaLogDirTopic {
            name,
            partitions: vec![partition],
        };
        let dir = AlterReplicaLogDir {
            path: root.join(DIRS[index(&mut rng, DIRS.len())]).display().to_string(),
            topics: vec![topic],
        };
        let answer = talk.ask(&AlterReplicaLogDirsRequest { dirs: vec![dir] }, 2).unwrap();
        let error = answer.results[0].partitions[0].error_code;
        // It may be gone, not there yet, or on other nodes.
        let is_expected = matches!(error, 0 | UNKNOWN_TOPIC_OR_PARTITION | REPLICA_NOT_AVAILABLE);
        assert!(is_expected, "{answer:?}");
        thread::sleep(Duration::from_millis(1 + rng.below(PAUSE)));
    }
}

/// Has partitions move to two or three of the nodes, in any order, until it is over; answers how many came there in time.
pub fn between_nodes(nodes: &Nodes, mut rng: Rng, history: &History, is_over: &AtomicBool) -> usize {
    let mut talk = nodes.node(1).talk().unwrap();
    let mut moved = 0;
    while !is_over.load(Ordering::Relaxed) {
        let (name, partition) = any_partition(history, &mut rng);
        let replicas = some_nodes(&mut rng);
        if reassign(&mut talk, &name, partition, &replicas) {
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE && !is_over.load(Ordering::Relaxed) {
                if lies_on(nodes, &name, partition, &replicas) {
                    moved += 1;
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        thread::sleep(Duration::from_millis(1 + rng.below(PAUSE)));
    }
    moved
}

fn some_nodes(rng: &mut Rng) -> Vec<i32> {
    let mut ids: Vec<i32> = (1..=NODES).collect();
    for at in (1..ids.len()).rev() {
        ids.swap(at, index(rng, at + 1));
    }
    ids.truncate(2 + index(rng, 2));
    ids
}

/// Whether it is begun: the topic is there.
fn reassign(talk: &mut Talk, name: &str, partition: i32, replicas: &[i32]) -> bool {
    let partition = ReassignablePartition {
        partition_index: partition,
        replicas: Some(replicas.to_vec()),
    };
    let request = AlterPartitionReassignmentsRequest {
        timeout_ms: 5_000,
        topics: vec![ReassignableTopic {
            name: name.to_owned(),
            partitions: vec![partition],
        }],
        ..Default::default()
    };
    let answer = talk.ask(&request, 1).unwrap();
    let error = answer.responses[0].partitions[0].error_code;
    assert!(matches!(error, 0 | UNKNOWN_TOPIC_OR_PARTITION), "{answer:?}");
    error == 0
}

fn lies_on(nodes: &Nodes, name: &str, partition: i32, replicas: &[i32]) -> bool {
    let at = usize::try_from(partition).unwrap();
    let seen = nodes.node(1).partition(name, at).ok().flatten();
    seen.is_some_and(|seen| seen.replicas == replicas && seen.isr.len() == replicas.len())
}

/// Waits until no partition is on its way to other nodes, all replicas of each are in sync, and every node knows so.
pub fn until_settled(nodes: &Nodes, topics: &[&str]) -> anyhow::Result<()> {
    let mut talk = nodes.node(1).talk()?;
    let request = ListPartitionReassignmentsRequest {
        timeout_ms: 5_000,
        topics: None,
    };
    let mut seen = Vec::new();
    let settled = until("nothing is on its way to other nodes", || {
        let answer = talk.ask(&request, 0)?;
        if answer.error_code != 0 || !answer.topics.is_empty() {
            return Ok(false);
        }
        let views: anyhow::Result<Vec<TopicsView>> = nodes.iter().map(|node| node.topics(Some(topics))).collect();
        seen = views?;
        Ok(seen.iter().all(|view| *view == seen[0] && is_in_sync(view)))
    });
    settled.with_context(|| format!("seen {seen:?}"))
}

fn is_in_sync(view: &TopicsView) -> bool {
    let mut partitions = view.values().flat_map(|(_, partitions)| partitions);
    partitions.all(|partition| {
        let mut replicas = partition.replicas.clone();
        replicas.sort_unstable();
        partition.leader >= 0 && replicas == partition.isr
    })
}
