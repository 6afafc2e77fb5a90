//! Who is asked and does not lead says who does, and where that one is (KIP-951).

use super::rig::{one, plan, start};
use testkit::talk::{fetch_request, produce_request};
use testkit::{Cluster, Node, Nodes};

const TOPIC: &str = "led-by-the-first";
const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const FENCED_LEADER_EPOCH: i16 = 74;

/// The leader and its epoch, as every node knows them, and its address.
fn truth(cluster: &Nodes) -> ((i32, i32), String) {
    let view = cluster
        .node(1)
        .partition(TOPIC, 0)
        .expect("an answer")
        .expect("a partition");
    ((view.leader, view.epoch), cluster.node(1).bootstrap().to_owned())
}

fn produce(node: &Node) -> (i16, (i32, i32), Vec<String>) {
    let mut talk = node.talk().expect("it accepts");
    let mut answer = talk
        .ask(&produce_request(TOPIC, 0, -1, one("x").encode()), 11)
        .expect("an answer");
    let partition = answer.responses.remove(0).partition_responses.remove(0);
    let places = answer.node_endpoints.into_iter();
    let places = places.map(|node| format!("{}:{}", node.host, node.port)).collect();
    let hint = (
        partition.current_leader.leader_id,
        partition.current_leader.leader_epoch,
    );
    (partition.error_code, hint, places)
}

/// Of a consumer that believes in this epoch.
fn fetch(cluster: &Nodes, node: i32, epoch: i32) -> (i16, (i32, i32), Vec<String>) {
    let topics = cluster.node(node).topics(Some(&[TOPIC])).expect("an answer");
    let mut request = fetch_request("", 0, 0);
    request.topics[0].topic_id = topics[TOPIC].0;
    request.topics[0].partitions[0].current_leader_epoch = epoch;
    let mut answer = cluster
        .node(node)
        .talk()
        .and_then(|mut talk| talk.ask(&request, 16))
        .expect("an answer");
    let partition = answer.responses.remove(0).partitions.remove(0);
    let places = answer.node_endpoints.into_iter();
    let places = places.map(|node| format!("{}:{}", node.host, node.port)).collect();
    let hint = (
        partition.current_leader.leader_id,
        partition.current_leader.leader_epoch,
    );
    (partition.error_code, hint, places)
}

#[test]
fn who_does_not_lead_says_who_does() {
    let mut cluster = start(&plan(3));
    cluster
        .create_topic(1, TOPIC, &[&[1, 2]], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    let (leader, place) = truth(&cluster);
    let refused = (NOT_LEADER_OR_FOLLOWER, leader, vec![place]);
    assert_eq!(produce(cluster.node(2)), refused, "a follower");
    assert_eq!(produce(cluster.node(3)), refused, "no replica");
    assert_eq!(fetch(&cluster, 3, -1), refused, "no replica, asked to be read");
    assert_eq!(
        produce(cluster.node(1)),
        (0, (-1, -1), vec![]),
        "the leader has nothing to say"
    );

    // The leader that comes back leads in another epoch.
    cluster.node_mut(1).stop_cleanly().expect("it stops");
    cluster
        .until_led_by(TOPIC, 0, 2)
        .unwrap_or_else(|error| panic!("{error:#}"));
    cluster.node_mut(1).restart().expect("it starts again");
    cluster
        .until_in_sync(TOPIC, 0, &[1, 2])
        .unwrap_or_else(|error| panic!("{error:#}"));
    cluster
        .elect_preferred(TOPIC, 0)
        .unwrap_or_else(|error| panic!("{error:#}"));
    cluster
        .until_led_by(TOPIC, 0, 1)
        .unwrap_or_else(|error| panic!("{error:#}"));
    let (now, place) = truth(&cluster);
    assert!(now.1 > leader.1, "{now:?} after {leader:?}");
    assert_eq!(
        fetch(&cluster, 1, leader.1),
        (FENCED_LEADER_EPOCH, now, vec![place]),
        "who believes in an old epoch is told the new one"
    );
}
