//! Every stock client's suite, against Apache Kafka (which proves the suite) and against Riverrun.

use testkit::suite::Suite;
use testkit::{Cluster, KafkaBroker, RiverrunBroker, Settings};

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
    run_all(&KafkaBroker::start(&settings()).expect("Kafka starts"));
}

#[test]
fn every_stock_client_works_with_riverrun() {
    run_all(&RiverrunBroker::start(&settings()).expect("Riverrun starts"));
}
