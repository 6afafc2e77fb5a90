//! Groups and offsets over crashes and over a change of broker: what was acknowledged is there, and each broker goes on
//! with what the other one wrote into `__consumer_offsets`.

use protocol::messages::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use protocol::messages::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::{Cluster, Maker, Settings, SingleNode, Wire, chosen, dependencies, java, suite};

const TOPIC: &str = "read-by-groups";
const GROUP: &str = "survivors";
/// A broker that has only just started, or whose topic is being made, is asked again.
const RETRY: Duration = Duration::from_millis(20);
const TRIES: usize = 1_500;

fn connect(broker: &dyn Cluster) -> Wire {
    Wire::connect(broker.bootstrap()).expect("the broker accepts")
}

/// A connection to the broker that coordinates the group, once one does.
fn coordinator(broker: &dyn Cluster) -> Wire {
    let request = FindCoordinatorRequest {
        coordinator_keys: vec![GROUP.to_owned()],
        ..Default::default()
    };
    let mut any = connect(broker);
    for _ in 0..TRIES {
        let answer = any.call(4, &request).expect("FindCoordinator is answered");
        let found = &answer.coordinators[0];
        if found.error_code == 0 {
            let mut wire = Wire::connect(&format!("{}:{}", found.host, found.port)).expect("the broker accepts");
            if committed(&mut wire).is_some() {
                return wire;
            }
        }
        std::thread::sleep(RETRY);
    }
    panic!("nobody coordinates the group");
}

fn create_topic(wire: &mut Wire) {
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: TOPIC.to_owned(),
            num_partitions: 1,
            replication_factor: -1,
            ..Default::default()
        }],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let answer = wire.call(7, &request).expect("CreateTopics is answered");
    assert_eq!(answer.topics[0].error_code, 0, "{answer:?}");
}

fn commit_request(offset: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: GROUP.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: TOPIC.to_owned(),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: offset,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The committed offset; none while the coordinator is not ready.
fn committed(wire: &mut Wire) -> Option<i64> {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: GROUP.to_owned(),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: TOPIC.to_owned(),
                partition_indexes: vec![0],
                ..Default::default()
            }]),
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = wire.call(8, &request).expect("OffsetFetch is answered");
    let group = &answer.groups[0];
    match group.error_code {
        0 => Some(group.topics[0].partitions[0].committed_offset),
        // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR.
        14..=16 => None,
        other => panic!("OffsetFetch answers {other}"),
    }
}

#[test]
fn no_acknowledged_commit_is_lost_when_the_broker_is_killed() {
    let mut broker = chosen::start(&Settings::default()).expect("the broker starts");
    create_topic(&mut connect(&*broker));
    let mut wire = coordinator(&*broker);
    assert_eq!(committed(&mut wire), Some(-1));
    let mut acknowledged = -1;
    let mut sent = 0;
    for round in 0..5_i64 {
        // Several commits are under way when the broker dies.
        let mut waiting = Vec::new();
        let acknowledgements = 50 + 37 * round;
        let before = sent;
        while acknowledged < before + acknowledgements {
            while waiting.len() < 5 {
                waiting.push((sent, wire.send(9, &commit_request(sent)).expect("the broker lives")));
                sent += 1;
            }
            let (offset, id) = waiting.remove(0);
            let answer = wire
                .receive::<OffsetCommitRequest>(9, id)
                .expect("OffsetCommit is answered");
            // The topic may not be known to the broker yet: then nothing was acknowledged.
            if answer.topics[0].partitions[0].error_code == 0 {
                acknowledged = offset;
            }
        }
        broker.kill9().expect("it dies");
        broker.restart().expect("it starts again");
        wire = coordinator(&*broker);
        let found = committed(&mut wire).expect("the coordinator is ready");
        assert!(
            (acknowledged..sent).contains(&found),
            "round {round}: {acknowledged} was acknowledged, {found} is there\n{}",
            broker.log_tail()
        );
    }
}

fn heartbeat(wire: &mut Wire, epoch: i32) -> ConsumerGroupHeartbeatResponse {
    let joins = epoch == 0;
    let request = ConsumerGroupHeartbeatRequest {
        group_id: GROUP.to_owned(),
        member_id: "a-member".to_owned(),
        member_epoch: epoch,
        instance_id: Some("a-name".to_owned()),
        rebalance_timeout_ms: if joins { 60_000 } else { -1 },
        subscribed_topic_names: joins.then(|| vec![TOPIC.to_owned()]),
        topic_partitions: joins.then(Vec::new),
        ..Default::default()
    };
    for _ in 0..TRIES {
        let answer = wire.call(1, &request).expect("ConsumerGroupHeartbeat is answered");
        // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR.
        if !(14..=16).contains(&answer.error_code) {
            return answer;
        }
        std::thread::sleep(RETRY);
    }
    panic!("nobody coordinates the group");
}

/// Each broker finds the member in its epoch, with its part, and sees no reason to move the group on: what the other one
/// wrote, the hash of the topics above all, is what it would have written.
#[test]
fn a_consumer_group_lives_on_under_either_broker() {
    let dir = tempfile::TempDir::with_prefix("riverrun-consumer-group-").expect("a temporary directory");
    let settings = Settings::default().on(dir.path().join("data"));
    let mut epoch = 0;
    let mut part = None;
    for round in 0..4 {
        let mut broker: Box<dyn Cluster> = if round % 2 == 0 {
            Box::new(SingleNode::start(Maker::Riverrun, &settings).expect("Riverrun starts"))
        } else {
            Box::new(SingleNode::start(Maker::Kafka, &settings).expect("Kafka starts"))
        };
        let mut wire = connect(&*broker);
        if round == 0 {
            create_topic(&mut wire);
            wire = coordinator(&*broker);
            let joined = heartbeat(&mut wire, 0);
            assert_eq!((joined.error_code, joined.member_epoch), (0, 2), "{joined:?}");
            epoch = joined.member_epoch;
            part = joined.assignment;
        }
        let alive = heartbeat(&mut wire, epoch);
        assert_eq!(
            (alive.error_code, alive.member_epoch),
            (0, epoch),
            "round {round}: {alive:?}"
        );
        assert_eq!(alive.assignment, None, "round {round}: nothing is new");
        // A static member that comes back gets what it had, in the epoch of the group.
        assert_eq!(heartbeat(&mut wire, -2).error_code, 0);
        let back = heartbeat(&mut wire, 0);
        assert_eq!(
            (back.error_code, back.member_epoch),
            (0, epoch),
            "round {round}: {back:?}"
        );
        assert_eq!(back.assignment, part, "round {round}");
        broker.stop_cleanly().expect("it stops");
    }
}

/// A part of the story in `tests/clients/python/group_story.py`, told by librdkafka.
fn tell(broker: &dyn Cluster, chapter: &str, round: i64) {
    let program = dependencies::workspace().join("tests/clients/python/group_story.py");
    let mut command = suite::python(&program).expect("Python is installed");
    command
        .args([chapter, &round.to_string()])
        .env("BOOTSTRAP", broker.bootstrap());
    let told = suite::run(&format!("{chapter} {round} with {}", broker.name()), &mut command);
    told.unwrap_or_else(|error| panic!("{error:#}\nthe broker wrote:\n{}", broker.log_tail()));
}

#[test]
fn kafka_goes_on_with_our_groups_and_we_with_kafkas() {
    let dir = tempfile::TempDir::with_prefix("riverrun-groups-").expect("a temporary directory");
    let settings = Settings::default().on(dir.path().join("data"));
    for round in 0..4 {
        let mut broker: Box<dyn Cluster> = if round % 2 == 0 {
            Box::new(SingleNode::start(Maker::Riverrun, &settings).expect("Riverrun starts"))
        } else {
            Box::new(SingleNode::start(Maker::Kafka, &settings).expect("Kafka starts"))
        };
        if round > 0 {
            tell(&*broker, "find", round - 1);
        }
        tell(&*broker, "read", round);
        tell(&*broker, "find", round);
        broker.stop_cleanly().expect("it stops");
        dumped_alike(broker.data_dir());
    }
}

/// Kafka's log tool understands every record, and ours prints the same.
fn dumped_alike(data_dir: &Path) {
    let mut logs: Vec<PathBuf> = Vec::new();
    for partition in std::fs::read_dir(data_dir).expect("the data directory") {
        let partition = partition.expect("an entry").path();
        if partition.to_string_lossy().contains("__consumer_offsets-") {
            let files = std::fs::read_dir(partition)
                .expect("a partition")
                .map(|file| file.expect("a file").path());
            logs.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "log")));
        }
    }
    logs.sort();
    assert!(!logs.is_empty(), "no log of __consumer_offsets");
    let list: Vec<String> = logs.iter().map(|log| log.display().to_string()).collect();
    let options = [
        "--offsets-decoder",
        "--deep-iteration",
        "--print-data-log",
        "--files",
        &list.join(","),
    ];
    let mut kafka = java::java_with(&["-Xmx256m"], &[]).expect("Kafka is installed");
    kafka.arg("org.apache.kafka.tools.DumpLogSegments").args(options);
    let by_kafka = printed(&mut kafka);
    let mut ours = Command::new(dependencies::riverrun().expect("riverrun is built"));
    ours.arg("dump-log").args(options);
    assert!(
        by_kafka.contains("\"protocolType\":\"consumer\""),
        "no group in\n{by_kafka}"
    );
    assert!(!by_kafka.contains("isvalid: false"), "{by_kafka}");
    let ours = printed(&mut ours);
    let other = by_kafka.lines().zip(ours.lines()).find(|(kafka, ours)| kafka != ours);
    assert!(
        ours == by_kafka,
        "dump-log prints something else than Kafka's: {other:#?}"
    );
}

fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the tool runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
