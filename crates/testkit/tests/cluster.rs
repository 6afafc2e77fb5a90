//! Clusters of several nodes, with combined and with separate roles: what every broker must know alike, and that the
//! cluster goes on without the controller that led it.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment they are Apache Kafka's, which proves the tests.

use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use testkit::batch::{Batch, Record};
use testkit::nodes::TopicsView;
use testkit::talk::{Resource, batch_of, until};
use testkit::{Cluster, Maker, Nodes, Plan, Voters, java};

mod cluster {
    mod controller_configs;
}

/// Three brokers' worth of waiting for a session is long: these are short.
fn plan(plan: Plan) -> Plan {
    plan.with("broker.session.timeout.ms", 6_000)
        .with("broker.heartbeat.interval.ms", 500)
        .with("min.insync.replicas", 1)
}

fn start(plan: &Plan) -> Nodes {
    Nodes::start(plan).unwrap_or_else(|error| panic!("the cluster starts: {error:#}"))
}

/// Waits until every broker says the same of every topic; answers what.
fn agreed(cluster: &Nodes) -> TopicsView {
    let mut views = Vec::new();
    until("all brokers know the same topics", || {
        views = cluster
            .brokers()
            .map(|node| node.topics(None))
            .collect::<Result<_, _>>()?;
        Ok(views.windows(2).all(|pair| pair[0] == pair[1]))
    })
    .unwrap_or_else(|error| panic!("{error:#}: {views:#?}\n{}", cluster.log_tails()));
    views.pop().expect("there is a broker")
}

/// A topic through each of the brokers, with a replica at every one.
fn a_topic_through_each(cluster: &Nodes, prefix: &str) {
    let all = cluster.running_brokers();
    for (at, through) in all.iter().enumerate() {
        let mut replicas = all.clone();
        replicas.rotate_left(at);
        let assignments: Vec<&[i32]> = vec![&replicas, &all];
        let name = format!("{prefix}-{through}");
        cluster
            .create_topic(*through, &name, &assignments, &[("retention.ms", "123456")])
            .unwrap_or_else(|error| panic!("{name}: {error:#}"));
    }
    let topics = agreed(cluster);
    for through in &all {
        assert!(topics.contains_key(&format!("{prefix}-{through}")), "{topics:?}");
    }
}

/// What each broker says of the cluster.
fn described_alike(cluster: &Nodes) {
    let all = cluster.running_brokers();
    for node in cluster.brokers() {
        let answer = node
            .talk()
            .and_then(|mut talk| talk.ask(&DescribeClusterRequest::default(), 1));
        let answer = answer.expect("DescribeCluster");
        let mut brokers: Vec<i32> = answer.brokers.iter().map(|broker| broker.broker_id).collect();
        brokers.sort_unstable();
        assert_eq!(brokers, all, "node {}", node.id());
        assert_eq!(answer.cluster_id, testkit::maker::CLUSTER_ID, "node {}", node.id());
        assert!(
            all.contains(&answer.controller_id),
            "node {}: {}",
            node.id(),
            answer.controller_id
        );
    }
}

/// What a config is at each broker once it was changed through one.
fn a_config_changed_everywhere(cluster: &Nodes, topic: &str, through: i32, value: &str) {
    let change = cluster
        .node(through)
        .talk()
        .and_then(|mut talk| talk.set(Resource::Topic(topic), &[("retention.ms", value)]));
    change.expect("the config is changed");
    for node in cluster.brokers() {
        until("the config is known", || {
            let (known, _) = node.talk()?.config(Resource::Topic(topic), "retention.ms")?;
            Ok(known.as_deref() == Some(value))
        })
        .unwrap_or_else(|error| panic!("node {}: {error:#}", node.id()));
    }
}

fn append(cluster: &Nodes, topic: &str, text: &str) {
    let batch = Batch::new(testkit::talk::now_ms(), vec![Record::value(text)]);
    cluster
        .append(topic, 0, &batch)
        .unwrap_or_else(|error| panic!("{topic}: {error:#}"));
}

fn texts(cluster: &Nodes, topic: &str) -> Vec<String> {
    let found = cluster
        .read(topic, 0)
        .unwrap_or_else(|error| panic!("{topic}: {error:#}\n{}", cluster.log_tails()));
    let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap_or_default()).expect("text");
    found.into_iter().map(|(_, value)| text(value)).collect()
}

/// What the Java clients say of the cluster, line by line.
fn told_by_java(cluster: &Nodes, topic: &str, replicas: usize) -> Vec<String> {
    let input = format!("{}\n{topic}\n{replicas}\n", cluster.bootstrap());
    let told = java::answers("ClusterAdmin.java", &input);
    let told = told.unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    told.lines().map(str::to_owned).collect()
}

#[test]
fn three_combined_nodes_go_on_without_the_active_controller() {
    let mut cluster = start(&plan(Plan::combined(3)));
    let quorum = cluster.quorum().expect("a quorum");
    assert_eq!(quorum.voters.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [1, 2, 3]);
    described_alike(&cluster);
    a_topic_through_each(&cluster, "before");
    append(&cluster, "before-1", "with three");
    let told = told_by_java(&cluster, "java-before", 3);
    assert!(
        told.starts_with(&[
            format!("cluster {}", testkit::maker::CLUSTER_ID),
            "brokers [1, 2, 3]".to_owned(),
            "voters [1, 2, 3]".to_owned(),
            "observers []".to_owned(),
            "leader is a voter: true".to_owned(),
            "leaders [1, 2, 3]".to_owned(),
        ]),
        "{told:#?}"
    );
    assert_eq!(told.last().map(String::as_str), Some("consumed 300"), "{told:#?}");

    let dead = cluster.quorum().expect("a quorum").leader;
    cluster.node_mut(dead).kill9().expect("it dies");
    let next = cluster.controller_after(dead).expect("another controller");
    let left: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != dead).collect();
    for index in 0..2 {
        cluster
            .until_in_sync("before-1", index, &left)
            .expect("the dead node leaves the ISR");
    }
    append(&cluster, "before-1", "with two");
    a_topic_through_each(&cluster, "between");
    a_config_changed_everywhere(&cluster, "before-1", left[0], "654321");

    cluster
        .node_mut(dead)
        .restart()
        .unwrap_or_else(|error| panic!("node {dead} returns: {error:#}"));
    cluster.wait_until_complete().expect("three again");
    for index in 0..2 {
        cluster
            .until_in_sync("before-1", index, &[1, 2, 3])
            .expect("it is in sync again");
    }
    described_alike(&cluster);
    agreed(&cluster);
    append(&cluster, "before-1", "with three again");
    assert_eq!(
        texts(&cluster, "before-1"),
        ["with three", "with two", "with three again"]
    );

    cluster.node_mut(next).stop_cleanly().expect("it stops");
    let third = cluster.controller_after(next).expect("a third controller");
    assert_ne!(third, next);
    append(&cluster, "before-1", "after a stop");
    assert_eq!(
        texts(&cluster, "before-1").last().map(String::as_str),
        Some("after a stop")
    );
}

#[test]
fn brokers_alone_follow_a_controller_alone() {
    for voters in [Voters::Dynamic, Voters::Static] {
        let mut cluster = start(&plan(Plan::separate(1, 2)).voters(voters));
        let quorum = cluster.quorum().expect("a quorum");
        assert_eq!(quorum.leader, 101);
        assert_eq!(
            quorum.observers.iter().map(|(id, ..)| *id).collect::<Vec<_>>(),
            [1, 2],
            "{voters:?}"
        );
        described_alike(&cluster);
        a_topic_through_each(&cluster, "before");
        append(&cluster, "before-2", "with both");
        if voters == Voters::Dynamic {
            let told = told_by_java(&cluster, "java-before", 2);
            assert!(told.contains(&"brokers [1, 2]".to_owned()), "{told:#?}");
            assert!(told.contains(&"voters [101]".to_owned()), "{told:#?}");
            assert!(told.contains(&"observers [1, 2]".to_owned()), "{told:#?}");
            assert_eq!(told.last().map(String::as_str), Some("consumed 300"), "{told:#?}");
        }

        // Without a controller clients go on; what only a controller can do waits for it.
        cluster.node_mut(101).kill9().expect("it dies");
        append(&cluster, "before-2", "without a controller");
        cluster.node_mut(101).restart().expect("it returns");
        cluster.wait_until_complete().expect("all three again");
        a_topic_through_each(&cluster, "after");

        cluster.node_mut(2).kill9().expect("it dies");
        cluster.until_in_sync("before-2", 0, &[1]).expect("the ISR shrinks");
        append(&cluster, "before-2", "with one");
        cluster.node_mut(2).restart().expect("it returns");
        cluster.until_in_sync("before-2", 0, &[1, 2]).expect("the ISR grows");
        assert_eq!(
            texts(&cluster, "before-2"),
            ["with both", "without a controller", "with one"]
        );
    }
}

/// Sessions that never run out: only the end of the processes can be what is noticed (ADR 11). Kafka would wait here.
#[test]
fn a_broker_that_ended_is_missed_before_its_session_runs_out() {
    let long = plan(Plan::combined(3)).with("broker.session.timeout.ms", 3_600_000);
    let mut cluster = start(&long.made_by(Maker::Riverrun));
    a_topic_through_each(&cluster, "before");
    let active = cluster.quorum().expect("a quorum").leader;
    let other = cluster.running_brokers().into_iter().find(|id| *id != active);
    for (dead, topic) in [(other.expect("three nodes"), "before-1"), (active, "before-2")] {
        cluster.node_mut(dead).kill9().expect("it dies");
        let left: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != dead).collect();
        for index in 0..2 {
            let left = cluster.until_in_sync(topic, index, &left);
            left.unwrap_or_else(|error| panic!("{dead} leaves: {error:#}\n{}", cluster.log_tails()));
        }
        append(&cluster, topic, "with two");
        let back = cluster.node_mut(dead).restart();
        back.unwrap_or_else(|error| panic!("{dead} returns: {error:#}\n{}", cluster.log_tails()));
        cluster.wait_until_complete().expect("three again");
        cluster
            .until_in_sync(topic, 0, &[1, 2, 3])
            .expect("it is in sync again");
    }
}

/// Sessions and leaderships of the quorum that hardly ever run out: only the silence of a node that hangs can be what is
/// noticed (ADR 15). Kafka would wait here.
#[test]
fn a_node_that_hangs_is_missed_before_its_session_runs_out() {
    let long = plan(Plan::combined(3))
        .with("broker.session.timeout.ms", 3_600_000)
        .with("controller.quorum.fetch.timeout.ms", 600_000)
        .with("replica.lag.time.max.ms", 600_000);
    let cluster = start(&long.made_by(Maker::Riverrun));
    a_topic_through_each(&cluster, "before");
    let active = cluster.quorum().expect("a quorum").leader;
    let other = cluster.running_brokers().into_iter().find(|id| *id != active);
    for hung in [other.expect("three nodes"), active] {
        // One partition that it leads, and one that it follows.
        let leads = format!("before-{hung}");
        let follows = format!("before-{}", hung % 3 + 1);
        cluster.node(hung).freeze().expect("it hangs");
        let left: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != hung).collect();
        for topic in [&leads, &follows] {
            let led_by = cluster
                .seen_by(&left, topic, 0, |seen| seen.leader != hung && seen.isr == left)
                .unwrap_or_else(|error| panic!("{hung} is missed: {error:#}\n{}", cluster.log_tails()));
            let batch = Batch::new(testkit::talk::now_ms(), vec![Record::value("with two")]);
            let appended = cluster
                .node(led_by)
                .talk()
                .and_then(|mut talk| talk.produce(topic, 0, -1, batch.encode()));
            let error = appended.expect("an answer").error_code;
            assert_eq!(error, 0, "{topic}\n{}", cluster.log_tails());
        }
        cluster.node(hung).thaw().expect("it goes on");
        for topic in [&leads, &follows] {
            cluster
                .until_in_sync(topic, 0, &[1, 2, 3])
                .expect("it is in sync again");
            assert_eq!(texts(&cluster, topic).last().map(String::as_str), Some("with two"));
        }
    }
}

const KAFKA_STORAGE_ERROR: i16 = 56;

/// Has a segment of one of the broker's partitions of `t` fail to roll: a file is where its directory was.
fn lose(cluster: &Nodes, dir: &std::path::Path) {
    let found = (0..3).find(|index| dir.join(format!("t-{index}")).is_dir());
    let index = found.expect("each directory has a partition");
    let partition = dir.join(format!("t-{index}"));
    std::fs::rename(&partition, dir.join("aside")).expect("renamed");
    std::fs::write(&partition, "in the way").expect("written");
    let mut talk = cluster.node(1).talk().expect("connected");
    let mut produce = || talk.produce("t", index, -1, batch_of(700_000).encode());
    until(
        "a write that fails",
        || Ok(produce()?.error_code == KAFKA_STORAGE_ERROR),
    )
    .unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
}

/// KIP-858: a broker that cannot tell the controller which directory it lost is taken for the leader of what it cannot serve.
#[test]
fn a_broker_that_cannot_tell_of_a_lost_directory_ends() {
    let home = tempfile::TempDir::with_prefix("riverrun-untold-").expect("created");
    let dirs = ["a", "b", "c"].map(|name| home.path().join(name));
    let text = dirs.each_ref().map(|dir| dir.display().to_string()).join(",");
    let plan = plan(Plan::separate(1, 1)).node(1, |node| {
        node.with("log.dirs", text)
            .with("metadata.log.dir", dirs[0].display())
            .with("log.dir.failure.timeout.ms", 1_500)
            .with("controlled.shutdown.enable", false)
    });
    let mut cluster = start(&plan);
    let settings = [("segment.bytes", "1048576")];
    cluster
        .create_topic(1, "t", &[&[1], &[1], &[1]], &settings)
        .unwrap_or_else(|error| panic!("{error:#}"));
    lose(&cluster, &dirs[1]);
    until("the cluster knows of the first", || {
        let views = cluster.node(1).topics(Some(&["t"]))?;
        Ok(views["t"].1.iter().filter(|partition| partition.leader == -1).count() == 1)
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    cluster.node(101).freeze().expect("frozen");
    lose(&cluster, &dirs[2]);
    let broker = cluster.node_mut(1);
    until("it ends", || Ok(broker.ended()?.is_some()))
        .unwrap_or_else(|error| panic!("{error:#}\n{}", broker.log_tail()));
    // Kafka's tells the directory's id.
    let told = broker.log_tail();
    if broker.maker() == Maker::Riverrun {
        assert!(told.contains(&dirs[2].display().to_string()), "{told}");
        let first = format!("{} failed", dirs[1].display());
        assert!(!told.contains(&first), "of this one it was told: {told}");
    }
    cluster.node(101).thaw().expect("thawed");
}
