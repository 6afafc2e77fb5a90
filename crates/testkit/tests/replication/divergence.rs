//! A leader that had records of its own comes back under another: its log becomes the other's.

use super::rig::{append, one, plan, start, texts, until_alike};
use testkit::Cluster;
use testkit::talk::{eventually, produce_request};

#[test]
fn an_old_leader_gives_up_what_only_it_had() {
    let mut cluster = start(&plan(3));
    cluster
        .create_topic(1, "parted", &[&[1, 2, 3]], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    append(&cluster, "parted", 0, "all have it");
    until_alike(&cluster, &[1, 2, 3], "parted", 0);
    // The followers hang while the leader takes records that it alone acknowledges.
    for follower in [2, 3] {
        cluster.node(follower).freeze().expect("it hangs");
    }
    let mut talk = cluster.node(1).talk().expect("a connection");
    for lost in ["only one", "has", "these"] {
        let request = produce_request("parted", 0, 1, one(lost).encode());
        let answer = talk.ask(&request, 7).expect("an answer");
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }
    // Consumers do not see them.
    assert_eq!(texts(&cluster, "parted", 0), ["all have it"]);
    cluster.node_mut(1).kill9().expect("it dies");
    for follower in [2, 3] {
        cluster.node(follower).thaw().expect("it goes on");
    }
    // What a follower had asked for when it hung may have reached it before the leader died.
    append(&cluster, "parted", 0, "the others went on");
    let expected = texts(&cluster, "parted", 0);
    cluster
        .node_mut(1)
        .restart()
        .unwrap_or_else(|error| panic!("{error:#}"));
    cluster
        .until_in_sync("parted", 0, &[1, 2, 3])
        .unwrap_or_else(|error| panic!("{error:#}"));
    until_alike(&cluster, &[1, 2, 3], "parted", 0);
    cluster.elect_preferred("parted", 0).expect("it leads again");
    cluster
        .until_led_by("parted", 0, 1)
        .unwrap_or_else(|error| panic!("{error:#}"));
    let found = eventually("all that is committed", || {
        let found = texts(&cluster, "parted", 0);
        Ok((found.len() >= expected.len()).then_some(found))
    });
    assert_eq!(found.expect("the log"), expected);
}
