//! What the tests of replication share.

use bytes::Bytes;
use protocol::messages::fetch_response::PartitionData;
use testkit::batch::{Batch, Record, values};
use testkit::talk::{fetch_request, now_ms, records};
use testkit::{Nodes, Plan};

/// Nodes that are found dead soon: three seconds without a heartbeat.
pub fn plan(nodes: i32) -> Plan {
    Plan::combined(nodes)
        .with("broker.session.timeout.ms", 3_000)
        .with("broker.heartbeat.interval.ms", 300)
        .with("default.replication.factor", nodes)
}

pub fn start(plan: &Plan) -> Nodes {
    Nodes::start(plan).unwrap_or_else(|error| panic!("the cluster starts: {error:#}"))
}

/// One record, appended once for all its retries.
pub fn append(cluster: &Nodes, topic: &str, index: i32, text: &str) -> i64 {
    let offset = cluster.append(topic, index, &one(text));
    offset.unwrap_or_else(|error| panic!("{topic}-{index} {text}: {error:#}"))
}

pub fn one(text: &str) -> Batch {
    Batch::new(now_ms(), vec![Record::value(text)])
}

/// What consumers read from the leader.
pub fn texts(cluster: &Nodes, topic: &str, index: i32) -> Vec<String> {
    let found = cluster
        .read(topic, index)
        .unwrap_or_else(|error| panic!("{topic}: {error:#}\n{}", cluster.log_tails()));
    found.into_iter().map(|(_, value)| text(value)).collect()
}

fn text(value: Option<Vec<u8>>) -> String {
    String::from_utf8(value.unwrap_or_default()).expect("text")
}

/// The log of a replica on one node, as far as the node knows it to be committed.
fn replica(cluster: &Nodes, node: i32, topic: &str, index: i32) -> anyhow::Result<Vec<(i64, String)>> {
    let mut talk = cluster.node(node).talk()?;
    let mut found: Vec<(i64, String)> = Vec::new();
    loop {
        let next = found.last().map_or(0, |(offset, _)| offset + 1);
        let answer = look(&mut talk, topic, index, next)?;
        anyhow::ensure!(answer.error_code == 0, "node {node}: error {}", answer.error_code);
        let more = values(records(&answer));
        let before = found.len();
        found.extend(
            more.into_iter()
                .filter(|(offset, _)| *offset >= next)
                .map(|(offset, value)| (offset, text(value))),
        );
        if found.len() == before {
            return Ok(found);
        }
    }
}

/// The bytes of a replica's log from its start, as far as the node knows them to be committed; all of a small one.
pub fn bytes(cluster: &Nodes, node: i32, topic: &str, index: i32) -> anyhow::Result<Bytes> {
    let mut talk = cluster.node(node).talk()?;
    let answer = look(&mut talk, topic, index, 0)?;
    anyhow::ensure!(answer.error_code == 0, "node {node}: error {}", answer.error_code);
    Ok(Bytes::copy_from_slice(records(&answer)))
}

fn look(talk: &mut testkit::Talk, topic: &str, index: i32, from: i64) -> anyhow::Result<PartitionData> {
    let request = fetch_request(topic, index, from);
    let answer = talk.ask(&request, 12)?;
    let mut partitions = answer.responses.into_iter().flat_map(|topic| topic.partitions);
    partitions
        .next()
        .ok_or_else(|| anyhow::anyhow!("no partition: error {}", answer.error_code))
}

/// Waits until the replicas on all these nodes are the same, byte for byte.
pub fn until_alike(cluster: &Nodes, nodes: &[i32], topic: &str, index: i32) {
    let mut logs = Vec::new();
    let alike = testkit::talk::until("the same log everywhere", || {
        logs = nodes
            .iter()
            .map(|node| bytes(cluster, *node, topic, index))
            .collect::<Vec<_>>();
        Ok(logs.iter().all(Result::is_ok)
            && logs
                .windows(2)
                .all(|pair| pair[0].as_ref().ok() == pair[1].as_ref().ok()))
    });
    if let Err(error) = alike {
        let logs: Vec<_> = nodes
            .iter()
            .map(|node| (node, replica(cluster, *node, topic, index)))
            .collect();
        panic!("{error:#}: {logs:#?}\n{}", cluster.log_tails());
    }
}
