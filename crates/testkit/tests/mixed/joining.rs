//! A controller of one maker joins a quorum of the other's, takes the snapshot that the log no longer goes back before, and
//! goes on alone when the first one leaves.

use testkit::nodes::{NodePlan, Roles};
use testkit::talk::{Resource, until};
use testkit::{Cluster, Maker, Nodes, Plan, suite};

const FIRST: i32 = 101;
const JOINING: i32 = 102;

/// One controller and one broker, which is Kafka's, and a metadata log that is soon cut to its newest snapshot.
fn start(first: Maker, joining: Maker) -> Nodes {
    let plan = Plan::separate(1, 1)
        .made_by(Maker::Kafka)
        .node(FIRST, |node| node.made_by(first))
        .and(NodePlan::new(JOINING, Roles::Controller).made_by(joining).joins_later())
        .with("metadata.log.max.record.bytes.between.snapshots", 1_000)
        .with("metadata.max.retention.bytes", 1_000)
        .with("metadata.max.idle.interval.ms", 100);
    Nodes::start(&plan).unwrap_or_else(|error| panic!("they start: {error:#}"))
}

/// Runs one of Kafka's tools against the controllers.
fn quorum_tool(cluster: &Nodes, arguments: &[&str]) -> String {
    let mut java = testkit::java::java_with(&["-Xmx256m"], &[]).expect("Kafka is installed");
    java.args(["org.apache.kafka.tools.MetadataQuorumCommand", "--bootstrap-controller"]);
    java.arg(cluster.bootstrap_controllers()).args(arguments);
    let told = suite::run("kafka-metadata-quorum", &mut java);
    told.unwrap_or_else(|error| panic!("{arguments:?}: {error:#}\n{}", cluster.log_tails()))
}

fn voters(cluster: &Nodes) -> Vec<i32> {
    let view = cluster.quorum().expect("a quorum");
    view.voters.iter().map(|(id, ..)| *id).collect()
}

fn topic(cluster: &Nodes, name: &str) {
    let created = cluster.create_topic(1, name, &[&[1]], &[]);
    created.unwrap_or_else(|error| panic!("{name}: {error:#}"));
    let talk = cluster.node(1).talk();
    let changed = talk.and_then(|mut talk| talk.set(Resource::Topic(name), &[("retention.ms", "4321")]));
    changed.unwrap_or_else(|error| panic!("{name}: {error:#}"));
}

/// The end offsets of the snapshots in a controller's directory.
fn snapshots(cluster: &Nodes, id: i32) -> Vec<i64> {
    let dir = cluster.node(id).data_dir().join("__cluster_metadata-0");
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let ends = names.filter_map(|name| name.strip_suffix(".checkpoint")?.split('-').next()?.parse().ok());
    ends.collect()
}

fn join_and_replace(first: Maker, joining: Maker) {
    let mut cluster = start(first, joining);
    for number in 0..10 {
        topic(&cluster, &format!("before-{number}"));
    }
    until("snapshots", || {
        Ok(snapshots(&cluster, FIRST).into_iter().any(|end| end > 0))
    })
    .expect("the controller makes some");
    let early = snapshots(&cluster, FIRST)
        .into_iter()
        .filter(|end| *end > 0)
        .min()
        .expect("one");
    // Ours removes what it may at once, Kafka looks once a minute.
    for _ in 0..3 {
        if until("the first snapshots go", || {
            Ok(!snapshots(&cluster, FIRST).contains(&early))
        })
        .is_ok()
        {
            break;
        }
    }
    let restarted = cluster.node_mut(JOINING).restart();
    restarted.unwrap_or_else(|error| panic!("it starts: {error:#}"));
    until("the newcomer observes", || {
        let view = cluster.quorum()?;
        Ok(view
            .observers
            .iter()
            .any(|(id, _, end)| *id == JOINING && *end >= view.high_watermark - 5))
    })
    .unwrap_or_else(|error| panic!("{error:#}: {:?}\n{}", cluster.quorum(), cluster.log_tails()));

    let taken = snapshots(&cluster, JOINING);
    assert!(taken.iter().any(|end| *end > 0), "it took a snapshot: {taken:?}");
    let properties = cluster.node(JOINING).properties().display().to_string();
    quorum_tool(&cluster, &["--command-config", &properties, "add-controller"]);
    until("it votes", || Ok(voters(&cluster) == [FIRST, JOINING])).expect("two voters");
    topic(&cluster, "with-two");

    let directory = cluster.node(FIRST).directory_id().to_string();
    let id = FIRST.to_string();
    quorum_tool(
        &cluster,
        &[
            "remove-controller",
            "--controller-id",
            &id,
            "--controller-directory-id",
            &directory,
        ],
    );
    until("the newcomer leads alone", || {
        let view = cluster.quorum()?;
        Ok(view.leader == JOINING && view.voters.len() == 1)
    })
    .unwrap_or_else(|error| panic!("{error:#}: {:?}\n{}", cluster.quorum(), cluster.log_tails()));
    cluster.node_mut(FIRST).stop_cleanly().expect("it stops");
    topic(&cluster, "with-the-newcomer");
    cluster.node_mut(JOINING).kill9().expect("it dies");
    cluster
        .node_mut(JOINING)
        .restart()
        .unwrap_or_else(|error| panic!("it returns: {error:#}"));
    topic(&cluster, "after-its-restart");
    let known = cluster.node(1).topics(None).expect("the broker answers");
    for name in (0..10).map(|number| format!("before-{number}")) {
        assert!(known.contains_key(&name), "{name}: {known:?}");
    }
}

#[test]
fn ours_joins_kafkas_quorum_and_replaces_it() {
    join_and_replace(Maker::Kafka, Maker::chosen());
}

#[test]
fn kafkas_joins_our_quorum_and_replaces_it() {
    join_and_replace(Maker::chosen(), Maker::Kafka);
}
