//! Three voters: one leads, the others follow, and any one of them may go.

use crate::cut::PATIENCE;
use crate::members::{Members, directory};
use crate::setup::{call, try_call};
use protocol::messages::broker_registration_request::BrokerRegistrationRequest;
use protocol::messages::describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData};
use quorum::RequestError;
use tokio::time::timeout;

const NOT_CONTROLLER: i16 = 41;
const ALL: [i32; 3] = [1, 2, 3];

/// Registers broker `100 + number` with node `id`, and says which error that was.
pub async fn register(members: &Members, id: i32, number: u8) -> i16 {
    let node = members.node(id);
    // The features, which a registration names, are known once they are committed.
    members.catches_up(id, 1).await;
    let request = BrokerRegistrationRequest {
        broker_id: 100 + i32::from(number),
        log_dirs: vec![directory(100 + i32::from(number))],
        ..crate::setup::registration(node, number)
    };
    let answer = timeout(PATIENCE, try_call(&node.controller, 4, &request)).await;
    match answer.unwrap_or_else(|_| panic!("node {id} neither answers nor refuses")) {
        Ok(response) => response.error_code,
        Err(RequestError::NotController) => NOT_CONTROLLER,
        Err(error) => panic!("node {id}: {error}"),
    }
}

/// Which of the brokers that [`register`] registers node `id` knows.
pub fn registered(members: &Members, id: i32) -> Vec<i32> {
    let image = members.node(id).published.borrow().image.clone();
    image.brokers.iter().map(|broker| broker.id.0).collect()
}

/// The other two of three.
pub fn others(of: i32) -> Vec<i32> {
    ALL.into_iter().filter(|id| *id != of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_voters_elect_one_and_all_of_them_show_what_it_decides() {
    let members = Members::start(1, 3, &[]).await;
    let (leader, epoch) = members.active_among(&ALL, 0).await;
    assert_eq!(register(&members, leader, 1).await, 0);
    let end = members.end(leader);
    for id in ALL {
        members.catches_up(id, end).await;
        assert_eq!(registered(&members, id), [101]);
    }
    let follower = others(leader)[0];
    assert_eq!(register(&members, follower, 2).await, NOT_CONTROLLER);
    let log = TopicData {
        topic_name: "__cluster_metadata".to_owned(),
        partitions: vec![PartitionData { partition_index: 0 }],
    };
    let described = call(members.node(leader), 2, &DescribeQuorumRequest { topics: vec![log] }).await;
    let partition = &described.topics[0].partitions[0];
    assert_eq!((partition.leader_id, partition.leader_epoch), (leader, epoch));
    assert_eq!(partition.current_voters.len(), 3);
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_one_may_lose_its_power_and_nothing_answered_is_lost() {
    let mut members = Members::start(2, 3, &[]).await;
    let mut expected = Vec::new();
    let mut epoch = 0;
    for round in 0..6 {
        let everybody = members.running();
        let (leader, now) = members.active_among(&everybody, epoch).await;
        assert_eq!(register(&members, leader, round + 1).await, 0, "round {round}");
        expected.push(101 + i32::from(round));
        let end = members.end(leader);
        // In turn the leader, and one that follows.
        let victim = if round % 2 == 0 { leader } else { others(leader)[0] };
        members.crash(victim).await;
        let rest = others(victim);
        let (leader, later) = members
            .active_among(&rest, if victim == leader { now } else { now - 1 })
            .await;
        for id in &rest {
            members.catches_up(*id, end).await;
            assert_eq!(registered(&members, *id), expected, "round {round}, node {id}");
        }
        members.restart(victim).await;
        members.catches_up(victim, members.end(leader)).await;
        assert_eq!(
            registered(&members, victim),
            expected,
            "round {round}, node {victim} again"
        );
        epoch = later - 1;
    }
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_hands_over() {
    let mut members = Members::start(3, 3, &[]).await;
    let (leader, epoch) = members.active_among(&ALL, 0).await;
    members.stop(leader).await;
    let (next, _) = members.active_among(&others(leader), epoch).await;
    assert_eq!(register(&members, next, 1).await, 0);
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_cut_off_gives_up_what_it_wrote_alone() {
    let members = Members::start(4, 3, &[]).await;
    let (old, epoch) = members.active_among(&ALL, 0).await;
    members.catches_up(old, 1).await;
    members.cut_off(old);
    // Nobody hears of it: it is refused once that is clear.
    let alone = register(&members, old, 1);
    let elsewhere = async {
        let (new, _) = members.active_among(&others(old), epoch).await;
        assert_eq!(register(&members, new, 2).await, 0);
        new
    };
    let (refused, new) = tokio::join!(alone, elsewhere);
    assert_eq!(refused, NOT_CONTROLLER);
    members.heal();
    members.catches_up(old, members.end(new)).await;
    assert_eq!(registered(&members, old), [102]);
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_observes() {
    let mut members = Members::start(5, 3, &[]).await;
    members.join(7, "broker").await;
    let (leader, epoch) = members.active_among(&[1, 2, 3, 7][..3], 0).await;
    assert_eq!(register(&members, leader, 1).await, 0);
    members.catches_up(7, members.end(leader)).await;
    assert_eq!(registered(&members, 7), [101]);
    members.crash(leader).await;
    let (next, _) = members.active_among(&others(leader), epoch).await;
    assert_eq!(register(&members, next, 2).await, 0);
    members.catches_up(7, members.end(next)).await;
    assert_eq!(registered(&members, 7), [101, 102]);
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_cut_off_comes_back_without_another_election() {
    let members = Members::start(6, 3, &[]).await;
    let (leader, epoch) = members.active_among(&ALL, 0).await;
    let alone = others(leader)[0];
    members.cut_off(alone);
    members.asks_in_vain(alone).await;
    assert_eq!(register(&members, leader, 1).await, 0);
    members.heal();
    members.catches_up(alone, members.end(leader)).await;
    assert_eq!(members.active_among(&ALL, 0).await, (leader, epoch));
    members.stop_all().await;
}
