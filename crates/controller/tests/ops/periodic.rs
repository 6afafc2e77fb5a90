//! What the controller does on its own.

use crate::alter_partition::join_isr;
use crate::rig::{cluster, cluster_without_elr, empty, nodes};
use base::NodeId;
use controller::activate;
use metadata::MetadataVersion;
use metadata::bootstrap::bootstrap_records;
use protocol::metadata_records::MetadataRecord;
use std::time::Duration;

fn names(records: &[MetadataRecord]) -> Vec<&'static str> {
    records.iter().map(MetadataRecord::name).collect()
}

#[test]
fn an_idle_log_moves_on() {
    let mut rig = cluster(0);
    let written = rig.pass(Duration::from_millis(2600));
    assert_eq!(names(&written), ["NoOpRecord"; 5]);
    let mut silent = empty(&["metadata.max.idle.interval.ms=0"], MetadataVersion::LATEST_PRODUCTION);
    assert_eq!(silent.pass(Duration::from_secs(60)), []);
}

#[test]
fn a_silent_broker_is_fenced_after_its_session() {
    let mut rig = cluster_without_elr(2);
    rig.create("t", &[&[1, 2]], &[]);
    rig.pass(Duration::from_secs(8));
    let beat = rig.beat(2);
    rig.heartbeat(&beat);
    assert!(!rig.state.broker(NodeId(1)).unwrap().fenced);
    rig.pass(Duration::from_secs(2));
    assert!(rig.state.broker(NodeId(1)).unwrap().fenced);
    assert!(!rig.state.broker(NodeId(2)).unwrap().fenced);
    assert_eq!(
        (rig.partition("t", 0).leader.0, rig.partition("t", 0).isr.clone()),
        (2, nodes(&[2]))
    );
    rig.pass(Duration::from_secs(10));
    assert!(rig.state.broker(NodeId(2)).unwrap().fenced);
}

#[test]
fn leaderships_go_home_every_now_and_then() {
    let mut rig = empty(
        &["broker.session.timeout.ms=100000000"],
        MetadataVersion::LATEST_PRODUCTION,
    );
    (1..=2).for_each(|id| rig.start_broker(id));
    rig.create("t", &[&[1, 2]], &[]);
    rig.kill(1);
    rig.revive(1);
    join_isr(&mut rig, "t", 0, 2, &[2, 1]);
    rig.pass(Duration::from_secs(299));
    assert_eq!(rig.partition("t", 0).leader.0, 2);
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.partition("t", 0).leader.0, 1);
}

#[test]
fn a_leader_is_found_for_topics_that_allow_anybody() {
    let mut rig = empty(&["broker.session.timeout.ms=100000000"], MetadataVersion(25));
    (1..=2).for_each(|id| rig.start_broker(id));
    rig.create("t", &[&[1, 2]], &[]);
    rig.kill(2);
    rig.kill(1);
    rig.revive(2);
    assert_eq!(rig.partition("t", 0).leader, NodeId::NONE);
    let record = protocol::metadata_records::config_record::ConfigRecord {
        resource_type: 2,
        resource_name: "t".to_owned(),
        name: "unclean.leader.election.enable".to_owned(),
        value: Some("true".to_owned()),
    };
    rig.write(&[MetadataRecord::Config(record)]);
    rig.pass(Duration::from_secs(301));
    assert_eq!(rig.partition("t", 0).leader.0, 2);
}

#[test]
fn a_new_leader_bootstraps_an_empty_log_once() {
    let mut rig = cluster(0);
    let bootstrap = bootstrap_records(MetadataVersion::LATEST_PRODUCTION, &[]);
    assert_eq!(rig.end.0, 9, "begin, six levels, min.insync.replicas, end");
    rig.run(|state, cx| activate(state, cx.settings, &bootstrap));
    assert_eq!(rig.written, []);
    rig.write(&[MetadataRecord::BeginTransaction(Default::default())]);
    rig.run(|state, cx| activate(state, cx.settings, &bootstrap));
    assert_eq!(names(&rig.written), ["AbortTransactionRecord"]);
}

#[test]
fn a_bootstrap_that_was_cut_short_begins_again() {
    let mut rig = cluster(0);
    rig.state = controller::ControllerState::default();
    rig.end = base::Offset::ZERO;
    let bootstrap = bootstrap_records(MetadataVersion::LATEST_PRODUCTION, &[]);
    rig.write(&[
        MetadataRecord::BeginTransaction(Default::default()),
        bootstrap[0].clone(),
    ]);
    rig.run(|state, cx| activate(state, cx.settings, &bootstrap));
    let written = names(&rig.written);
    assert_eq!(
        (written[0], written[1], written.len()),
        ("AbortTransactionRecord", "BeginTransactionRecord", 10)
    );
    assert!(!rig.state.is_empty());
}
