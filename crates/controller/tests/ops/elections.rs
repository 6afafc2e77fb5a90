//! Elections that somebody asks for.

use crate::rig::{Rig, cluster_without_elr, nodes};
use controller::op::elect_leaders::elect_leaders;
use metadata::image::LeaderRecoveryState;
use protocol::ErrorCode;
use protocol::messages::elect_leaders_request::{ElectLeadersRequest, TopicPartitions};

fn elect(rig: &mut Rig, election_type: i8, topic: &str, partition: i32) -> (ErrorCode, Option<String>) {
    let partitions = vec![TopicPartitions {
        topic: topic.to_owned(),
        partitions: vec![partition],
    }];
    let request = ElectLeadersRequest {
        election_type,
        topic_partitions: Some(partitions),
        ..Default::default()
    };
    let response = rig.run(|state, cx| elect_leaders(state, cx.settings, &request));
    let result = &response.replica_election_results[0].partition_result[0];
    (ErrorCode::from(result.error_code), result.error_message.clone())
}

#[test]
fn preferred_leaders_come_back() {
    let mut rig = cluster_without_elr(2);
    rig.create("t", &[&[1, 2]], &[]);
    let needless = Some(ErrorCode::ElectionNotNeeded.message().to_owned());
    assert_eq!(elect(&mut rig, 0, "t", 0), (ErrorCode::ElectionNotNeeded, needless));
    rig.kill(1);
    assert_eq!(elect(&mut rig, 0, "t", 0).0, ErrorCode::PreferredLeaderNotAvailable);
    rig.revive(1);
    // It is back, but not in sync: the leader decides about that.
    assert_eq!(elect(&mut rig, 0, "t", 0).0, ErrorCode::PreferredLeaderNotAvailable);
    crate::alter_partition::join_isr(&mut rig, "t", 0, 2, &[2, 1]);
    assert_eq!(elect(&mut rig, 0, "t", 0), (ErrorCode::None, None));
    assert_eq!(rig.partition("t", 0).leader.0, 1);
    assert_eq!(
        elect(&mut rig, 0, "t", 5).1.as_deref(),
        Some("No such partition as t-5")
    );
    assert_eq!(elect(&mut rig, 0, "u", 0).1.as_deref(), Some("No such topic as u"));
    let all = ElectLeadersRequest {
        topic_partitions: None,
        ..Default::default()
    };
    let response = rig.run(|state, cx| elect_leaders(state, cx.settings, &all));
    assert_eq!(
        response.replica_election_results[0].partition_result,
        [],
        "needless elections are left out"
    );
    let unknown = ElectLeadersRequest {
        election_type: 7,
        ..all
    };
    let response = rig.run(|state, cx| elect_leaders(state, cx.settings, &unknown));
    assert_eq!(response.error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn an_unclean_leader_must_recover() {
    let mut rig = cluster_without_elr(2);
    rig.create("t", &[&[1, 2]], &[]);
    rig.kill(2);
    rig.kill(1);
    assert_eq!(elect(&mut rig, 1, "t", 0).0, ErrorCode::EligibleLeadersNotAvailable);
    rig.revive(2);
    assert_eq!(rig.partition("t", 0).isr, nodes(&[1]));
    assert_eq!(elect(&mut rig, 1, "t", 0), (ErrorCode::None, None));
    let partition = rig.partition("t", 0);
    assert_eq!((partition.leader.0, &partition.isr), (2, &nodes(&[2])));
    assert_eq!(partition.leader_recovery_state, LeaderRecoveryState::Recovering);
}

#[test]
fn a_topic_may_allow_unclean_elections_at_once() {
    let mut rig = cluster_without_elr(2);
    rig.create("t", &[&[1, 2]], &[("unclean.leader.election.enable", "true")]);
    rig.kill(2);
    rig.kill(1);
    rig.revive(2);
    let partition = rig.partition("t", 0);
    assert_eq!(
        (partition.leader.0, partition.leader_recovery_state),
        (2, LeaderRecoveryState::Recovering)
    );
}
