//! A consumer is sent to the replica in its own rack, and served there (KIP-392).

use super::rig::{append, plan, start};
use testkit::batch::values;
use testkit::talk::{eventually, fetch_request, records};

const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

#[test]
fn a_consumer_reads_from_the_replica_in_its_rack() {
    let mut plan = plan(3)
        .with("replica.selector.class", RACK_AWARE)
        .with("replica.fetch.wait.max.ms", 100);
    for (id, rack) in [(1, "a"), (2, "b"), (3, "c")] {
        plan = plan.node(id, |node| node.with("broker.rack", rack));
    }
    let cluster = start(&plan);
    cluster
        .create_topic(1, "near", &[&[1, 2]], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    append(&cluster, "near", 0, "everywhere");
    let ask = |node: i32, rack: &str| {
        let mut request = fetch_request("near", 0, 0);
        request.rack_id = rack.to_owned();
        let answer = cluster.node(node).talk().and_then(|mut talk| talk.ask(&request, 12));
        answer.expect("an answer").responses.remove(0).partitions.remove(0)
    };
    let sent = ask(1, "b");
    assert_eq!((sent.error_code, sent.preferred_read_replica), (0, 2));
    assert!(records(&sent).is_empty(), "it is to read there");
    for rack in ["a", "c", ""] {
        let served = ask(1, rack);
        assert_eq!(
            (served.error_code, served.preferred_read_replica),
            (0, -1),
            "rack {rack}"
        );
        assert_eq!(values(records(&served)).len(), 1);
    }
    // The follower hears with its next fetch what is committed.
    let served = eventually("the follower serves it", || {
        let served = ask(2, "b");
        assert_eq!((served.error_code, served.preferred_read_replica), (0, -1));
        Ok((!records(&served).is_empty()).then_some(served))
    });
    let served = served.unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    assert_eq!(values(records(&served)), [(0, Some(b"everywhere".to_vec()))]);
    let mut request = fetch_request("near", 0, 99);
    request.rack_id = "b".to_owned();
    let beyond = cluster
        .node(2)
        .talk()
        .and_then(|mut talk| talk.ask(&request, 12))
        .expect("an answer");
    assert_eq!(beyond.responses[0].partitions[0].error_code, 1, "OFFSET_OUT_OF_RANGE");
    let old = cluster
        .node(2)
        .talk()
        .and_then(|mut talk| talk.ask(&fetch_request("near", 0, 0), 10))
        .expect("an answer");
    assert_eq!(
        old.responses[0].partitions[0].error_code, 6,
        "a client that knows no racks is sent to the leader"
    );
}
