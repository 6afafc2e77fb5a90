//! Three nodes change hands one by one while the cluster serves: from Apache Kafka to us on Kafka's own directories, and
//! back to Kafka on ours.

use super::files::{common_prefix, log_bytes};
use std::collections::BTreeMap;
use testkit::batch::{Batch, Record};
use testkit::talk::{eventually, now_ms, until};
use testkit::{Cluster, Maker, Nodes, Plan, committed, java};

const NODES: [i32; 3] = [1, 2, 3];
const TOPIC: &str = "swapped";
const GROUP: &str = "java-1-readers";

fn append(cluster: &Nodes, text: &str) {
    let batch = Batch::new(now_ms(), vec![Record::value(text)]);
    let appended = cluster.append(TOPIC, 0, &batch);
    appended.unwrap_or_else(|error| panic!("{text}: {error:#}"));
}

/// Kafka's own producer, each codec and a transaction; the transactional id is the same each time.
fn write_each_way(cluster: &Nodes) -> usize {
    let told = java::answers(
        "WriteEachWay.java",
        &format!("{}\nswap\n{TOPIC}\n", cluster.bootstrap()),
    );
    let told = told.unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    told.trim().parse().expect("a number")
}

/// A topic of its own is created, written and read by a group.
fn read_by_a_group(cluster: &Nodes, topic: &str) {
    let told = java::answers("ClusterAdmin.java", &format!("{}\n{topic}\n3\n", cluster.bootstrap()));
    let told = told.unwrap_or_else(|error| panic!("{topic}: {error:#}\n{}", cluster.log_tails()));
    assert!(told.contains("brokers [1, 2, 3]"), "{told}");
    assert!(told.contains("voters [1, 2, 3]"), "{told}");
    assert!(told.ends_with("consumed 300\n"), "{told}");
}

/// What the group has committed, told by whoever coordinates it now.
fn offsets(cluster: &Nodes) -> BTreeMap<i32, i64> {
    let found = eventually("the group's coordinator", || {
        let told = cluster
            .brokers()
            .filter_map(|node| committed::offsets(node, GROUP, "java-1", 6).ok());
        Ok(told.into_iter().find(|offsets| offsets.len() == 6))
    });
    found.unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()))
}

/// Stops a node, and starts the other maker's program on its directory.
fn hand_over(cluster: &mut Nodes, id: i32, maker: Maker) {
    let node = cluster.node_mut(id);
    node.stop_cleanly()
        .unwrap_or_else(|error| panic!("{id} stops: {error:#}"));
    node.hand_over_to(maker);
    node.restart()
        .unwrap_or_else(|error| panic!("{id} starts as {maker:?}: {error:#}"));
    cluster
        .until_in_sync(TOPIC, 0, &NODES)
        .unwrap_or_else(|error| panic!("{id} as {maker:?}: {error:#}"));
    append(cluster, &format!("{id} is {maker:?}"));
}

fn same_on_disk(cluster: &Nodes, when: &str) {
    for partition in [format!("{TOPIC}-0"), "java-1-0".to_owned()] {
        let mut logs = Vec::new();
        let same = until("all replicas are the same bytes", || {
            logs = cluster
                .iter()
                .map(|node| log_bytes(node, &partition))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(logs.windows(2).all(|pair| pair[0] == pair[1]))
        });
        same.unwrap_or_else(|error| {
            let lengths: Vec<_> = logs
                .iter()
                .map(|log| (log.len(), common_prefix(&logs[0], log)))
                .collect();
            panic!("{when}, {partition}: {error:#}: {lengths:?}\n{}", cluster.log_tails())
        });
    }
}

#[test]
fn three_nodes_are_swapped_one_by_one_and_back() {
    let plan = Plan::combined(3)
        .made_by(Maker::Kafka)
        .with("min.insync.replicas", 2)
        .with("controlled.shutdown.enable", true);
    let mut cluster = Nodes::start(&plan).unwrap_or_else(|error| panic!("they start: {error:#}"));
    cluster
        .create_topic(1, TOPIC, &[&NODES], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    append(&cluster, "all Kafka");
    let each = write_each_way(&cluster);
    read_by_a_group(&cluster, "java-1");
    let read = offsets(&cluster);
    assert_eq!(read.values().sum::<i64>(), 300, "{read:?}");

    for id in NODES {
        hand_over(&mut cluster, id, Maker::chosen());
        assert_eq!(offsets(&cluster), read, "{id} is ours");
    }
    assert_eq!(write_each_way(&cluster), each);
    read_by_a_group(&cluster, "java-2");
    same_on_disk(&cluster, "all ours");

    for id in NODES {
        hand_over(&mut cluster, id, Maker::Kafka);
        assert_eq!(offsets(&cluster), read, "{id} is Kafka's");
    }
    assert_eq!(write_each_way(&cluster), each);
    read_by_a_group(&cluster, "java-3");
    same_on_disk(&cluster, "all Kafka again");

    let wanted = 1 + 3 + 3 + 3 * each;
    let found = committed::records(cluster.node(1), TOPIC, wanted).expect("a reader");
    assert_eq!(found.len(), wanted);
    assert!(!found.iter().any(|record| record.value.contains("aborted")));
}
