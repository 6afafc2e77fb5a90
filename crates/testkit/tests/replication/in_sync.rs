//! Who lags leaves the in-sync replicas, and comes back once it has caught up (KIP-497, KIP-841, KIP-966).

use super::rig::{append, one, plan, start, texts};
use testkit::talk::{produce_request, until};

/// NOT_ENOUGH_REPLICAS and NOT_ENOUGH_REPLICAS_AFTER_APPEND.
const NOT_ENOUGH_REPLICAS: [i16; 2] = [19, 20];

#[test]
fn who_hangs_leaves_and_who_catches_up_comes_back() {
    let plan = plan(3)
        .with("min.insync.replicas", 2)
        .with("replica.lag.time.max.ms", 1_000)
        // Else the controller notices first.
        .with("riverrun.broker.silence.timeout.ms", 0)
        .with("replica.fetch.wait.max.ms", 200)
        // The session is kept: only its lag tells that a node hangs.
        .with("broker.session.timeout.ms", 60_000);
    let cluster = start(&plan);
    let leader = cluster.quorum().expect("a quorum").leader;
    let followers: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != leader).collect();
    let replicas = [leader, followers[0], followers[1]];
    cluster
        .create_topic(leader, "lagging", &[&replicas], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    append(&cluster, "lagging", 0, "three have it");

    let epoch = || {
        cluster
            .node(leader)
            .partition("lagging", 0)
            .expect("an answer")
            .expect("a partition")
            .epoch
    };
    let before = epoch();
    cluster.node(followers[0]).freeze().expect("it hangs");
    append(&cluster, "lagging", 0, "two have it");
    let seen = |wanted: &[i32]| {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        until("the replicas in sync", || {
            let known = cluster.node(leader).partition("lagging", 0)?;
            Ok(known.is_some_and(|known| known.isr == wanted))
        })
        .unwrap_or_else(|error| panic!("{error:#} {wanted:?}\n{}", cluster.log_tails()));
    };
    seen(&[leader, followers[1]]);
    assert_eq!(epoch(), before, "the leader stays, and so does its epoch");

    cluster.node(followers[0]).thaw().expect("it goes on");
    seen(&[leader, followers[0], followers[1]]);
    assert_eq!(texts(&cluster, "lagging", 0), ["three have it", "two have it"]);
}

#[test]
fn without_enough_replicas_acks_all_is_refused_and_acks_1_is_not() {
    let plan = plan(3)
        .with("replica.lag.time.max.ms", 1_000)
        // Else the controller notices first.
        .with("riverrun.broker.silence.timeout.ms", 0)
        .with("replica.fetch.wait.max.ms", 200);
    let cluster = start(&plan);
    let configs = [("min.insync.replicas", "3")];
    cluster
        .create_topic(1, "strict", &[&[1, 2, 3]], &configs)
        .unwrap_or_else(|error| panic!("{error:#}"));
    append(&cluster, "strict", 0, "three have it");
    let dead = match cluster.quorum().expect("a quorum").leader {
        3 => 2,
        _ => 3,
    };
    cluster.node(dead).freeze().expect("it hangs");
    let ask = |acks: i16, text: &str| {
        let leader = cluster.leader_of("strict", 0).expect("a leader");
        let request = produce_request("strict", 0, acks, one(text).encode());
        let answer = cluster.node(leader).talk().and_then(|mut talk| talk.ask(&request, 7));
        answer.map(|answer| answer.responses[0].partition_responses[0].error_code)
    };
    until("a refusal", || {
        Ok(ask(-1, "two have it").is_ok_and(|error| NOT_ENOUGH_REPLICAS.contains(&error)))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    assert_eq!(ask(1, "asked for less").expect("an answer"), 0);
    assert_eq!(
        texts(&cluster, "strict", 0),
        ["three have it"],
        "what is not on enough replicas is not shown"
    );
    cluster.node(dead).thaw().expect("it goes on");
    cluster
        .until_in_sync("strict", 0, &[1, 2, 3])
        .unwrap_or_else(|error| panic!("{error:#}"));
    append(&cluster, "strict", 0, "three again");
    let found = texts(&cluster, "strict", 0);
    assert_eq!(found.last().map(String::as_str), Some("three again"));
    assert!(found.contains(&"asked for less".to_owned()), "{found:?}");
}
