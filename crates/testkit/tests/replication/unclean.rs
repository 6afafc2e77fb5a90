//! A replica that is not in sync leads only where the topic allows it: then what only the dead leader had is lost, and all replicas
//! agree on that (KIP-106).

use super::rig::{append, start, texts, until_alike};
use testkit::talk::until;
use testkit::{Cluster, Plan};

/// Nobody leads it before somebody who has everything is back.
const WHOLE: &str = "whole";
/// Whoever is there leads it.
const SERVED: &str = "served";
const LEADER: i32 = 1;
const BEHIND: i32 = 2;

#[test]
fn who_is_behind_leads_only_where_the_topic_allows_it() {
    let plan = Plan::separate(1, 2)
        .with("broker.session.timeout.ms", 3_000)
        .with("broker.heartbeat.interval.ms", 300)
        .with("min.insync.replicas", 1);
    let mut cluster = start(&plan);
    for (topic, allowed) in [(WHOLE, "false"), (SERVED, "true")] {
        let configs = [("unclean.leader.election.enable", allowed)];
        cluster
            .create_topic(LEADER, topic, &[&[LEADER, BEHIND]], &configs)
            .unwrap_or_else(|error| panic!("{error:#}"));
        append(&cluster, topic, 0, "both have it");
    }
    cluster.node_mut(BEHIND).kill9().expect("it dies");
    for topic in [WHOLE, SERVED] {
        cluster
            .until_in_sync(topic, 0, &[LEADER])
            .unwrap_or_else(|error| panic!("{error:#}"));
        append(&cluster, topic, 0, "one has it");
    }
    cluster.node_mut(LEADER).kill9().expect("it dies");
    cluster.node_mut(BEHIND).restart().expect("it starts again");

    let mut seen = None;
    until("a leader of what may be led by anybody, and none of the other", || {
        let leader = |topic| anyhow::Ok(cluster.node(BEHIND).partition(topic, 0)?.map(|seen| seen.leader));
        seen = Some((leader(WHOLE)?, leader(SERVED)?));
        Ok(seen == Some((Some(-1), Some(BEHIND))))
    })
    .unwrap_or_else(|error| panic!("{error:#}: {seen:?}\n{}", cluster.log_tails()));
    assert_eq!(texts(&cluster, SERVED, 0), ["both have it"]);
    append(&cluster, SERVED, 0, "the other has it");

    cluster.node_mut(LEADER).restart().expect("it starts again");
    for (topic, second) in [(WHOLE, "one has it"), (SERVED, "the other has it")] {
        cluster
            .until_in_sync(topic, 0, &[LEADER, BEHIND])
            .unwrap_or_else(|error| panic!("{error:#}"));
        until_alike(&cluster, &[LEADER, BEHIND], topic, 0);
        assert_eq!(texts(&cluster, topic, 0), ["both have it", second], "{topic}");
    }
}
