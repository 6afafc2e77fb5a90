//! Brokers whose connection ended (ADR 11), and brokers that do not answer (ADR 15).

use crate::rig::{Rig, cluster, directory};
use base::{NodeId, Uuid};
use controller::op::broker_suspicion::{Suspicion, Verdict, at_work, confirm, fence_silent, holds, suspect};
use protocol::ErrorCode;
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::metadata_records::MetadataRecord;
use std::time::Duration;

fn suspicion(rig: &mut Rig, broker: i32) -> Suspicion {
    let found = rig.run(|state, cx| suspect(state, cx, NodeId(broker)));
    assert_eq!(rig.written, [], "a suspicion changes nothing");
    found.expect("the broker is registered")
}

fn beat(rig: &mut Rig, broker: i32) {
    let request = BrokerHeartbeatRequest {
        broker_id: broker,
        broker_epoch: rig.epoch(broker).0,
        current_metadata_offset: rig.end.0,
        ..Default::default()
    };
    assert_eq!(rig.heartbeat(&request).error_code, 0);
}

#[test]
fn a_broker_that_has_ended_is_fenced_at_once_and_may_come_back_at_once() {
    let mut rig = cluster(3);
    rig.create("t", &[&[2, 1, 3]], &[]);
    let suspicion = suspicion(&mut rig, 2);
    assert_eq!(suspicion.listeners.len(), 1);
    assert!(rig.run(|state, cx| holds(state, cx, &suspicion)));
    assert!(rig.run(|state, cx| confirm(state, cx, &suspicion)));
    let names: Vec<&str> = rig.written.iter().map(MetadataRecord::name).collect();
    assert_eq!(names, ["PartitionChangeRecord", "BrokerRegistrationChangeRecord"]);
    assert_eq!(rig.partition("t", 0).leader, NodeId(1));
    // Once is enough.
    assert!(rig.run(|state, cx| confirm(state, cx, &suspicion)));
    assert_eq!(rig.written, []);
    let epoch = rig.epoch(2);
    assert!(!rig.sessions.is_valid(NodeId(2), epoch, rig.now));
    let again = rig.registration(2);
    assert_eq!(rig.register(&again).error_code, 0);
}

#[test]
fn a_sign_of_life_refutes_a_suspicion() {
    let mut rig = cluster(3);
    rig.create("t", &[&[2, 1, 3]], &[]);
    let suspicion = suspicion(&mut rig, 2);
    rig.now = rig.now.plus(Duration::from_millis(1));
    beat(&mut rig, 2);
    assert!(!rig.run(|state, cx| holds(state, cx, &suspicion)));
    assert!(!rig.run(|state, cx| confirm(state, cx, &suspicion)));
    assert_eq!((rig.written.len(), rig.partition("t", 0).leader), (0, NodeId(2)));
}

#[test]
fn another_incarnation_refutes_a_suspicion() {
    let mut rig = cluster(3);
    let suspicion = suspicion(&mut rig, 2);
    let again = rig.registration(2);
    assert_eq!(
        rig.register(&again).error_code,
        0,
        "the connection of the one before has ended"
    );
    assert!(!rig.run(|state, cx| confirm(state, cx, &suspicion)));
}

#[test]
fn only_who_holds_a_directory_of_the_former_takes_over_within_its_session() {
    let mut rig = cluster(3);
    suspicion(&mut rig, 2);
    let mut stranger = rig.registration(2);
    stranger.log_dirs = vec![directory(9)];
    let refused = rig.register(&stranger).error_code;
    assert_eq!(refused, ErrorCode::DuplicateBrokerRegistration.code());
    let mut heir = rig.registration(2);
    heir.log_dirs = vec![directory(9), directory(2)];
    // While the former is heard of nobody takes over.
    rig.now = rig.now.plus(Duration::from_millis(1));
    beat(&mut rig, 2);
    assert_eq!(rig.register(&heir).error_code, refused);
    suspicion(&mut rig, 2);
    assert_eq!(rig.register(&heir).error_code, 0);
}

#[test]
fn nobody_is_suspected_who_is_not_registered() {
    let mut rig = cluster(2);
    assert_eq!(rig.run(|state, cx| suspect(state, cx, NodeId(7))), None);
    let mut starting = rig.registration(3);
    starting.log_dirs = vec![Uuid([7; 16])];
    rig.register(&starting);
    assert_eq!(rig.run(|state, _| at_work(state)), [NodeId(1), NodeId(2)]);
    // Who is fenced already only loses its session.
    let suspicion = suspicion(&mut rig, 3);
    assert!(rig.run(|state, cx| confirm(state, cx, &suspicion)));
    assert_eq!(rig.written, []);
}

#[test]
fn a_silent_broker_is_fenced_if_others_can_take_its_place() {
    let mut rig = cluster(3);
    rig.create("alone", &[&[2]], &[]);
    let alone = suspicion(&mut rig, 2);
    assert_eq!(rig.run(|state, cx| fence_silent(state, cx, &alone)), Verdict::Spared);
    assert_eq!(rig.written, [], "nobody could lead in its place");
    let epoch = rig.epoch(2);
    assert!(rig.sessions.is_valid(NodeId(2), epoch, rig.now), "its session decides");
    rig.create("followed", &[&[1, 2]], &[]);
    assert_eq!(rig.run(|state, cx| fence_silent(state, cx, &alone)), Verdict::Fenced);
    assert_eq!(rig.partition("followed", 0).isr, [NodeId(1)]);
    assert_eq!(rig.partition("alone", 0).leader, NodeId(-1));
    assert!(!rig.sessions.is_valid(NodeId(2), epoch, rig.now));
    assert_eq!(
        rig.run(|state, cx| fence_silent(state, cx, &alone)),
        Verdict::Spared,
        "once is enough"
    );
    // Its next heartbeat unfences it.
    rig.now = rig.now.plus(Duration::from_millis(1));
    beat(&mut rig, 2);
    assert_eq!(rig.partition("alone", 0).leader, NodeId(2));
    assert_eq!(rig.run(|state, cx| fence_silent(state, cx, &alone)), Verdict::Refuted);
}
