//! Stories of consumer groups (KIP-848), told to the machine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod host;

use expect_test::{Expect, expect};
use group_coordinator::op::consumer_group_heartbeat::{MemberIds, check};
use group_coordinator::op::delete_groups::delete_groups;
use group_coordinator::op::offset_delete::offset_delete;
use group_coordinator::op::offset_fetch::offset_fetch;
use group_coordinator::op::topics_found::topics_found;
use group_coordinator::settings::GroupOverrides;
use group_coordinator::{Answer, Lost};
use host::consumers::{Client, ConsumerHost, HEARTBEAT, eager, id, picture, settle, started, topic};
use host::{Host, LogMood, join, settings};
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::{ConsumerGroupHeartbeatRequest, TopicPartitions};
use protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use std::time::Duration;

fn check_described(host: &Host, expected: &Expect) {
    expected.assert_eq(&host.described());
}

#[test]
fn the_first_member_gets_everything() {
    let mut host = started();
    let mut alice = Client::new("alice");
    assert_eq!(alice.beat(&mut host), ErrorCode::None);
    assert_eq!((alice.epoch, alice.partitions()), (2, vec![0, 1, 2, 3]));
    check_described(
        &host,
        &expect![[r#"
            Stable epoch 2 target 2 uniform
            alice epoch 2 has t[0, 1, 2, 3] target t[0, 1, 2, 3]
        "#]],
    );
    assert_eq!(host.state(), "consumer consumer Stable");
    // The records are those of Apache Kafka 4.3, in its order.
    expect![[r#"
        Member
        Group
        Target
        TargetMetadata
        Current
    "#]]
    .assert_eq(&host.last_records(5));
    // Nothing new is said of what the member knows.
    let before = host.log.len();
    let response = host.consumer_heartbeat(alice.request());
    assert_eq!((response.member_epoch, response.heartbeat_interval_ms), (2, 5_000));
    let again = host.consumer_heartbeat(ConsumerGroupHeartbeatRequest {
        topic_partitions: None,
        ..alice.request()
    });
    assert_eq!(again.assignment, None);
    assert_eq!(host.log.len(), before);
}

#[test]
fn a_partition_moves_once_it_is_given_back() {
    let mut host = started();
    let (mut alice, mut bob) = (Client::new("alice"), Client::new("bob"));
    alice.beat(&mut host);
    bob.beat(&mut host);
    assert_eq!((bob.epoch, bob.partitions()), (3, vec![]), "alice still has everything");
    check_described(
        &host,
        &expect![[r#"
            Reconciling epoch 3 target 3 uniform
            alice epoch 2 has t[0, 1, 2, 3] target t[0, 1]
            bob epoch 3 has  target t[2, 3]
        "#]],
    );
    alice.told = false;
    alice.beat(&mut host);
    assert_eq!(
        (alice.epoch, alice.partitions()),
        (2, vec![0, 1]),
        "it is to give the others back first"
    );
    assert_eq!(host.state(), "consumer consumer Reconciling");
    bob.beat(&mut host);
    assert_eq!(bob.partitions(), Vec::<i32>::new());
    alice.beat(&mut host);
    assert_eq!(
        (alice.epoch, alice.partitions()),
        (3, vec![0, 1]),
        "it says that it has, and is up to date"
    );
    bob.beat(&mut host);
    assert_eq!((bob.epoch, bob.partitions()), (3, vec![2, 3]));
    assert_eq!(host.state(), "consumer consumer Stable");
    // Bob leaves, and alice gets its part.
    assert_eq!(bob.leave(&mut host, -1).member_epoch, -1);
    expect![[r#"
        Current ends
        Target ends
        Member ends
        Group
    "#]]
    .assert_eq(&host.last_records(4));
    alice.beat(&mut host);
    assert_eq!((alice.epoch, alice.partitions()), (4, vec![0, 1, 2, 3]));
}

#[test]
fn whoever_is_silent_is_fenced() {
    let mut host = started();
    let (mut alice, mut bob) = (Client::new("alice"), Client::new("bob"));
    settle(&mut host, &mut [&mut alice, &mut bob]);
    for _ in 0..9 {
        host.advance(HEARTBEAT);
        assert_eq!(alice.beat(&mut host), ErrorCode::None);
    }
    assert_eq!(bob.beat(&mut host), ErrorCode::UnknownMemberId);
    assert_eq!(alice.partitions(), vec![0, 1, 2, 3]);
    // A group may have a timeout of its own.
    let mut picture = picture();
    let set = GroupOverrides {
        session_timeout: Some(Duration::from_secs(3)),
        heartbeat_interval_ms: Some(1_000),
        assignment_interval: None,
    };
    picture.overrides.insert("g".into(), set);
    host.see(picture);
    let response = host.consumer_heartbeat(alice.request());
    assert_eq!(response.heartbeat_interval_ms, 1_000);
    host.advance(Duration::from_secs(3));
    assert_eq!(alice.beat(&mut host), ErrorCode::UnknownMemberId);
    assert_eq!(host.state(), "consumer consumer Empty");
}

#[test]
fn whoever_gives_nothing_back_in_time_is_fenced() {
    let mut host = started();
    let (mut alice, mut bob) = (Client::new("alice"), Client::new("bob"));
    alice.beat(&mut host);
    bob.beat(&mut host);
    // Alice stays alive and does not say what it has: it may still work on what it is to give back.
    for _ in 0..13 {
        alice.told = false;
        alice.beat(&mut host);
        bob.beat(&mut host);
        host.advance(HEARTBEAT);
    }
    assert_eq!(
        alice.beat(&mut host),
        ErrorCode::UnknownMemberId,
        "its rebalance timeout is over"
    );
    bob.beat(&mut host);
    assert_eq!(bob.partitions(), vec![0, 1, 2, 3]);
}

#[test]
fn epochs_are_checked() {
    let mut host = started();
    let mut alice = Client::new("alice");
    alice.beat(&mut host);
    let at = |host: &mut Host, epoch: i32, owned: Option<&[i32]>| {
        let response = host.consumer_heartbeat(ConsumerGroupHeartbeatRequest {
            group_id: "g".into(),
            member_id: "alice".into(),
            member_epoch: epoch,
            topic_partitions: owned.map(|partitions| {
                vec![TopicPartitions {
                    topic_id: id(b't'),
                    partitions: partitions.to_vec(),
                }]
            }),
            ..Default::default()
        });
        (ErrorCode::from(response.error_code), response.error_message)
    };
    let greater = "The consumer group member has a greater member epoch (3) than the one known by the group coordinator (2). The member must abandon all its partitions and rejoin.";
    assert_eq!(
        at(&mut host, 3, None),
        (ErrorCode::FencedMemberEpoch, Some(greater.into()))
    );
    let smaller = "The consumer group member has a smaller member epoch (1) than the one known by the group coordinator (2). The member must abandon all its partitions and rejoin.";
    assert_eq!(
        at(&mut host, 1, None),
        (ErrorCode::FencedMemberEpoch, Some(smaller.into()))
    );
    // The answer that brought epoch 3 was lost.
    let mut bob = Client::new("bob");
    bob.beat(&mut host);
    bob.leave(&mut host, -1);
    assert_eq!(at(&mut host, 2, Some(&[0, 1, 2, 3])).0, ErrorCode::None);
    assert_eq!(
        at(&mut host, 2, Some(&[0, 1])).0,
        ErrorCode::None,
        "what it has is within what it was given"
    );
    assert_eq!(at(&mut host, 2, Some(&[7])).0, ErrorCode::FencedMemberEpoch);
    assert_eq!(at(&mut host, 2, None).0, ErrorCode::FencedMemberEpoch);
    // It may begin anew at any time.
    let mut again = Client::new("alice");
    assert_eq!(again.beat(&mut host), ErrorCode::None);
    assert_eq!(again.partitions(), vec![0, 1, 2, 3]);
}

#[test]
fn who_is_not_there_is_unknown() {
    let mut host = started();
    let mut nobody = Client::new("nobody");
    nobody.epoch = 5;
    let response = host.consumer_heartbeat(nobody.request());
    assert_eq!(response.error_message.as_deref(), Some("Consumer group g not found."));
    let response = nobody.leave(&mut host, -1);
    assert_eq!(response.error_message.as_deref(), Some("Group g not found."));
    Client::new("alice").beat(&mut host);
    nobody.epoch = 5;
    let response = host.consumer_heartbeat(nobody.request());
    assert_eq!(
        response.error_message.as_deref(),
        Some("Member nobody is not a member of group g.")
    );
    let response = nobody.leave(&mut host, -1);
    assert_eq!(ErrorCode::from(response.error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn a_static_member_comes_back_to_its_part() {
    let mut host = started();
    let (mut alice, mut bob) = (Client::named("a1", "alice"), Client::named("b1", "bob"));
    settle(&mut host, &mut [&mut alice, &mut bob]);
    let part = alice.partitions();
    let mut thief = Client::named("a2", "alice");
    let response = host.consumer_heartbeat(thief.request());
    let taken =
        "Static member a2 with instance id alice cannot join the group because the instance id is owned by a1 member.";
    assert_eq!(ErrorCode::from(response.error_code), ErrorCode::UnreleasedInstanceId);
    assert_eq!(response.error_message.as_deref(), Some(taken));
    let epoch = alice.epoch;
    let response = alice.leave(&mut host, -2);
    assert_eq!((response.member_epoch, response.error_code), (-2, 0));
    bob.beat(&mut host);
    assert_eq!(bob.epoch, epoch, "nobody else moves");
    assert_eq!(thief.beat(&mut host), ErrorCode::None);
    assert_eq!((thief.epoch, thief.partitions()), (epoch, part));
    // The old id is fenced.
    alice.epoch = epoch;
    assert_eq!(alice.beat(&mut host), ErrorCode::FencedInstanceId);
    let mut stranger = Client::named("s", "stranger");
    stranger.epoch = 3;
    let response = host.consumer_heartbeat(stranger.request());
    assert_eq!(
        response.error_message.as_deref(),
        Some("Instance id stranger is unknown.")
    );
    // Who is away for too long is out.
    thief.leave(&mut host, -2);
    for _ in 0..9 {
        host.advance(HEARTBEAT);
        bob.beat(&mut host);
    }
    assert_eq!(bob.partitions(), vec![0, 1, 2, 3]);
}

#[test]
fn new_partitions_and_topics_move_the_epoch_on() {
    let mut host = started();
    let mut alice = Client::new("alice");
    alice.topics.push("v".into());
    alice.beat(&mut host);
    let mut grown = picture();
    grown.topics.begin(11);
    grown.topics.insert(topic("t", 6));
    host.see(grown.clone());
    alice.beat(&mut host);
    assert_eq!((alice.epoch, alice.partitions()), (3, vec![0, 1, 2, 3, 4, 5]));
    grown.topics.begin(12);
    grown.topics.insert(topic("v", 1));
    host.see(grown.clone());
    alice.beat(&mut host);
    assert_eq!((alice.epoch, alice.partitions().len()), (4, 7));
    // A topic that it does not read changes nothing; one that goes takes its partitions along.
    grown.topics.begin(13);
    grown.topics.insert(topic("u", 9));
    host.see(grown.clone());
    alice.beat(&mut host);
    assert_eq!(alice.epoch, 4);
    grown.topics.begin(14);
    grown.topics.remove(id(b't'));
    host.see(grown);
    settle(&mut host, &mut [&mut alice]);
    assert_eq!((alice.epoch, alice.partitions()), (5, vec![0]));
}

#[test]
fn what_is_not_read_any_more_is_taken_at_once() {
    let mut host = started();
    let mut alice = Client::new("alice");
    alice.topics.push("u".into());
    alice.beat(&mut host);
    assert_eq!(alice.partitions().len(), 6);
    let mut request = alice.request();
    request.subscribed_topic_names = Some(vec!["u".into()]);
    request.topic_partitions = None;
    let response = host.consumer_heartbeat(request);
    let left = response.assignment.unwrap().topic_partitions;
    assert_eq!(left.iter().map(|topic| topic.topic_id).collect::<Vec<_>>(), [id(b'u')]);
    assert_eq!(response.member_epoch, 2, "it has yet to give the others back");
}

#[test]
fn targets_are_computed_once_in_an_interval() {
    let mut host = Host::new(settings());
    host.see(picture());
    let (mut alice, mut bob, mut carol) = (Client::new("alice"), Client::new("bob"), Client::new("carol"));
    alice.beat(&mut host);
    bob.beat(&mut host);
    carol.beat(&mut host);
    check_described(
        &host,
        &expect![[r#"
            Assigning epoch 4 target 2 uniform
            alice epoch 2 has t[0, 1, 2, 3] target t[0, 1, 2, 3]
            bob epoch 2 has  target 
            carol epoch 2 has  target 
        "#]],
    );
    host.advance(Duration::from_secs(1));
    settle(&mut host, &mut [&mut alice, &mut bob, &mut carol]);
    check_described(
        &host,
        &expect![[r#"
            Stable epoch 4 target 4 uniform
            alice epoch 4 has t[0, 1] target t[0, 1]
            bob epoch 4 has t[3] target t[3]
            carol epoch 4 has t[2] target t[2]
        "#]],
    );
}

/// The next coordinator's clock is a minute behind.
#[test]
fn a_target_from_the_future_keeps_nobody_waiting() {
    let mut host = Host::new(settings());
    host.see(picture());
    host.advance(Duration::from_secs(60));
    let (mut alice, mut bob) = (Client::new("alice"), Client::new("bob"));
    alice.beat(&mut host);
    let mut host = Host::load(settings(), host.log, 1_000, 2);
    host.see(picture());
    settle(&mut host, &mut [&mut alice, &mut bob]);
    assert_eq!((alice.partitions().len(), bob.partitions().len()), (2, 2));
}

#[test]
fn a_group_has_room_for_so_many() {
    let mut settings = eager();
    settings.consumer.max_size = 1;
    let mut host = Host::new(settings);
    host.see(picture());
    Client::new("alice").beat(&mut host);
    let response = host.consumer_heartbeat(Client::new("bob").request());
    assert_eq!(ErrorCode::from(response.error_code), ErrorCode::GroupMaxSizeReached);
    let message = "The consumer group has reached its maximum capacity of 1 members.";
    assert_eq!(response.error_message.as_deref(), Some(message));
}

#[test]
fn the_coordinator_makes_ids_for_old_clients() {
    let mut host = started();
    let response = host.consumer_heartbeat(Client::new("").request());
    let given = response.member_id.unwrap();
    assert_eq!(given.len(), 22, "{given}");
    assert_eq!(response.member_epoch, 2);
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    type Change = fn(&mut ConsumerGroupHeartbeatRequest);
    let cases: [(Change, &str); 11] = [
        (|request| request.member_id.clear(), "MemberId can't be empty."),
        (|request| request.group_id = " ".into(), "GroupId can't be empty."),
        (
            |request| request.instance_id = Some(String::new()),
            "InstanceId can't be empty.",
        ),
        (
            |request| request.rack_id = Some(String::new()),
            "RackId can't be empty.",
        ),
        (
            |request| request.rebalance_timeout_ms = -1,
            "RebalanceTimeoutMs must be provided in first request.",
        ),
        (
            |request| request.topic_partitions = None,
            "TopicPartitions must be empty when (re-)joining.",
        ),
        (
            |request| request.topic_partitions = Some(vec![TopicPartitions::default()]),
            "TopicPartitions must be empty when (re-)joining.",
        ),
        (
            |request| request.subscribed_topic_names = None,
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
        (|request| request.member_epoch = -2, "InstanceId can't be null."),
        (|request| request.member_epoch = -3, "MemberEpoch is invalid."),
        (
            |request| request.server_assignor = Some("custom".into()),
            "ServerAssignor custom is not supported. Supported assignors: uniform, range.",
        ),
    ];
    let assignors = settings().consumer.assignors;
    for (change, message) in cases {
        let mut request = Client::new("alice").request();
        change(&mut request);
        let refusal = check(&request, MemberIds::FromClient, &assignors).unwrap_err();
        assert_eq!(refusal.message, message);
    }
    let mut request = Client::new("").request();
    assert_eq!(check(&request, MemberIds::FromCoordinator, &assignors), Ok(()));
    request.member_epoch = -1;
    assert!(check(&request, MemberIds::FromCoordinator, &assignors).is_err());
}

#[test]
fn a_coordinator_that_takes_over_knows_the_group() {
    let mut host = started();
    let (mut alice, mut bob) = (Client::new("alice"), Client::new("bob"));
    settle(&mut host, &mut [&mut alice, &mut bob]);
    let before = host.described();
    let mut host = host.fail_over();
    host.see(picture());
    assert_eq!(host.described(), before);
    settle(&mut host, &mut [&mut alice, &mut bob]);
    assert_eq!(host.described(), before, "nobody has to move");
    // Their sessions count again.
    host.advance(Duration::from_secs(46));
    assert_eq!(host.state(), "consumer consumer Empty");
    let host = host.fail_over();
    assert_eq!(host.state(), "consumer consumer Empty");
}

#[test]
fn what_is_not_committed_has_not_happened() {
    let mut host = started();
    let mut alice = Client::new("alice");
    alice.beat(&mut host);
    host.mood = LogMood::Fails(Lost::Replicas);
    let mut bob = Client::new("bob");
    assert_eq!(bob.beat(&mut host), ErrorCode::CoordinatorNotAvailable);
    // Neither are members forgotten whose end could not be written: it is tried again.
    host.advance(Duration::from_secs(46));
    assert_eq!(host.state(), "consumer consumer Stable");
    host.mood = LogMood::Commits;
    host.advance(Duration::from_secs(1));
    assert_eq!(host.state(), "consumer consumer Empty");
}

#[test]
fn offsets_are_committed_by_epoch() {
    let mut host = started();
    let (mut alice, mut bob) = (Client::new("alice"), Client::new("bob"));
    alice.beat(&mut host);
    let commit = |host: &mut Host, member: &str, epoch, partition| {
        let mut request = host::commit_request(member, epoch, partition, 7);
        request.topics[0].topic_id = id(b't');
        host.commit_error_of(request)
    };
    assert_eq!(
        commit(&mut host, "", -1, 0),
        ErrorCode::UnknownMemberId,
        "only while nobody is in it"
    );
    assert_eq!(commit(&mut host, "alice", 2, 0), ErrorCode::None);
    assert_eq!(commit(&mut host, "alice", 3, 0), ErrorCode::StaleMemberEpoch);
    settle(&mut host, &mut [&mut alice, &mut bob]);
    assert_eq!((alice.epoch, alice.partitions()), (3, vec![0, 1]));
    assert_eq!(
        commit(&mut host, "alice", 2, 0),
        ErrorCode::None,
        "it has had the partition since"
    );
    assert_eq!(
        commit(&mut host, "alice", 2, 2),
        ErrorCode::StaleMemberEpoch,
        "that one is bob's now"
    );
    assert_eq!(commit(&mut host, "bob", 2, 2), ErrorCode::StaleMemberEpoch);
    assert_eq!(commit(&mut host, "carol", 3, 0), ErrorCode::UnknownMemberId);
    let fetch = |host: &Host, member: Option<&str>, epoch| {
        let request = OffsetFetchRequestGroup {
            group_id: "g".into(),
            member_id: member.map(str::to_owned),
            member_epoch: epoch,
            topics: Some(vec![OffsetFetchRequestTopics {
                name: "t".into(),
                partition_indexes: vec![0],
                ..Default::default()
            }]),
        };
        let fetched = offset_fetch(host.runtime.committed(), &request);
        let offset = fetched.topics.first().map(|topic| topic.partitions[0].committed_offset);
        (ErrorCode::from(fetched.error_code), offset)
    };
    assert_eq!(fetch(&host, None, -1), (ErrorCode::None, Some(7)));
    assert_eq!(fetch(&host, Some("alice"), 3), (ErrorCode::None, Some(7)));
    assert_eq!(fetch(&host, Some("alice"), 2), (ErrorCode::StaleMemberEpoch, None));
    assert_eq!(fetch(&host, Some("carol"), 3), (ErrorCode::UnknownMemberId, None));
}

#[test]
fn an_empty_group_can_be_deleted_and_change_its_protocol() {
    let mut host = started();
    let mut alice = Client::new("alice");
    alice.beat(&mut host);
    let delete = |host: &mut Host| {
        let token = host.run(|coordinator, state, moment, token| {
            delete_groups(coordinator, state, moment, vec!["g".into()], token)
        });
        match host.answer(token) {
            Some(Answer::DeleteGroups(results)) => ErrorCode::from(results[0].error_code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(delete(&mut host), ErrorCode::NonEmptyGroup);
    alice.leave(&mut host, -1);
    assert_eq!(delete(&mut host), ErrorCode::None);
    assert_eq!(host.state(), "");
    // Empty groups may be of the other protocol at any time, and keep their offsets.
    Client::new("alice").beat(&mut host);
    alice.leave(&mut host, -1);
    host.commit_offset("", -1, 0, 42);
    host.given_id(join(""));
    assert_eq!(host.state(), "classic  Empty");
    assert_eq!(host.committed_offset(0), Some(42));
    assert_eq!(Client::new("alice").beat(&mut host), ErrorCode::None);
    assert_eq!(host.state(), "consumer consumer Stable");
    assert_eq!(host.committed_offset(0), Some(42));
    let host = host.fail_over();
    assert_eq!(host.state(), "consumer consumer Stable");
    assert_eq!(host.committed_offset(0), Some(42));
}

#[test]
fn offsets_that_somebody_reads_stay() {
    let mut settings = eager();
    settings.offsets_retention = Duration::from_secs(60);
    settings.offsets_retention_check_interval = Duration::from_secs(10);
    let mut host = Host::new(settings);
    host.see(picture());
    let mut alice = Client::new("alice");
    alice.beat(&mut host);
    let mut request = host::commit_request("alice", 2, 0, 7);
    request.topics[0].topic_id = id(b't');
    assert_eq!(host.commit_error_of(request), ErrorCode::None);
    let delete = |host: &mut Host| {
        let request = OffsetDeleteRequest {
            group_id: "g".into(),
            topics: vec![OffsetDeleteRequestTopic {
                name: "t".into(),
                partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
            }],
        };
        let token =
            host.run(|coordinator, state, moment, token| offset_delete(coordinator, state, moment, request, token));
        match host.answer(token) {
            Some(Answer::OffsetDelete(response)) => ErrorCode::from(response.topics[0].partitions[0].error_code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(delete(&mut host), ErrorCode::GroupSubscribedToTopic);
    for _ in 0..20 {
        host.advance(HEARTBEAT);
        alice.beat(&mut host);
    }
    assert_eq!(host.committed_offset(0), Some(7), "it is read");
    // Once nobody reads it, it is past its time, and the group with it.
    alice.leave(&mut host, -1);
    host.advance(Duration::from_secs(10));
    assert_eq!(host.committed_offset(0), None);
    assert_eq!(host.state(), "");
}

#[test]
fn topics_are_searched_by_regular_expression() {
    let mut host = started();
    let mut alice = Client::new("alice");
    let mut request = alice.request();
    request.subscribed_topic_names = None;
    request.subscribed_topic_regex = Some("[tv]".into());
    let response = host.consumer_heartbeat(request.clone());
    assert_eq!(
        (
            response.member_epoch,
            response.assignment.unwrap().topic_partitions.len()
        ),
        (1, 0)
    );
    assert_eq!(host.search(), 1, "what it matches is looked for elsewhere");
    alice.epoch = 1;
    alice.beat(&mut host);
    assert_eq!((alice.epoch, alice.partitions()), (2, vec![0, 1, 2, 3]));
    // A new topic is found once ten seconds have gone by.
    let mut grown = picture();
    grown.topics.begin(11);
    grown.topics.insert(topic("v", 1));
    host.see(grown);
    alice.beat(&mut host);
    assert_eq!(host.search(), 0);
    host.advance(Duration::from_secs(11));
    alice.beat(&mut host);
    assert_eq!(host.search(), 1);
    settle(&mut host, &mut [&mut alice]);
    assert_eq!(alice.partitions().len(), 5);
    // What a coordinator takes over is resolved already.
    let mut host = host.fail_over();
    host.see(picture());
    settle(&mut host, &mut [&mut alice]);
    assert_eq!(alice.partitions().len(), 4, "there is no v any more");
    request.subscribed_topic_regex = Some("(unclosed".into());
    let response = host.consumer_heartbeat(request);
    assert_eq!(
        ErrorCode::from(response.error_code),
        ErrorCode::InvalidRegularExpression
    );
    let message = "SubscribedTopicRegex `(unclosed` is not a valid regular expression: missing closing ).";
    assert_eq!(response.error_message.as_deref(), Some(message));
    alice.leave(&mut host, -1);
    expect![[r#"
        Member ends
        Regex ends
        Group
    "#]]
    .assert_eq(&host.last_records(3));
}

trait Searching {
    fn search(&mut self) -> usize;
}

impl Searching for Host {
    /// Runs the searches that are to be run, and answers how many.
    fn search(&mut self) -> usize {
        let searches = self.coordinator.take_searches();
        let count = searches.len();
        for search in searches {
            let found = search.run();
            self.run(|coordinator, state, moment, _| topics_found(coordinator, state, moment, &found));
        }
        count
    }
}
