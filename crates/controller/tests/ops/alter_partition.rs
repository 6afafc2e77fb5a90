//! A leader changes who is in sync.

use crate::rig::{Rig, cluster_without_elr, nodes};
use controller::op::alter_partition::alter_partition;
use protocol::ErrorCode;
use protocol::messages::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use protocol::messages::alter_partition_response as answered;

/// The leader's request for that in-sync set, at the partition's current epochs.
fn request(rig: &Rig, topic: &str, index: i32, leader: i32, isr: &[i32]) -> AlterPartitionRequest {
    let partition = rig.partition(topic, index);
    let member = |id: &i32| BrokerState {
        broker_id: *id,
        broker_epoch: rig.epoch(*id).0,
    };
    let data = PartitionData {
        partition_index: index,
        leader_epoch: partition.leader_epoch.0,
        new_isr: Vec::new(),
        new_isr_with_epochs: isr.iter().map(member).collect(),
        leader_recovery_state: 0,
        partition_epoch: partition.partition_epoch.0,
    };
    AlterPartitionRequest {
        broker_id: leader,
        broker_epoch: rig.epoch(leader).0,
        topics: vec![TopicData {
            topic_id: rig.topic_id(topic),
            partitions: vec![data],
        }],
    }
}

fn send(rig: &mut Rig, request: &AlterPartitionRequest) -> answered::PartitionData {
    let response = rig.run(|state, cx| alter_partition(state, cx.settings, request));
    assert_eq!(response.error_code, 0);
    response.topics[0].partitions[0].clone()
}

pub fn join_isr(rig: &mut Rig, topic: &str, index: i32, leader: i32, isr: &[i32]) {
    let request = request(rig, topic, index, leader, isr);
    assert_eq!(send(rig, &request).error_code, 0);
}

#[test]
fn the_leader_grows_and_shrinks_the_in_sync_set() {
    let mut rig = cluster_without_elr(3);
    rig.create("t", &[&[1, 2, 3]], &[]);
    let shrink = request(&rig, "t", 0, 1, &[1, 3]);
    let answer = send(&mut rig, &shrink);
    assert_eq!(
        (answer.leader_id, answer.leader_epoch, answer.partition_epoch),
        (1, 0, 1)
    );
    assert_eq!(answer.isr, [1, 3]);
    join_isr(&mut rig, "t", 0, 1, &[1, 2, 3]);
    assert_eq!(rig.partition("t", 0).isr, nodes(&[1, 2, 3]));
    // The same again changes nothing and succeeds.
    let epoch = rig.partition("t", 0).partition_epoch;
    join_isr(&mut rig, "t", 0, 1, &[1, 2, 3]);
    assert_eq!(rig.partition("t", 0).partition_epoch, epoch);
}

#[test]
fn what_is_refused_and_how() {
    let mut rig = cluster_without_elr(3);
    rig.create("t", &[&[1, 2]], &[]);
    // Epochs above 0, so that there is something below them.
    rig.kill(1);
    rig.revive(1);
    let good = request(&rig, "t", 0, 2, &[2, 1]);
    let with = |change: &dyn Fn(&mut PartitionData)| {
        let mut request = good.clone();
        change(&mut request.topics[0].partitions[0]);
        request
    };
    let of_broker = |id: i32| AlterPartitionRequest {
        broker_id: id,
        broker_epoch: rig.epoch(id).0,
        ..good.clone()
    };
    let mut unknown_topic = good.clone();
    unknown_topic.topics[0].topic_id = base::Uuid([1; 16]);
    use ErrorCode::*;
    let cases = [
        (unknown_topic, UnknownTopicId),
        (with(&|it| it.partition_index = 9), UnknownTopicOrPartition),
        (with(&|it| it.leader_epoch += 1), NotController),
        (with(&|it| it.partition_epoch += 1), NotController),
        (with(&|it| it.leader_epoch -= 1), FencedLeaderEpoch),
        (with(&|it| it.partition_epoch -= 1), InvalidUpdateVersion),
        (of_broker(1), InvalidRequest),
        (
            with(&|it| it.new_isr_with_epochs.remove(0).broker_id = 0),
            InvalidRequest,
        ),
        (with(&|it| it.new_isr_with_epochs[1].broker_id = 3), InvalidRequest),
        (with(&|it| it.new_isr_with_epochs[1].broker_id = 2), InvalidRequest),
        (with(&|it| it.leader_recovery_state = 1), InvalidRequest),
        (with(&|it| it.leader_recovery_state = 9), InvalidRequest),
        (
            with(&|it| it.new_isr_with_epochs[1].broker_epoch -= 1),
            IneligibleReplica,
        ),
    ];
    for (request, code) in cases {
        assert_eq!(send(&mut rig, &request).error_code, code.code(), "{request:?}");
        assert_eq!(rig.written, []);
    }
    rig.kill(1);
    let fenced = request(&rig, "t", 0, 2, &[2, 1]);
    assert_eq!(send(&mut rig, &fenced).error_code, IneligibleReplica.code());
    let stale = AlterPartitionRequest {
        broker_epoch: 0,
        ..fenced
    };
    let response = rig.run(|state, cx| alter_partition(state, cx.settings, &stale));
    assert_eq!(response.error_code, StaleBrokerEpoch.code());
}

#[test]
fn old_requests_name_members_without_epochs() {
    let mut rig = cluster_without_elr(2);
    rig.create("t", &[&[1, 2]], &[]);
    let mut old = request(&rig, "t", 0, 1, &[]);
    old.topics[0].partitions[0].new_isr = vec![1];
    assert_eq!(send(&mut rig, &old).isr, [1]);
}
