//! Groups that move between the classic protocol and that of KIP-848 while their members work.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod host;

use bytes::Bytes;
use group_coordinator::classic::member::Protocol;
use group_coordinator::op::join_group::JoinGroup;
use group_coordinator::settings::MigrationPolicy;
use group_coordinator::{GroupSettings, Lost};
use host::consumers::{Client, ConsumerHost, eager, picture, settle};
use host::{Host, LogMood, join};
use protocol::ErrorCode;
use protocol::internal::consumer_protocol_assignment::{ConsumerProtocolAssignment, TopicPartition};
use protocol::internal::consumer_protocol_subscription::{
    ConsumerProtocolSubscription, TopicPartition as OwnedPartition,
};
use protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use protocol::versioned;
use std::time::Duration;

fn subscription(owned: &[i32]) -> Bytes {
    let subscription = ConsumerProtocolSubscription {
        topics: vec!["t".into()],
        owned_partitions: vec![OwnedPartition {
            topic: "t".into(),
            partitions: owned.to_vec(),
        }],
        ..Default::default()
    };
    versioned::encode(&subscription, 1).unwrap()
}

fn assignment(partitions: &[i32]) -> Bytes {
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: vec![TopicPartition {
            topic: "t".into(),
            partitions: partitions.to_vec(),
        }],
        user_data: None,
    };
    versioned::encode(&assignment, 1).unwrap()
}

fn read(assignment: &Bytes) -> Vec<i32> {
    let (assignment, version): (ConsumerProtocolAssignment, i16) = versioned::decode(assignment).unwrap();
    assert_eq!(version, 1, "the version of what the member said");
    let topics = assignment.assigned_partitions.into_iter();
    topics.flat_map(|topic| topic.partitions).collect()
}

/// A consumer of the classic protocol.
struct Classic {
    id: String,
    instance: Option<String>,
    generation: i32,
    owned: Vec<i32>,
}

impl Classic {
    fn request(&self) -> JoinGroup {
        JoinGroup {
            instance_id: self.instance.as_deref().map(Into::into),
            protocols: vec![Protocol {
                name: "range".into(),
                metadata: subscription(&self.owned),
            }],
            ..join(&self.id)
        }
    }

    /// Joins a consumer group: no need to wait for others.
    fn join(&mut self, host: &mut Host) -> ErrorCode {
        let token = host.join(self.request());
        let response = host.joined(token);
        let error = ErrorCode::from(response.error_code);
        if error == ErrorCode::None {
            assert_eq!(response.protocol_name.as_deref(), Some("range"));
            assert_eq!(response.leader, "", "the coordinator divides the work");
            self.generation = response.generation_id;
        }
        if !response.member_id.is_empty() {
            self.id = response.member_id;
        }
        error
    }

    fn sync(&mut self, host: &mut Host) -> ErrorCode {
        let token = host.sync(&self.id, self.generation, &[]);
        let response = host.synced(token);
        let error = ErrorCode::from(response.error_code);
        if error == ErrorCode::None {
            self.owned = read(&response.assignment);
        }
        error
    }

    fn heartbeat(&self, host: &mut Host) -> ErrorCode {
        host.heartbeat(&self.id, self.instance.as_deref(), self.generation)
    }

    /// What a classic consumer does until it has nothing more to do.
    fn follow(&mut self, host: &mut Host) {
        for _ in 0..6 {
            match self.heartbeat(host) {
                ErrorCode::None => return,
                ErrorCode::RebalanceInProgress => {
                    assert_eq!(self.join(host), ErrorCode::None);
                    assert_eq!(self.sync(host), ErrorCode::None);
                }
                other => panic!("{} got {other:?}", self.id),
            }
        }
        panic!("{} joins for ever", self.id);
    }
}

/// Two classic members, each with half of the topic.
fn two_classic_members(settings: GroupSettings) -> (Host, [Classic; 2]) {
    let mut host = Host::new(settings);
    host.see(picture());
    let mut members = [[0, 1], [2, 3]].map(|owned| Classic {
        id: String::new(),
        instance: None,
        generation: 0,
        owned: owned.to_vec(),
    });
    for member in &mut members {
        member.id = host.given_id(member.request());
    }
    let tokens = members.each_ref().map(|member| host.join(member.request()));
    host.advance(Duration::from_secs(9));
    let responses = tokens.map(|token| host.joined(token));
    let parts = members.each_ref().map(|member| SyncGroupRequestAssignment {
        member_id: member.id.clone(),
        assignment: assignment(&member.owned),
    });
    for (member, response) in members.iter_mut().zip(&responses) {
        member.generation = response.generation_id;
        let leads = response.leader == member.id;
        let request = SyncGroupRequest {
            group_id: "g".into(),
            generation_id: response.generation_id,
            member_id: member.id.clone(),
            assignments: if leads { parts.to_vec() } else { Vec::new() },
            ..Default::default()
        };
        host.run(|coordinator, state, moment, token| {
            group_coordinator::op::sync_group::sync_group(coordinator, state, moment, request, token)
        });
    }
    assert_eq!(host.state(), "classic consumer Stable");
    (host, members)
}

fn all(members: &[&Classic], clients: &[&Client]) -> Vec<i32> {
    let classic = members.iter().flat_map(|member| member.owned.clone());
    let clients = clients.iter().flat_map(|client| client.partitions());
    let mut all: Vec<i32> = classic.chain(clients).collect();
    all.sort_unstable();
    all
}

#[test]
fn a_classic_group_becomes_a_consumer_group_and_back() {
    let (mut host, [mut one, mut two]) = two_classic_members(eager());
    let generation = one.generation;
    let mut alice = Client::new("alice");
    assert_eq!(alice.beat(&mut host), ErrorCode::None);
    assert_eq!(host.state(), "consumer consumer Reconciling");
    assert_eq!((alice.epoch, alice.partitions()), (generation + 1, vec![]));
    // The classic members keep what they have until they are told.
    assert_eq!(one.heartbeat(&mut host), ErrorCode::RebalanceInProgress);
    for _ in 0..3 {
        one.follow(&mut host);
        two.follow(&mut host);
        settle(&mut host, &mut [&mut alice]);
    }
    assert_eq!(all(&[&one, &two], &[&alice]), [0, 1, 2, 3]);
    assert!(!alice.partitions().is_empty());
    assert_eq!(host.state(), "consumer consumer Stable");
    assert_eq!(one.generation, alice.epoch);
    // Another classic member may come, in the same way.
    let mut three = Classic {
        id: String::new(),
        instance: None,
        generation: 0,
        owned: Vec::new(),
    };
    assert_eq!(three.join(&mut host), ErrorCode::MemberIdRequired);
    assert_eq!(three.join(&mut host), ErrorCode::None);
    assert_eq!(three.sync(&mut host), ErrorCode::None);
    for _ in 0..3 {
        one.follow(&mut host);
        two.follow(&mut host);
        settle(&mut host, &mut [&mut alice]);
        three.follow(&mut host);
    }
    assert_eq!(all(&[&one, &two, &three], &[&alice]), [0, 1, 2, 3]);
    let left = host.leave(&[(&three.id, None), ("stranger", None)]);
    let errors: Vec<ErrorCode> = left.members.iter().map(|member| member.error_code.into()).collect();
    assert_eq!(errors, [ErrorCode::None, ErrorCode::UnknownMemberId]);
    // A coordinator that takes over goes on with it.
    let mut host = host.fail_over();
    host.see(picture());
    for _ in 0..3 {
        one.follow(&mut host);
        two.follow(&mut host);
        settle(&mut host, &mut [&mut alice]);
    }
    assert_eq!(all(&[&one, &two], &[&alice]), [0, 1, 2, 3]);
    // When the last one of the new protocol goes, the rest is a classic group that rebalances.
    let epoch = alice.epoch;
    assert_eq!(alice.leave(&mut host, -1).member_epoch, -1);
    assert_eq!(host.state(), "classic consumer PreparingRebalance");
    assert_eq!(one.generation, epoch);
    assert_eq!(one.heartbeat(&mut host), ErrorCode::RebalanceInProgress);
    let tokens = [&one, &two].map(|member| host.join(member.request()));
    for (token, member) in tokens.into_iter().zip([&mut one, &mut two]) {
        let response = host.joined(token);
        assert_eq!(response.generation_id, epoch + 1);
        member.generation = response.generation_id;
    }
    // So it stands in the log.
    let host = host.fail_over();
    assert_eq!(host.state(), "classic consumer Stable");
}

#[test]
fn only_what_is_allowed_happens() {
    let with = |policy| {
        let mut settings = eager();
        settings.consumer.migration = policy;
        settings
    };
    for policy in [MigrationPolicy::Disabled, MigrationPolicy::Downgrade] {
        let (mut host, [one, _]) = two_classic_members(with(policy));
        let response = host.consumer_heartbeat(Client::new("alice").request());
        let message = "Cannot upgrade classic group g to consumer group because online upgrade is disabled.";
        assert_eq!(response.error_message.as_deref(), Some(message));
        assert_eq!(ErrorCode::from(response.error_code), ErrorCode::GroupIdNotFound);
        assert_eq!(one.heartbeat(&mut host), ErrorCode::None, "nobody was disturbed");
    }
    let (mut host, [mut one, mut two]) = two_classic_members(with(MigrationPolicy::Upgrade));
    let mut alice = Client::new("alice");
    alice.beat(&mut host);
    alice.leave(&mut host, -1);
    assert!(
        host.state().starts_with("consumer consumer"),
        "it stays one: {}",
        host.state()
    );
    for _ in 0..3 {
        one.follow(&mut host);
        two.follow(&mut host);
    }
    assert_eq!(all(&[&one, &two], &[]), [0, 1, 2, 3]);
    let mut host = Host::new(with(MigrationPolicy::Disabled));
    host.see(picture());
    Client::new("alice").beat(&mut host);
    let mut late = Classic {
        id: String::new(),
        instance: None,
        generation: 0,
        owned: Vec::new(),
    };
    assert_eq!(late.join(&mut host), ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn a_group_whose_members_cannot_be_understood_stays_as_it_is() {
    let mut host = Host::new(eager());
    host.see(picture());
    host.two_members();
    let response = host.consumer_heartbeat(Client::new("alice").request());
    let message =
        "Cannot upgrade classic group g to consumer group because the embedded consumer protocol is malformed.";
    assert_eq!(response.error_message.as_deref(), Some(message));
    assert_eq!(host.state(), "classic consumer Stable");
}

#[test]
fn a_static_member_changes_its_protocol_without_a_rebalance() {
    let mut host = Host::new(eager());
    host.see(picture());
    let mut alice = Client::named("a1", "alice");
    let mut bob = Classic {
        id: String::new(),
        instance: Some("bob".into()),
        generation: 0,
        owned: Vec::new(),
    };
    alice.beat(&mut host);
    assert_eq!(bob.join(&mut host), ErrorCode::None);
    assert_eq!(bob.sync(&mut host), ErrorCode::None);
    for _ in 0..3 {
        settle(&mut host, &mut [&mut alice]);
        bob.follow(&mut host);
    }
    assert_eq!(all(&[&bob], &[&alice]), [0, 1, 2, 3]);
    // Alice comes back as a classic member: it need not have left, and it was the last of the new protocol.
    let part = alice.partitions();
    let mut again = Classic {
        id: String::new(),
        instance: Some("alice".into()),
        generation: 0,
        owned: Vec::new(),
    };
    assert_eq!(again.join(&mut host), ErrorCode::None);
    assert_eq!(host.state(), "classic consumer Stable");
    assert_eq!(again.sync(&mut host), ErrorCode::None);
    assert_eq!(again.owned, part);
    assert_eq!(bob.heartbeat(&mut host), ErrorCode::None, "nobody else has to move");
    assert_eq!(alice.beat(&mut host), ErrorCode::GroupIdNotFound);
}

#[test]
fn classic_members_are_to_join_and_sync_in_time() {
    let (mut host, [mut one, two]) = two_classic_members(eager());
    let mut alice = Client::new("alice");
    alice.beat(&mut host);
    // One does not sync, and two does not join again, though both send heartbeats.
    assert_eq!(one.join(&mut host), ErrorCode::None);
    for _ in 0..13 {
        assert_ne!(one.heartbeat(&mut host), ErrorCode::UnknownMemberId);
        assert_eq!(two.heartbeat(&mut host), ErrorCode::RebalanceInProgress);
        settle(&mut host, &mut [&mut alice]);
        host.advance(Duration::from_millis(4_800));
    }
    assert_eq!(one.heartbeat(&mut host), ErrorCode::UnknownMemberId);
    assert_eq!(two.heartbeat(&mut host), ErrorCode::UnknownMemberId);
    settle(&mut host, &mut [&mut alice]);
    assert_eq!(alice.partitions(), [0, 1, 2, 3]);
}

#[test]
fn a_change_of_protocol_that_is_lost_has_not_happened() {
    let (mut host, [mut one, mut two]) = two_classic_members(eager());
    let mut alice = Client::new("alice");
    host.mood = LogMood::Fails(Lost::Replicas);
    assert_eq!(alice.beat(&mut host), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(host.state(), "classic consumer Stable");
    assert_eq!(one.heartbeat(&mut host), ErrorCode::None);
    host.mood = LogMood::Commits;
    assert_eq!(alice.beat(&mut host), ErrorCode::None);
    for _ in 0..3 {
        one.follow(&mut host);
        two.follow(&mut host);
        settle(&mut host, &mut [&mut alice]);
    }
    host.mood = LogMood::Fails(Lost::Replicas);
    let epoch = alice.epoch;
    assert_ne!(alice.leave(&mut host, -1).error_code, 0);
    alice.epoch = epoch;
    host.mood = LogMood::Commits;
    assert_eq!(host.state(), "consumer consumer Stable");
    // What was to be a classic group rebalances no more, and nobody is put out by its deadlines.
    for _ in 0..20 {
        host.advance(Duration::from_secs(5));
        one.follow(&mut host);
        two.follow(&mut host);
        settle(&mut host, &mut [&mut alice]);
    }
    assert_eq!(host.state(), "consumer consumer Stable");
    assert_eq!(all(&[&one, &two], &[&alice]), [0, 1, 2, 3]);
}
