//! Replicas move to other brokers while records come, and what is deleted is deleted everywhere.

use super::rig::{append, plan, start, texts, until_alike};
use protocol::messages::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use testkit::batch::values;
use testkit::talk::{EARLIEST, Resource, records, until};
use testkit::{Cluster, Nodes};

fn reassign(cluster: &Nodes, topic: &str, replicas: &[i32]) {
    let partition = ReassignablePartition {
        partition_index: 0,
        replicas: Some(replicas.to_vec()),
    };
    let request = AlterPartitionReassignmentsRequest {
        timeout_ms: 30_000,
        topics: vec![ReassignableTopic {
            name: topic.to_owned(),
            partitions: vec![partition],
        }],
        ..Default::default()
    };
    let node = cluster.brokers().next().expect("a broker");
    let answer = node
        .talk()
        .and_then(|mut talk| talk.ask(&request, 0))
        .expect("an answer");
    assert_eq!(
        (answer.error_code, answer.responses[0].partitions[0].error_code),
        (0, 0),
        "{answer:?}"
    );
}

#[test]
fn a_partition_moves_to_other_brokers_under_load() {
    let cluster = start(&plan(4).with("min.insync.replicas", 2));
    cluster
        .create_topic(1, "moving", &[&[1, 2]], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    let mut written = Vec::new();
    let mut write = |count: usize| {
        for _ in 0..count {
            written.push(format!("record {}", written.len()));
            append(&cluster, "moving", 0, &written[written.len() - 1]);
        }
        written.clone()
    };
    write(20);
    reassign(&cluster, "moving", &[3, 4]);
    write(20);
    until("the new replicas", || {
        let known = cluster.node(1).partition("moving", 0)?;
        Ok(known.is_some_and(|known| known.replicas == [3, 4] && known.isr == [3, 4]))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    let written = write(5);
    let mut found = texts(&cluster, "moving", 0);
    found.dedup();
    assert_eq!(found, written);
    until_alike(&cluster, &[3, 4], "moving", 0);
    for gone in [1, 2] {
        let dir = cluster.node(gone).data_dir().to_owned();
        until("the old replica's directory goes", || {
            Ok(!dir.join("moving-0").exists())
        })
        .unwrap_or_else(|error| panic!("node {gone}: {error:#}"));
    }
}

#[test]
fn deleted_records_are_deleted_at_every_replica_when_it_is_answered() {
    let mut cluster = start(&plan(3));
    cluster
        .create_topic(1, "shortened", &[&[1, 2, 3]], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    for number in 0..5 {
        append(&cluster, "shortened", 0, &number.to_string());
    }
    let partition = DeleteRecordsPartition {
        partition_index: 0,
        offset: 3,
    };
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: "shortened".to_owned(),
            partitions: vec![partition],
        }],
        timeout_ms: 30_000,
    };
    let answer = cluster
        .node(1)
        .talk()
        .and_then(|mut talk| talk.ask(&request, 2))
        .expect("an answer");
    let answer = &answer.topics[0].partitions[0];
    assert_eq!((answer.error_code, answer.low_watermark), (0, 3));
    assert_eq!(
        cluster
            .node(1)
            .talk()
            .and_then(|mut talk| talk.offset("shortened", 0, EARLIEST))
            .expect("a start"),
        3
    );
    let left = cluster
        .node(1)
        .talk()
        .and_then(|mut talk| talk.fetch("shortened", 0, 3))
        .expect("an answer");
    assert_eq!(values(records(&left)).first(), Some(&(3, Some(b"3".to_vec()))));
    // Who leads next begins there, too.
    cluster.node_mut(1).stop_cleanly().expect("it stops");
    let next = cluster.leader_of("shortened", 0).expect("a leader");
    assert_eq!(
        cluster
            .node(next)
            .talk()
            .and_then(|mut talk| talk.offset("shortened", 0, EARLIEST))
            .expect("a start"),
        3
    );
}

#[test]
fn a_throttled_move_takes_its_time_and_ends() {
    const RATE: u64 = 100_000;
    let cluster = start(
        &plan(3)
            .with("replica.fetch.max.bytes", 20_000)
            .with("replica.fetch.wait.max.ms", 100),
    );
    let configs = [
        ("follower.replication.throttled.replicas", "0:3"),
        ("leader.replication.throttled.replicas", "0:1"),
    ];
    cluster
        .create_topic(1, "slowly", &[&[1, 2]], &configs)
        .unwrap_or_else(|error| panic!("{error:#}"));
    let mut talk = cluster.node(1).talk().expect("a connection");
    let rates = [
        ("follower.replication.throttled.rate", "100000"),
        ("leader.replication.throttled.rate", "100000"),
    ];
    talk.set(Resource::AllBrokers, &rates).expect("the rates are set");
    for _ in 0..50 {
        talk.append("slowly", 0, 10_000).expect("appended");
    }
    until("the rates are known", || {
        let mut talk = cluster.node(3).talk()?;
        Ok(talk.config(Resource::Broker("3"), rates[0].0)?.0.as_deref() == Some("100000"))
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    let began = std::time::Instant::now();
    reassign(&cluster, "slowly", &[1, 3]);
    until("the new replica", || {
        let known = cluster.node(1).partition("slowly", 0)?;
        Ok(known.is_some_and(|known| known.replicas == [1, 3] && known.isr == [1, 3]))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    // Half a megabyte; what is sent in the first sample before the rate is seen to be exceeded comes on top.
    let least = std::time::Duration::from_secs(400_000 / RATE / 2);
    assert!(began.elapsed() > least, "{:?}", began.elapsed());
    until_alike(&cluster, &[1, 3], "slowly", 0);
}
