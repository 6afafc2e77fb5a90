//! Partitions move to other brokers.

use crate::alter_partition::join_isr;
use crate::rig::{Rig, cluster_without_elr, nodes};
use controller::op::alter_partition_reassignments::alter_partition_reassignments;
use controller::op::list_partition_reassignments::list_partition_reassignments;
use protocol::ErrorCode;
use protocol::messages::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsRequest;

fn reassign(rig: &mut Rig, topic: &str, index: i32, replicas: Option<&[i32]>) -> (ErrorCode, Option<String>) {
    reassign_with(rig, topic, index, replicas, true)
}

fn reassign_with(
    rig: &mut Rig,
    topic: &str,
    partition_index: i32,
    replicas: Option<&[i32]>,
    allow_replication_factor_change: bool,
) -> (ErrorCode, Option<String>) {
    let partition = ReassignablePartition {
        partition_index,
        replicas: replicas.map(<[i32]>::to_vec),
    };
    let request = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change,
        topics: vec![ReassignableTopic {
            name: topic.to_owned(),
            partitions: vec![partition],
        }],
        ..Default::default()
    };
    let response = rig.run(|state, cx| alter_partition_reassignments(state, cx.settings, &request));
    let result = &response.responses[0].partitions[0];
    (ErrorCode::from(result.error_code), result.error_message.clone())
}

/// Which partition, its replicas, who comes, who goes.
type Move = (String, Vec<i32>, Vec<i32>, Vec<i32>);

fn listed(rig: &mut Rig) -> Vec<Move> {
    let request = ListPartitionReassignmentsRequest {
        topics: None,
        ..Default::default()
    };
    let response = rig.run(|state, _| list_partition_reassignments(state, &request));
    let mut all = Vec::new();
    for topic in response.topics {
        for it in topic.partitions {
            let name = format!("{}-{}", topic.name, it.partition_index);
            all.push((name, it.replicas, it.adding_replicas, it.removing_replicas));
        }
    }
    all
}

#[test]
fn a_move_begins_grows_and_completes() {
    let mut rig = cluster_without_elr(4);
    rig.create("t", &[&[1, 2]], &[]);
    assert_eq!(reassign(&mut rig, "t", 0, Some(&[3, 4])), (ErrorCode::None, None));
    assert_eq!(
        listed(&mut rig),
        [("t-0".to_owned(), vec![3, 4, 1, 2], vec![3, 4], vec![1, 2])]
    );
    let moving = rig.partition("t", 0);
    assert_eq!((moving.leader.0, moving.leader_epoch.0), (1, 0));
    assert_eq!(moving.directories, [3, 4, 1, 2].map(crate::rig::directory));
    join_isr(&mut rig, "t", 0, 1, &[1, 2, 3]);
    assert_eq!(listed(&mut rig).len(), 1);
    // The last newcomer is in sync: the old ones go, and with them the leader.
    complete(&mut rig);
    assert_eq!(listed(&mut rig), []);
    let done = rig.partition("t", 0);
    assert_eq!(
        (&done.replicas, &done.isr, done.leader.0),
        (&nodes(&[3, 4]), &nodes(&[3, 4]), 3)
    );
    assert_eq!(done.leader_epoch.0, 1);
}

/// The old leader reports everybody in sync and learns that it no longer leads.
fn complete(rig: &mut Rig) {
    use protocol::messages::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
    let partition = rig.partition("t", 0);
    let member = |id: i32| BrokerState {
        broker_id: id,
        broker_epoch: rig.epoch(id).0,
    };
    let data = PartitionData {
        partition_index: 0,
        leader_epoch: partition.leader_epoch.0,
        partition_epoch: partition.partition_epoch.0,
        new_isr_with_epochs: [1, 2, 3, 4].map(member).to_vec(),
        ..Default::default()
    };
    let request = AlterPartitionRequest {
        broker_id: 1,
        broker_epoch: rig.epoch(1).0,
        topics: vec![TopicData {
            topic_id: rig.topic_id("t"),
            partitions: vec![data],
        }],
    };
    let response = rig.run(|state, cx| controller::op::alter_partition::alter_partition(state, cx.settings, &request));
    assert_eq!(
        response.topics[0].partitions[0].error_code,
        ErrorCode::NewLeaderElected.code()
    );
}

#[test]
fn a_move_can_be_taken_back() {
    let mut rig = cluster_without_elr(3);
    rig.create("t", &[&[1, 2]], &[]);
    reassign(&mut rig, "t", 0, Some(&[3, 1]));
    assert_eq!(reassign(&mut rig, "t", 0, None), (ErrorCode::None, None));
    let back = rig.partition("t", 0);
    assert_eq!((&back.replicas, back.is_reassigning()), (&nodes(&[1, 2]), false));
    assert_eq!(
        reassign(&mut rig, "t", 0, None),
        (ErrorCode::NoReassignmentInProgress, None)
    );
}

#[test]
fn what_is_refused_and_how() {
    let mut rig = cluster_without_elr(3);
    rig.create("t", &[&[1, 2]], &[]);
    use ErrorCode::{InvalidReplicaAssignment, InvalidReplicationFactor, UnknownTopicOrPartition};
    let message = |text: &str| Some(text.to_owned());
    let cases: [(&str, i32, &[i32], ErrorCode, &str); 5] = [
        ("u", 0, &[1], UnknownTopicOrPartition, "Unable to find a topic named u."),
        ("t", 1, &[1], UnknownTopicOrPartition, "Unable to find partition t:1."),
        (
            "t",
            0,
            &[],
            InvalidReplicaAssignment,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            "t",
            0,
            &[1, 8],
            InvalidReplicaAssignment,
            "The manual partition assignment includes broker 8, but no such broker is registered.",
        ),
        (
            "t",
            0,
            &[2, 2],
            InvalidReplicaAssignment,
            "The manual partition assignment includes the broker 2 more than once.",
        ),
    ];
    for (topic, index, replicas, code, text) in cases {
        assert_eq!(reassign(&mut rig, topic, index, Some(replicas)), (code, message(text)));
    }
    let changed = reassign_with(&mut rig, "t", 0, Some(&[1, 2, 3]), false);
    assert_eq!(
        changed,
        (
            InvalidReplicationFactor,
            message("The replication factor is changed from 2 to 3")
        )
    );
    assert_eq!(reassign(&mut rig, "t", 0, Some(&[1, 2])), (ErrorCode::None, None));
    assert_eq!(rig.written, [], "to where it is already nothing needs to move");
    assert_eq!(reassign(&mut rig, "t", 0, Some(&[2, 1])), (ErrorCode::None, None));
    assert_eq!(
        rig.partition("t", 0).replicas,
        nodes(&[2, 1]),
        "a new order is taken over at once"
    );
}
