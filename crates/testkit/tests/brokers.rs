//! The brokers that other tests use can be started, stopped, killed and started again.

use testkit::{Cluster, KafkaBroker, Settings, Wire};

#[test]
fn kafka_starts_stops_and_restarts() {
    let mut kafka = KafkaBroker::start(&Settings::default()).expect("Kafka starts");
    kafka.kill9().expect("it dies");
    assert!(Wire::connect(kafka.bootstrap()).is_err(), "nobody listens");
    kafka.restart().expect("it starts again");
    kafka.stop_cleanly().expect("it stops");
    assert!(kafka.data_dir().join("meta.properties").exists());
}
