//! The brokers that other tests use can be started, stopped, killed and started again.

use testkit::{Cluster, Maker, Nodes, Plan, Settings, SingleNode, Voters, Wire};

#[test]
fn kafka_starts_stops_and_restarts() {
    let mut kafka = SingleNode::start(Maker::Kafka, &Settings::default()).expect("Kafka starts");
    kafka.kill9().expect("it dies");
    assert!(Wire::connect(kafka.bootstrap()).is_err(), "nobody listens");
    kafka.restart().expect("it starts again");
    kafka.stop_cleanly().expect("it stops");
    assert!(kafka.data_dir().join("meta.properties").exists());
}

#[test]
fn three_kafka_nodes_elect_another_controller() {
    let plan = Plan::combined(3).made_by(Maker::Kafka);
    let mut cluster = Nodes::start(&plan).expect("they start");
    let before = cluster.quorum().expect("a quorum");
    assert_eq!(before.voters.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [1, 2, 3]);
    for (id, directory, _) in &before.voters {
        assert_eq!(*directory, cluster.node(*id).directory_id(), "voter {id}");
    }
    cluster.node_mut(before.leader).kill9().expect("it dies");
    let after = cluster.controller_after(before.leader).expect("another one");
    cluster.node(after).freeze().expect("it stands still");
    cluster.node(after).thaw().expect("it goes on");
    cluster.node_mut(before.leader).restart().expect("it comes back");
    cluster.wait_until_complete().expect("all three again");
}

#[test]
fn kafkas_controllers_and_brokers_apart_with_static_voters() {
    let plan = Plan::separate(1, 2).made_by(Maker::Kafka).voters(Voters::Static);
    let cluster = Nodes::start(&plan).expect("they start");
    let quorum = cluster.quorum().expect("a quorum");
    assert_eq!(quorum.leader, 101);
    assert_eq!(quorum.observers.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [1, 2]);
}
