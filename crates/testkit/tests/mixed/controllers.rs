//! A quorum of two controllers of Apache Kafka's and one of ours, with a broker of each.

use super::files::{common_prefix, log_bytes};
use testkit::talk::{Resource, until};
use testkit::{Cluster, Maker, Nodes, Plan, Voters};

const KAFKAS: [i32; 2] = [101, 102];
const OURS: i32 = 103;
const BROKERS: [i32; 2] = [1, 2];
const METADATA: &str = "__cluster_metadata-0";

/// Ours stands for election before Kafka's do.
fn start(voters: Voters) -> Nodes {
    let mut plan = Plan::separate(3, 2)
        .made_by(Maker::Kafka)
        .voters(voters)
        .with("broker.session.timeout.ms", 18_000)
        .with("min.insync.replicas", 1)
        .with("metadata.max.idle.interval.ms", 200);
    for id in [OURS, BROKERS[1]] {
        plan = plan.node(id, |node| node.made_by(Maker::chosen()));
    }
    for id in KAFKAS {
        plan = plan.node(id, |node| {
            node.with("controller.quorum.fetch.timeout.ms", 6_000)
                .with("controller.quorum.election.timeout.ms", 5_000)
        });
    }
    plan = plan.node(OURS, |node| node.with("controller.quorum.fetch.timeout.ms", 1_500));
    Nodes::start(&plan).unwrap_or_else(|error| panic!("{voters:?}: they start: {error:#}"))
}

/// A topic and a config through each broker: the active controller decides, and both brokers know it.
fn change_something(cluster: &Nodes, name: &str) {
    for through in BROKERS {
        let topic = format!("{name}-{through}");
        let created = cluster.create_topic(through, &topic, &[&[1, 2], &[2, 1]], &[]);
        created.unwrap_or_else(|error| panic!("{topic}: {error:#}"));
        let talk = cluster.node(through).talk();
        let changed = talk.and_then(|mut talk| talk.set(Resource::Topic(&topic), &[("retention.ms", "98765")]));
        changed.unwrap_or_else(|error| panic!("{topic}: {error:#}\n{}", cluster.log_tails()));
        for broker in cluster.brokers() {
            until("the config is known", || {
                let (known, _) = broker.talk()?.config(Resource::Topic(&topic), "retention.ms")?;
                Ok(known.as_deref() == Some("98765"))
            })
            .unwrap_or_else(|error| panic!("{topic} at {}: {error:#}\n{}", broker.id(), cluster.log_tails()));
        }
    }
}

/// Both brokers know these topics, and the same of each.
fn all_there(cluster: &Nodes, names: &[&str]) {
    for name in names {
        for through in BROKERS {
            let topic = format!("{name}-{through}");
            let mut views = Vec::new();
            until("both brokers know the same", || {
                views = cluster
                    .brokers()
                    .map(|node| node.topics(Some(&[&topic])))
                    .collect::<Result<_, _>>()?;
                Ok(views.iter().all(|view| view.len() == 1) && views.windows(2).all(|pair| pair[0] == pair[1]))
            })
            .unwrap_or_else(|error| panic!("{topic}: {error:#}: {views:?}\n{}", cluster.log_tails()));
        }
    }
}

/// Waits until each voter that runs has all that is committed now, and is seen to.
fn caught_up(cluster: &Nodes, when: &str) {
    let committed = cluster.quorum().expect("a quorum").high_watermark;
    until("every voter has what is committed", || {
        let view = cluster.quorum()?;
        let running = view.voters.iter().filter(|(id, ..)| cluster.node(*id).is_running());
        Ok(running.into_iter().all(|(_, _, end)| *end >= committed))
    })
    .unwrap_or_else(|error| panic!("{when}: {error:#}: {:?}\n{}", cluster.quorum(), cluster.log_tails()));
}

/// The metadata logs of all controllers are the same bytes, as far as all of them go.
fn same_metadata_logs(cluster: &Nodes, when: &str) {
    caught_up(cluster, when);
    let all = [KAFKAS[0], KAFKAS[1], OURS];
    let logs = all.map(|id| log_bytes(cluster.node(id), METADATA).expect("a metadata log"));
    let shortest = logs.iter().map(Vec::len).min().expect("three logs");
    assert!(shortest > 0, "{when}");
    for (id, log) in all.iter().zip(&logs) {
        let alike = common_prefix(&logs[0], log);
        assert!(
            alike >= shortest,
            "{when}: the log of {id} is alike up to {alike} of {shortest} bytes"
        );
    }
}

/// Kills the active controller; answers who is the next, once it has decided something, and the dead one is back.
fn lose_the_leader(cluster: &mut Nodes, known: &mut Vec<String>) -> i32 {
    let leader = cluster.quorum().expect("a quorum").leader;
    cluster.node_mut(leader).kill9().expect("it dies");
    let next = cluster.controller_after(leader);
    let next = next.unwrap_or_else(|error| panic!("nobody after {leader}: {error:#}"));
    let name = format!("by-{next}-without-{leader}-{}", known.len());
    change_something(cluster, &name);
    known.push(name);
    let restarted = cluster.node_mut(leader).restart();
    restarted.unwrap_or_else(|error| panic!("{leader} returns: {error:#}"));
    caught_up(cluster, &format!("after {leader} returned"));
    next
}

/// Kafka's controllers that have only just started vote for whoever asks, and ours asks first.
fn have_ours_lead(cluster: &mut Nodes) {
    for _ in 0..5 {
        if cluster.quorum().expect("a quorum").leader == OURS {
            return;
        }
        for id in KAFKAS {
            cluster.node_mut(id).kill9().expect("it dies");
        }
        // One first: two that start together could elect one of themselves.
        for id in KAFKAS {
            let restarted = cluster.node_mut(id).restart();
            restarted.unwrap_or_else(|error| panic!("{id} returns: {error:#}"));
            cluster.quorum().expect("a quorum of two");
        }
        caught_up(cluster, "after both of Kafka's were lost");
    }
    panic!("ours does not come to lead\n{}", cluster.log_tails());
}

fn survive_the_loss_of_any(voters: Voters) {
    let mut cluster = start(voters);
    change_something(&cluster, "first");
    same_metadata_logs(&cluster, "at first");
    let mut known = vec!["first".to_owned()];
    lose_the_leader(&mut cluster, &mut known);
    have_ours_lead(&mut cluster);
    change_something(&cluster, "by-ours");
    known.push("by-ours".to_owned());
    same_metadata_logs(&cluster, "led by ours");
    let next = lose_the_leader(&mut cluster, &mut known);
    assert!(KAFKAS.contains(&next), "{next}");
    // What follows is the same for both ways of knowing the voters; once is enough.
    if voters == Voters::Static {
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        return all_there(&cluster, &names);
    }
    // A follower of each kind is lost and returns.
    let other = KAFKAS.into_iter().find(|id| *id != next).expect("the other one");
    for follower in [other, OURS] {
        let name = format!("without-{follower}");
        cluster.node_mut(follower).stop_cleanly().expect("it stops");
        change_something(&cluster, &name);
        known.push(name);
        cluster
            .node_mut(follower)
            .restart()
            .unwrap_or_else(|error| panic!("{follower} returns: {error:#}"));
    }
    same_metadata_logs(&cluster, "at last");
    // The brokers know the whole, and so do they after reading it anew.
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    all_there(&cluster, &names);
    for broker in BROKERS {
        cluster.node_mut(broker).stop_cleanly().expect("it stops");
        cluster
            .node_mut(broker)
            .restart()
            .unwrap_or_else(|error| panic!("{broker} returns: {error:#}"));
    }
    all_there(&cluster, &names);
}

#[test]
fn static_voters_of_both_kinds_survive_the_loss_of_any() {
    survive_the_loss_of_any(Voters::Static);
}

#[test]
fn dynamic_voters_of_both_kinds_survive_the_loss_of_any() {
    survive_the_loss_of_any(Voters::Dynamic);
}
