//! The voters change while the quorum works (KIP-853).

use crate::cut::PATIENCE;
use crate::members::{Members, directory, endpoint};
use crate::setup::{call, try_call};
use base::NodeId;
use metadata::Published;
use protocol::messages::add_raft_voter_request::{AddRaftVoterRequest, Listener};
use protocol::messages::describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData};
use protocol::messages::describe_quorum_response::PartitionData as Described;
use protocol::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use protocol::messages::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const DUPLICATE_VOTER: i16 = 126;
const VOTER_NOT_FOUND: i16 = 127;
const INCONSISTENT_CLUSTER_ID: i16 = 104;
const INVALID_REQUEST: i16 = 42;
const INVALID_UPDATE_VERSION: i16 = 95;

async fn describe(members: &Members, id: i32) -> Described {
    let log = TopicData {
        topic_name: "__cluster_metadata".to_owned(),
        partitions: vec![PartitionData { partition_index: 0 }],
    };
    let mut described = call(members.node(id), 2, &DescribeQuorumRequest { topics: vec![log] }).await;
    described.topics.remove(0).partitions.remove(0)
}

/// Waits until the observer `id` has everything, its own registration too, and the leader has heard of it.
async fn keeps_up(members: &Members, leader: i32, id: i32) {
    let is_registered = |published: &Published| published.image.controllers.get(NodeId(id)).is_some();
    members.shows(leader, is_registered).await;
    let heard = async {
        loop {
            let described = describe(members, leader).await;
            let mut voters = described.current_voters.iter();
            let end = voters.find(|voter| voter.replica_id == leader).unwrap().log_end_offset;
            let mut observers = described.observers.iter();
            if observers.any(|observer| observer.replica_id == id && observer.log_end_offset == end) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, heard)
        .await
        .unwrap_or_else(|_| panic!("node {id} does not keep up"));
}

/// The voters as the leader `id` has them.
pub async fn voters(members: &Members, id: i32) -> Vec<i32> {
    let described = describe(members, id).await;
    described.current_voters.iter().map(|voter| voter.replica_id).collect()
}

fn addition(members: &Members, id: i32) -> AddRaftVoterRequest {
    let endpoint = endpoint(members.port(id));
    AddRaftVoterRequest {
        cluster_id: None,
        timeout_ms: 10_000,
        voter_id: id,
        voter_directory_id: directory(id),
        listeners: vec![Listener {
            name: endpoint.listener,
            host: endpoint.host,
            port: endpoint.port,
        }],
        ack_when_committed: true,
    }
}

fn removal(id: i32) -> RemoveRaftVoterRequest {
    RemoveRaftVoterRequest {
        cluster_id: None,
        voter_id: id,
        voter_directory_id: directory(id),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_joins_and_another_leaves_while_all_works() {
    let mut members = Members::start_dynamic(11, 3, &[]).await;
    let (leader, epoch) = members.active_among(&[1, 2, 3], 0).await;
    assert_eq!(voters(&members, leader).await, [1, 2, 3]);
    members.join(4, "controller").await;
    keeps_up(&members, leader, 4).await;
    assert_eq!(members.node(4).active.borrow().id.map(|id| id.0), Some(leader));

    let elsewhere = AddRaftVoterRequest {
        cluster_id: Some("another".to_owned()),
        ..addition(&members, 4)
    };
    assert_eq!(
        call(members.node(leader), 1, &elsewhere).await.error_code,
        INCONSISTENT_CLUSTER_ID
    );
    let unreachable = AddRaftVoterRequest {
        listeners: Vec::new(),
        ..addition(&members, 4)
    };
    assert_eq!(
        call(members.node(leader), 1, &unreachable).await.error_code,
        INVALID_REQUEST
    );
    let added = call(members.node(leader), 1, &addition(&members, 4)).await;
    assert_eq!(added.error_code, 0, "{added:?}");
    assert_eq!(voters(&members, leader).await, [1, 2, 3, 4]);
    assert_eq!(
        call(members.node(leader), 1, &addition(&members, 4)).await.error_code,
        DUPLICATE_VOTER
    );

    let gone = if leader == 1 { 2 } else { 1 };
    let removed = call(members.node(leader), 0, &removal(gone)).await;
    assert_eq!(removed.error_code, 0, "{removed:?}");
    assert_eq!(
        call(members.node(leader), 0, &removal(gone)).await.error_code,
        VOTER_NOT_FOUND
    );
    let rest: Vec<i32> = [1, 2, 3, 4].into_iter().filter(|id| *id != gone).collect();
    assert_eq!(voters(&members, leader).await, rest);

    // The newcomer is one of the two that are left to elect.
    members.crash(leader).await;
    let left: Vec<i32> = rest.iter().copied().filter(|id| *id != leader).collect();
    let (next, _) = members.active_among(&left, epoch).await;
    assert_eq!(voters(&members, next).await, rest);
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_removed_makes_room_for_another() {
    let members = Members::start_dynamic(12, 3, &[]).await;
    let (leader, epoch) = members.active_among(&[1, 2, 3], 0).await;
    members.catches_up(leader, 1).await;
    let removed = try_call(&members.node(leader).controller, 0, &removal(leader)).await;
    assert!(
        removed.as_ref().is_ok_and(|removed| removed.error_code == 0),
        "{removed:?}"
    );
    let rest: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != leader).collect();
    let (next, _) = members.active_among(&rest, epoch).await;
    assert_eq!(voters(&members, next).await, rest);
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_may_joins_by_itself() {
    let mut members = Members::start_dynamic(13, 1, &["controller.quorum.auto.join.enable=true"]).await;
    let (leader, _) = members.active_among(&[1], 0).await;
    members.join(2, "controller").await;
    members.becomes_voter(leader, 2).await;
    assert_eq!(voters(&members, leader).await, [1, 2]);
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_follows_is_registered_too() {
    let members = Members::start(14, 3, &[]).await;
    members.active_among(&[1, 2, 3], 0).await;
    for id in [1, 2, 3] {
        members
            .shows(id, |published| published.image.controllers.iter().count() == 3)
            .await;
    }
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_addition_may_be_answered_before_it_is_committed() {
    let mut members = Members::start_dynamic(15, 1, &[]).await;
    let (leader, _) = members.active_among(&[1], 0).await;
    members.join(2, "controller").await;
    keeps_up(&members, leader, 2).await;
    // What the newcomer is asked gets through, and what it fetches does not: nothing is committed from here on.
    members.cut(2, leader);
    let early = AddRaftVoterRequest {
        ack_when_committed: false,
        ..addition(&members, 2)
    };
    let added = call(members.node(leader), 1, &early).await;
    assert_eq!(added.error_code, 0, "{added:?}");
    let described = describe(&members, leader).await;
    assert_eq!(described.current_voters.len(), 2);
    assert!(
        described.high_watermark < described.current_voters[0].log_end_offset,
        "{described:?}"
    );
    members.heal();
    members.active_among(&[1, 2], 0).await;
    members.catches_up(2, described.current_voters[0].log_end_offset).await;
    members.stop_all().await;
}

/// Raises `kraft.version` to 1 and answers the error.
async fn raise(members: &Members, id: i32) -> i16 {
    let raised = FeatureUpdateKey {
        feature: "kraft.version".to_owned(),
        max_version_level: 1,
        upgrade_type: 1,
        ..Default::default()
    };
    let update = UpdateFeaturesRequest {
        feature_updates: vec![raised],
        timeout_ms: 10_000,
        ..Default::default()
    };
    call(members.node(id), 2, &update).await.error_code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configured_voters_become_voters_of_the_log() {
    let mut members = Members::start(16, 3, &[]).await;
    let (leader, epoch) = members.active_among(&[1, 2, 3], 0).await;
    // The others tell the leader what they support, in their own time; before that it refuses.
    let began = Instant::now();
    loop {
        match raise(&members, leader).await {
            0 => break,
            INVALID_UPDATE_VERSION => assert!(began.elapsed() < PATIENCE, "the voters do not say what they support"),
            other => panic!("error {other}"),
        }
        // A pause between two attempts; nothing depends on how long it is.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let named = |described: Described| {
        let voters = described.current_voters.into_iter();
        voters
            .map(|voter| (voter.replica_id, voter.replica_directory_id))
            .collect::<Vec<_>>()
    };
    let expected: Vec<_> = [1, 2, 3].map(|id| (id, directory(id))).into();
    assert_eq!(named(describe(&members, leader).await), expected);
    let end = members.end(leader);
    members.crash(leader).await;
    let rest: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != leader).collect();
    let (next, _) = members.active_among(&rest, epoch).await;
    assert_eq!(named(describe(&members, next).await), expected);
    // From now on the voters can change, once the new leader's epoch is committed.
    members.catches_up(next, end + 1).await;
    let gone = call(members.node(next), 0, &removal(leader)).await;
    assert_eq!(gone.error_code, 0, "{gone:?}");
    assert_eq!(voters(&members, next).await, rest);
    members.stop_all().await;
}
