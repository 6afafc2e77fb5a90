//! Every stock client's suite, against Apache Kafka (which proves the suite) and against Riverrun: one node, and three with
//! three replicas of everything.

use testkit::suite::Suite;
use testkit::{Cluster, Maker, Nodes, Plan, Settings, SingleNode};

/// Room for records of 10 MB, and heartbeats as often as the clients of the classic protocol send theirs.
fn settings() -> Settings {
    Settings::default()
        .with("message.max.bytes", 20 << 20)
        .with("group.consumer.min.heartbeat.interval.ms", 500)
        .with("group.consumer.heartbeat.interval.ms", 500)
}

/// All suites one after another on one broker: they share two cores with it anyway.
fn run_all(cluster: &dyn Cluster) {
    let mut failures = Vec::new();
    for suite in Suite::ALL {
        match suite.run(cluster) {
            Ok(output) => println!("{output}"),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    assert!(
        failures.is_empty(),
        "{}\nthe broker wrote:\n{}",
        failures.join("\n"),
        cluster.log_tail()
    );
}

#[test]
fn every_stock_client_works_with_kafka() {
    run_all(&SingleNode::start(Maker::Kafka, &settings()).expect("Kafka starts"));
}

#[test]
fn every_stock_client_works_with_riverrun() {
    run_all(&SingleNode::start(Maker::Riverrun, &settings()).expect("Riverrun starts"));
}

/// The same settings; ours, or Kafka with `RIVERRUN_STORIES_OF=kafka` in the environment, which proves the test. With
/// `SUITES=all` every suite, otherwise those of the two clients that most others are built on.
#[test]
fn stock_clients_work_with_three_nodes() {
    let plan = settings()
        .properties
        .iter()
        .fold(Plan::combined(3), |plan, (key, value)| plan.with(key, value));
    let plan = plan
        .with("default.replication.factor", 3)
        .with("min.insync.replicas", 2);
    let cluster = Nodes::start(&plan).expect("three nodes start");
    let suites = match std::env::var("SUITES").as_deref() {
        Ok("all") => Suite::ALL.to_vec(),
        _ => vec![Suite::Java, Suite::Librdkafka],
    };
    let mut failures = Vec::new();
    for suite in suites {
        match suite.run_at(&cluster.bootstrap()) {
            Ok(output) => println!("{output}"),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), cluster.log_tails());
}
