//! A broker of ours beside one of Apache Kafka's, under Kafka's controller: each leads what the other follows.

use super::files::{leader_epochs, log_bytes};
use testkit::batch::{Batch, Record};
use testkit::talk::{now_ms, until};
use testkit::{Cluster, Maker, Nodes, Plan, committed, java};

const KAFKA: i32 = 1;
const OURS: i32 = 2;
/// Each partition with its preferred leader first.
const TOPICS: [(&str, [i32; 2]); 2] = [("kafka-leads", [KAFKA, OURS]), ("ours-leads", [OURS, KAFKA])];

fn start() -> Nodes {
    let plan = Plan::separate(1, 2)
        .made_by(Maker::Kafka)
        .node(OURS, |node| node.made_by(Maker::chosen()))
        .with("broker.session.timeout.ms", 6_000)
        .with("broker.heartbeat.interval.ms", 500)
        .with("min.insync.replicas", 1);
    let cluster = Nodes::start(&plan).unwrap_or_else(|error| panic!("they start: {error:#}"));
    for (topic, replicas) in TOPICS {
        let created = cluster.create_topic(replicas[1], topic, &[&replicas], &[]);
        created.unwrap_or_else(|error| panic!("{topic}: {error:#}"));
    }
    cluster
}

/// One record to each topic, with acks=all.
fn append(cluster: &Nodes, text: &str) {
    for (topic, _) in TOPICS {
        let batch = Batch::new(now_ms(), vec![Record::value(format!("{topic} {text}"))]);
        let appended = cluster.append(topic, 0, &batch);
        appended.unwrap_or_else(|error| panic!("{topic}, {text}: {error:#}"));
    }
}

/// Every codec, and transactions, by Kafka's own producer through both brokers; answers how many records are committed.
fn write_each_way(cluster: &Nodes, id: &str) -> usize {
    let topics = TOPICS.map(|(topic, _)| topic).join("\n");
    let told = java::answers(
        "WriteEachWay.java",
        &format!("{}\n{id}\n{topics}\n", cluster.bootstrap()),
    );
    let told = told.unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    told.trim().parse().expect("a number")
}

/// Both replicas of each topic are the same bytes on disk.
fn alike_on_disk(cluster: &Nodes, when: &str) {
    for (topic, _) in TOPICS {
        let partition = format!("{topic}-0");
        let mut logs = [Vec::new(), Vec::new()];
        let alike = until("both replicas are the same bytes", || {
            logs = [
                log_bytes(cluster.node(KAFKA), &partition)?,
                log_bytes(cluster.node(OURS), &partition)?,
            ];
            Ok(logs[0] == logs[1])
        });
        alike.unwrap_or_else(|error| {
            let first = super::files::common_prefix(&logs[0], &logs[1]);
            let lengths = logs.map(|log| log.len());
            panic!(
                "{when}, {topic}: {error:#}: {lengths:?} bytes at Kafka and here, alike up to {first}\n{}",
                cluster.log_tails()
            )
        });
        // Ours are written with the recovery points, seconds later.
        let mut epochs = None;
        let alike = until("both name the same leader epochs", || {
            let both = [KAFKA, OURS].map(|node| leader_epochs(cluster.node(node), &partition).ok());
            let is_alike = both[0].is_some() && both[0] == both[1];
            epochs = Some(both);
            Ok(is_alike)
        });
        alike.unwrap_or_else(|error| panic!("{when}, {topic}: {error:#}: {epochs:?}"));
    }
}

/// What a reader of committed records finds, by its value, of each topic, through both brokers.
fn found(cluster: &Nodes, topic: &str, count: usize) -> Vec<String> {
    let read = committed::records(cluster.node(OURS), topic, count);
    let read = read.unwrap_or_else(|error| panic!("{topic}: {error:#}\n{}", cluster.log_tails()));
    read.into_iter().map(|record| record.value).collect()
}

#[test]
fn each_leads_what_the_other_follows() {
    let cluster = start();
    for (topic, replicas) in TOPICS {
        cluster
            .until_led_by(topic, 0, replicas[0])
            .expect("the preferred leader leads");
    }
    append(&cluster, "first");
    let count = write_each_way(&cluster, "each-way");
    append(&cluster, "last");
    alike_on_disk(&cluster, "after writing");
    for (topic, _) in TOPICS {
        let values = found(&cluster, topic, count + 2);
        assert_eq!(values.len(), count + 2, "{topic}");
        assert_eq!(values.first(), Some(&format!("{topic} first")));
        assert_eq!(values.last(), Some(&format!("{topic} last")));
        assert!(!values.iter().any(|value| value.contains("aborted")), "{topic}");
    }
}

#[test]
fn each_takes_over_when_the_other_is_gone_and_gives_back() {
    let mut cluster = start();
    append(&cluster, "with both");
    for (gone, left) in [(KAFKA, OURS), (OURS, KAFKA)] {
        cluster.node_mut(gone).kill9().expect("it dies");
        for (topic, _) in TOPICS {
            cluster
                .until_led_by(topic, 0, left)
                .unwrap_or_else(|error| panic!("without {gone}: {error:#}"));
            cluster
                .until_in_sync(topic, 0, &[left])
                .unwrap_or_else(|error| panic!("without {gone}: {error:#}"));
        }
        append(&cluster, &format!("without {gone}"));
        cluster
            .node_mut(gone)
            .restart()
            .unwrap_or_else(|error| panic!("{gone} returns: {error:#}"));
        for (topic, replicas) in TOPICS {
            cluster
                .until_in_sync(topic, 0, &[KAFKA, OURS])
                .unwrap_or_else(|error| panic!("{gone} is back: {error:#}"));
            cluster.elect_preferred(topic, 0).expect("an election");
            cluster
                .until_led_by(topic, 0, replicas[0])
                .expect("the preferred leader leads again");
        }
        append(&cluster, &format!("with {gone} again"));
        alike_on_disk(&cluster, &format!("after {gone} was killed"));
    }
    // A clean stop hands over before it ends: nobody waits for a session to run out.
    for (gone, left) in [(KAFKA, OURS), (OURS, KAFKA)] {
        cluster.node_mut(gone).stop_cleanly().expect("it stops");
        for (topic, _) in TOPICS {
            cluster
                .until_led_by(topic, 0, left)
                .unwrap_or_else(|error| panic!("after {gone} stopped: {error:#}"));
        }
        append(&cluster, &format!("{gone} stopped"));
        cluster
            .node_mut(gone)
            .restart()
            .unwrap_or_else(|error| panic!("{gone} returns: {error:#}"));
        for (topic, _) in TOPICS {
            cluster
                .until_in_sync(topic, 0, &[KAFKA, OURS])
                .unwrap_or_else(|error| panic!("{gone} is back: {error:#}"));
        }
        alike_on_disk(&cluster, &format!("after {gone} was stopped"));
    }
    for (topic, _) in TOPICS {
        let values = found(&cluster, topic, 7);
        let wanted = [
            "with both",
            "without 1",
            "with 1 again",
            "without 2",
            "with 2 again",
            "1 stopped",
            "2 stopped",
        ];
        let wanted: Vec<String> = wanted.iter().map(|text| format!("{topic} {text}")).collect();
        assert_eq!(values, wanted);
    }
}
