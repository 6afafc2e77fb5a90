//! Brokers register, come in, fail, hand over and leave.

use crate::rig::{Rig, cluster, cluster_without_elr, directory, nodes};
use base::{NodeId, Uuid};
use controller::op::assign_replicas_to_dirs::assign_replicas_to_dirs;
use controller::op::unregister_broker::unregister_broker;
use protocol::ErrorCode;
use protocol::messages::assign_replicas_to_dirs_request as assign;
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_registration_request::BrokerRegistrationRequest;
use protocol::messages::unregister_broker_request::UnregisterBrokerRequest;
use protocol::metadata_records::MetadataRecord;
use std::time::Duration;

#[test]
fn a_brokers_epoch_is_its_records_offset() {
    let mut rig = cluster(0);
    let before = rig.end;
    let request = rig.registration(1);
    let response = rig.register(&request);
    assert_eq!((response.error_code, response.broker_epoch), (0, before.0));
    assert!(rig.state.broker(NodeId(1)).unwrap().fenced);
    // The same process amends its registration: epoch and standing stay.
    rig.revive(1);
    let amended = BrokerRegistrationRequest {
        rack: Some("r".to_owned()),
        ..request
    };
    let response = rig.register(&amended);
    assert_eq!((response.error_code, response.broker_epoch), (0, before.0));
    let broker = rig.state.broker(NodeId(1)).unwrap();
    assert_eq!((broker.fenced, broker.rack.as_deref()), (false, Some("r")));
}

#[test]
fn registrations_that_are_refused() {
    let mut rig = cluster(1);
    let request = rig.registration(2);
    let without = |name: &str| {
        let mut request = request.clone();
        request.features.retain(|feature| feature.name != name);
        request
    };
    let mut too_old = request.clone();
    too_old
        .features
        .iter_mut()
        .for_each(|feature| feature.max_supported_version = feature.min_supported_version);
    let with_dirs = |log_dirs: Vec<Uuid>| BrokerRegistrationRequest {
        log_dirs,
        ..request.clone()
    };
    use ErrorCode::*;
    let cases = [
        (
            BrokerRegistrationRequest {
                cluster_id: "other".to_owned(),
                ..request.clone()
            },
            InconsistentClusterId,
        ),
        (
            BrokerRegistrationRequest {
                broker_id: 1,
                ..request.clone()
            },
            DuplicateBrokerRegistration,
        ),
        (
            BrokerRegistrationRequest {
                is_migrating_zk_broker: true,
                ..request.clone()
            },
            BrokerIdNotRegistered,
        ),
        (with_dirs(vec![]), InvalidRegistration),
        (with_dirs(vec![Uuid::ONE]), InvalidRegistration),
        (with_dirs(vec![directory(2), directory(2)]), InvalidRegistration),
        (with_dirs(vec![directory(1)]), InvalidRegistration),
        (without("metadata.version"), InvalidRegistration),
        (without("transaction.version"), UnsupportedVersion),
        (without("kraft.version"), UnsupportedVersion),
        (too_old, UnsupportedVersion),
    ];
    for (request, code) in cases {
        assert_eq!(rig.register(&request).error_code, code.code(), "{request:?}");
        assert_eq!(rig.written, []);
    }
    // Once the first broker's session ran out, another process may take its id.
    let second = rig.registration(1);
    rig.now = rig.now.plus(Duration::from_secs(10));
    assert_eq!(rig.register(&second).error_code, 0);
}

#[test]
fn a_broker_is_let_in_once_it_knows_of_itself() {
    let mut rig = cluster(0);
    let request = rig.registration(1);
    let epoch = rig.register(&request).broker_epoch;
    let beat = |offset: i64, want_fence: bool| BrokerHeartbeatRequest {
        broker_id: 1,
        broker_epoch: epoch,
        current_metadata_offset: offset,
        want_fence,
        ..Default::default()
    };
    let behind = rig.heartbeat(&beat(epoch - 1, false));
    assert_eq!(
        (behind.is_caught_up, behind.is_fenced, behind.should_shut_down),
        (false, true, false)
    );
    let not_yet = rig.heartbeat(&beat(epoch, true));
    assert_eq!((not_yet.is_caught_up, not_yet.is_fenced), (true, true));
    let in_now = rig.heartbeat(&beat(epoch, false));
    assert_eq!((in_now.is_caught_up, in_now.is_fenced), (true, false));
    for (broker_id, broker_epoch) in [(1, epoch + 1), (2, epoch)] {
        let stale = BrokerHeartbeatRequest {
            broker_id,
            broker_epoch,
            ..beat(epoch, false)
        };
        assert_eq!(rig.heartbeat(&stale).error_code, ErrorCode::StaleBrokerEpoch.code());
    }
}

#[test]
fn leaderships_move_before_the_fence() {
    let mut rig = cluster_without_elr(3);
    rig.create("t", &[&[1, 2, 3], &[2, 3, 1]], &[]);
    rig.kill(1);
    let names: Vec<&str> = rig.written.iter().map(MetadataRecord::name).collect();
    assert_eq!(
        names,
        [
            "PartitionChangeRecord",
            "PartitionChangeRecord",
            "BrokerRegistrationChangeRecord"
        ]
    );
    let moved = rig.partition("t", 0);
    assert_eq!(
        (moved.leader.0, moved.leader_epoch.0, moved.partition_epoch.0),
        (2, 1, 1)
    );
    assert_eq!(moved.isr, nodes(&[2, 3]));
    let kept = rig.partition("t", 1);
    assert_eq!((kept.leader.0, kept.leader_epoch.0, kept.partition_epoch.0), (2, 0, 1));
}

#[test]
fn the_last_replica_stays_in_sync_without_a_leader() {
    let mut rig = cluster_without_elr(1);
    rig.create("t", &[&[1]], &[]);
    rig.kill(1);
    let partition = rig.partition("t", 0);
    assert_eq!((partition.leader, partition.leader_epoch.0), (NodeId::NONE, 1));
    assert_eq!(partition.isr, nodes(&[1]));
    rig.revive(1);
    let partition = rig.partition("t", 0);
    assert_eq!((partition.leader.0, partition.leader_epoch.0), (1, 2));
}

#[test]
fn eligible_leaders_remember_what_is_committed() {
    let mut rig = cluster(3);
    rig.create("t", &[&[1, 2, 3]], &[("min.insync.replicas", "2")]);
    rig.kill(3);
    assert_eq!(
        (rig.partition("t", 0).isr.clone(), rig.partition("t", 0).elr.clone()),
        (nodes(&[1, 2]), vec![])
    );
    rig.kill(2);
    assert_eq!(
        (rig.partition("t", 0).isr.clone(), rig.partition("t", 0).elr.clone()),
        (nodes(&[1]), nodes(&[2]))
    );
    rig.kill(1);
    let nobody = rig.partition("t", 0);
    assert_eq!(
        (nobody.leader, nobody.isr.clone(), nobody.elr.clone()),
        (NodeId::NONE, vec![], nodes(&[1, 2]))
    );
    assert_eq!(nobody.last_known_elr, nodes(&[1]));
    // Neither in sync nor eligible: it may not lead.
    rig.revive(3);
    assert_eq!(rig.partition("t", 0).leader, NodeId::NONE);
    rig.revive(2);
    let back = rig.partition("t", 0);
    assert_eq!(
        (back.leader.0, back.isr.clone(), back.elr.clone()),
        (2, nodes(&[2]), nodes(&[1]))
    );
    assert_eq!(back.last_known_elr, vec![]);
}

#[test]
fn an_unclean_restart_costs_the_place_among_the_eligible() {
    let mut rig = cluster(2);
    rig.create("t", &[&[1, 2]], &[("min.insync.replicas", "2")]);
    rig.kill(2);
    assert_eq!(rig.partition("t", 0).elr, nodes(&[2]));
    rig.now = rig.now.plus(Duration::from_secs(10));
    let clean = BrokerRegistrationRequest {
        previous_broker_epoch: rig.epoch(2).0,
        ..rig.registration(2)
    };
    assert_eq!(rig.register(&clean).error_code, 0);
    assert_eq!(
        rig.partition("t", 0).elr,
        nodes(&[2]),
        "it shut down cleanly: nothing is lost"
    );
    let unclean = rig.registration(2);
    assert_eq!(rig.register(&unclean).error_code, 0);
    assert_eq!(rig.partition("t", 0).elr, vec![]);
}

fn shut_down(rig: &mut Rig, id: i32) -> (bool, bool) {
    let beat = BrokerHeartbeatRequest {
        want_shut_down: true,
        ..rig.beat(id)
    };
    let response = rig.heartbeat(&beat);
    (response.is_fenced, response.should_shut_down)
}

#[test]
fn a_broker_leaves_once_everybody_knows_the_new_leaders() {
    let mut rig = cluster_without_elr(2);
    rig.create("t", &[&[1, 2]], &[]);
    assert_eq!(shut_down(&mut rig, 1), (false, false));
    assert!(rig.state.broker(NodeId(1)).unwrap().in_controlled_shutdown);
    assert_eq!(
        (rig.partition("t", 0).leader.0, rig.partition("t", 0).isr.clone()),
        (2, nodes(&[2]))
    );
    // Broker 2 has not applied the change yet.
    assert_eq!(shut_down(&mut rig, 1), (false, false));
    let beat = rig.beat(2);
    rig.heartbeat(&beat);
    assert_eq!(shut_down(&mut rig, 1), (true, true));
    assert!(rig.state.broker(NodeId(1)).unwrap().fenced);
}

#[test]
fn the_only_broker_leaves_with_its_leaderships() {
    let mut rig = cluster(1);
    rig.create("t", &[&[1]], &[]);
    assert_eq!(shut_down(&mut rig, 1), (false, false));
    // Nobody else can lead, so the partition has no leader now; with that the broker leads nothing and may go.
    assert_eq!(rig.partition("t", 0).leader, NodeId::NONE);
    assert_eq!(shut_down(&mut rig, 1), (true, true));
}

#[test]
fn unregistering_takes_the_broker_out_of_everything_but_its_replicas() {
    let mut rig = cluster_without_elr(2);
    rig.create("t", &[&[1, 2]], &[]);
    let request = UnregisterBrokerRequest { broker_id: 1 };
    let response = rig.run(|state, cx| unregister_broker(state, cx, &request));
    assert_eq!(response.error_code, 0);
    assert!(rig.state.broker(NodeId(1)).is_none());
    let partition = rig.partition("t", 0);
    assert_eq!(
        (partition.leader.0, &partition.isr, &partition.replicas),
        (2, &nodes(&[2]), &nodes(&[1, 2]))
    );
    let again = rig.run(|state, cx| unregister_broker(state, cx, &request));
    assert_eq!(again.error_code, ErrorCode::BrokerIdNotRegistered.code());
}

#[test]
fn a_failed_directory_takes_its_replicas_offline() {
    let mut rig = cluster_without_elr(1);
    let two_dirs = BrokerRegistrationRequest {
        log_dirs: vec![directory(2), directory(3)],
        ..rig.registration(2)
    };
    assert_eq!(rig.register(&two_dirs).error_code, 0);
    rig.revive(2);
    rig.create("t", &[&[2, 1], &[2, 1]], &[]);
    assert_eq!(rig.partition("t", 0).directories, [Uuid::UNASSIGNED_DIR, directory(1)]);
    let to = |id: Uuid, partition_index: i32| assign::DirectoryData {
        id,
        topics: vec![assign::TopicData {
            topic_id: rig.topic_id("t"),
            partitions: vec![
                assign::PartitionData { partition_index },
                assign::PartitionData { partition_index: 7 },
            ],
        }],
    };
    let request = assign::AssignReplicasToDirsRequest {
        broker_id: 2,
        broker_epoch: rig.epoch(2).0,
        directories: vec![to(directory(2), 0), to(directory(3), 1)],
    };
    let response = rig.run(|state, cx| assign_replicas_to_dirs(state, cx.settings, &request));
    let codes: Vec<i16> = response.directories[0].topics[0]
        .partitions
        .iter()
        .map(|partition| partition.error_code)
        .collect();
    assert_eq!(codes, [0, ErrorCode::UnknownTopicOrPartition.code()]);
    assert_eq!(rig.partition("t", 1).directories, [directory(3), directory(1)]);
    let beat = BrokerHeartbeatRequest {
        offline_log_dirs: vec![directory(3)],
        ..rig.beat(2)
    };
    rig.heartbeat(&beat);
    assert_eq!(rig.state.broker(NodeId(2)).unwrap().directories, [directory(2)]);
    assert_eq!((rig.partition("t", 0).leader.0, rig.partition("t", 1).leader.0), (2, 1));
    assert_eq!(rig.partition("t", 1).isr, nodes(&[1]));
}
