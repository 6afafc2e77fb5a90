//! The life of a classic group, story by story.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod host;

use group_coordinator::op::join_group::{JoinGroup, MemberIdPolicy};
use group_coordinator::op::{delete_groups, list_groups, offset_delete, offset_fetch, topics_deleted};
use group_coordinator::{Answer, GroupRecord, GroupSettings, Lost};
use host::{Host, LogMood, join, last_group_record, protocol, settings};
use protocol::ErrorCode;
use protocol::messages::list_groups_request::ListGroupsRequest;
use protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn code(error: i16) -> ErrorCode {
    ErrorCode::from(error)
}

fn a_static(instance: &str) -> JoinGroup {
    JoinGroup {
        instance_id: Some(instance.into()),
        ..join("")
    }
}

#[test]
fn the_first_rebalance_waits_for_more_members_and_again_while_they_come() {
    let mut host = Host::new(settings());
    let first = host.given_id(join(""));
    let waiting = host.join(join(&first));
    host.advance(2 * SECOND);
    let second = host.given_id(join(""));
    let too = host.join(join(&second));
    host.advance(2 * SECOND);
    assert_eq!(host.answer(waiting), None, "somebody came, so three seconds more");
    host.advance(2 * SECOND);
    let (one, two) = (host.joined(waiting), host.joined(too));
    assert_eq!((one.generation_id, two.generation_id), (1, 1));
    assert_eq!(one.leader, two.leader);
    let leader_s = if one.leader == first { &one } else { &two };
    assert_eq!(
        (leader_s.members.len(), one.members.len() + two.members.len()),
        (2, 2),
        "the leader alone sees all"
    );
    assert_eq!(one.protocol_name.as_deref(), Some("range"));
}

#[test]
fn a_new_group_is_announced_and_exists_once_that_is_committed() {
    let mut host = Host::new(settings());
    host.mood = LogMood::Holds;
    let token = host.join(join(""));
    assert_eq!(code(host.joined(token).error_code), ErrorCode::MemberIdRequired);
    assert_eq!(host.phase(), None);
    host.commit();
    assert_eq!(host.phase().as_deref(), Some("Empty"));
    let Some(GroupRecord::Group { value: Some(value), .. }) = last_group_record(&host) else {
        panic!("no record")
    };
    assert_eq!(
        (value.protocol_type.as_str(), value.generation, value.members.len()),
        ("", 0, 0)
    );
}

#[test]
fn a_new_group_that_cannot_be_announced_is_none() {
    let mut host = Host::new(settings());
    host.mood = LogMood::Fails(Lost::Replicas);
    let old = JoinGroup {
        member_id_policy: MemberIdPolicy::Optional,
        ..join("")
    };
    let token = host.join(old);
    assert_eq!(code(host.joined(token).error_code), ErrorCode::CoordinatorNotAvailable);
    host.mood = LogMood::Commits;
    assert_eq!(host.heartbeat("m", None, 1), ErrorCode::UnknownMemberId);
    assert_eq!(
        host.coordinator.next_deadline(),
        Host::new(settings()).coordinator.next_deadline(),
        "no timer is left"
    );
}

#[test]
fn another_member_makes_everyone_join_again() {
    let mut host = Host::new(settings());
    let (leader, follower) = host.two_members();
    let third = host.given_id(join(""));
    let joining = host.join(join(&third));
    assert_eq!(host.heartbeat(&leader, None, 1), ErrorCode::RebalanceInProgress);
    assert_eq!(
        host.commit_error(&follower, 1),
        ErrorCode::None,
        "offsets may still be committed"
    );
    let tokens = [host.join(join(&leader)), host.join(join(&follower))];
    for token in tokens.into_iter().chain([joining]) {
        assert_eq!(host.joined(token).generation_id, 2);
    }
    assert_eq!(host.heartbeat(&leader, None, 2), ErrorCode::None);
    assert_eq!(host.heartbeat(&leader, None, 1), ErrorCode::IllegalGeneration);
    assert_eq!(
        host.commit_error(&leader, 2),
        ErrorCode::RebalanceInProgress,
        "nobody has its part yet"
    );
}

#[test]
fn who_does_not_rejoin_in_time_is_out() {
    let mut host = Host::new(settings());
    let (leader, follower) = host.two_members();
    let waiting = host.join(join(&leader));
    for _ in 0..60 {
        assert_eq!(
            host.heartbeat(&follower, None, 1),
            ErrorCode::RebalanceInProgress,
            "heartbeats alone do not help"
        );
        host.advance(SECOND);
    }
    let joined = host.joined(waiting);
    assert_eq!((joined.generation_id, joined.members.len()), (2, 1));
    assert_eq!(host.heartbeat(&follower, None, 1), ErrorCode::UnknownMemberId);
}

#[test]
fn who_does_not_sync_in_time_is_out() {
    let mut host = Host::new(settings());
    let ids = [host.given_id(join("")), host.given_id(join(""))];
    let tokens = [host.join(join(&ids[0])), host.join(join(&ids[1]))];
    host.advance(9 * SECOND);
    let leader = tokens.map(|token| host.joined(token))[0].leader.clone();
    let synced = host.sync(&leader, 1, &[]);
    assert_eq!(code(host.synced(synced).error_code), ErrorCode::None);
    for _ in 0..60 {
        for id in &ids {
            host.heartbeat(id, None, 1);
        }
        host.advance(SECOND);
    }
    let other = ids.iter().find(|id| **id != leader).unwrap();
    assert_eq!(host.heartbeat(other, None, 1), ErrorCode::UnknownMemberId);
    assert_eq!(host.heartbeat(&leader, None, 1), ErrorCode::RebalanceInProgress);
}

#[test]
fn silence_ends_a_membership_and_the_last_one_leaves_an_empty_group() {
    let mut host = Host::new(settings());
    let (leader, follower) = host.two_members();
    for _ in 0..9 {
        host.advance(SECOND);
        assert_eq!(host.heartbeat(&leader, None, 1), ErrorCode::None);
    }
    host.advance(2 * SECOND);
    assert_eq!(host.heartbeat(&follower, None, 1), ErrorCode::UnknownMemberId);
    assert_eq!(host.heartbeat(&leader, None, 1), ErrorCode::RebalanceInProgress);
    host.advance(11 * SECOND);
    assert_eq!(host.phase().as_deref(), Some("Empty"));
    let Some(GroupRecord::Group { value: Some(value), .. }) = last_group_record(&host) else {
        panic!("no record")
    };
    assert_eq!((value.protocol_type.as_str(), value.generation), ("consumer", 2));
    assert_eq!((value.protocol.clone(), value.leader.clone()), (None, None));
}

#[test]
fn an_id_that_nobody_comes_back_with_holds_nobody_up_for_ever() {
    let mut host = Host::new(settings());
    let (leader, follower) = host.two_members();
    let pending = host.given_id(join(""));
    let tokens = [host.join(join(&leader)), host.join(join(&follower))];
    assert_eq!(host.answer(tokens[0]), None, "a member was promised");
    host.advance(10 * SECOND);
    assert_eq!(tokens.map(|token| host.joined(token).generation_id), [2, 2]);
    let late = host.join(join(&pending));
    assert_eq!(code(host.joined(late).error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn errors_are_kafkas() {
    let mut host = Host::new(settings());
    assert_eq!(host.heartbeat("m", None, 1), ErrorCode::UnknownMemberId);
    assert_eq!(host.commit_error("m", 1), ErrorCode::GroupIdNotFound);
    let (leader, _) = host.two_members();
    let check = |host: &mut Host, join: JoinGroup, error: ErrorCode| {
        let token = host.join(join);
        assert_eq!(code(host.joined(token).error_code), error);
    };
    check(&mut host, join("stranger"), ErrorCode::UnknownMemberId);
    check(
        &mut host,
        JoinGroup {
            group_id: "".into(),
            ..join("")
        },
        ErrorCode::InvalidGroupId,
    );
    check(
        &mut host,
        JoinGroup {
            group_id: "other".into(),
            ..join("stranger")
        },
        ErrorCode::UnknownMemberId,
    );
    for session_timeout_ms in [5_999, 1_800_001] {
        check(
            &mut host,
            JoinGroup {
                session_timeout_ms,
                ..join("")
            },
            ErrorCode::InvalidSessionTimeout,
        );
    }
    check(
        &mut host,
        JoinGroup {
            protocol_type: "connect".into(),
            ..join("")
        },
        ErrorCode::InconsistentGroupProtocol,
    );
    check(
        &mut host,
        JoinGroup {
            protocols: vec![protocol("sticky")],
            ..join("")
        },
        ErrorCode::InconsistentGroupProtocol,
    );
    check(
        &mut host,
        JoinGroup {
            instance_id: Some("i".into()),
            ..join(&leader)
        },
        ErrorCode::UnknownMemberId,
    );
    for (member, generation, error) in [
        ("stranger", 1, ErrorCode::UnknownMemberId),
        (leader.as_str(), 0, ErrorCode::IllegalGeneration),
        (leader.as_str(), 1, ErrorCode::None),
    ] {
        assert_eq!(host.heartbeat(member, None, generation), error);
        let token = host.sync(member, generation, &[]);
        assert_eq!(code(host.synced(token).error_code), error);
        assert_eq!(host.commit_error(member, generation), error);
    }
    assert_eq!(
        host.commit_error("", -1),
        ErrorCode::UnknownMemberId,
        "the group has members"
    );
    let left = host.leave(&[("stranger", None), ("", Some("i")), (&leader, None)]);
    let errors: Vec<ErrorCode> = left.members.iter().map(|member| code(member.error_code)).collect();
    assert_eq!(
        errors,
        [ErrorCode::UnknownMemberId, ErrorCode::UnknownMemberId, ErrorCode::None]
    );
}

#[test]
fn a_group_has_a_greatest_size() {
    let mut host = Host::new(GroupSettings {
        max_size: 2,
        ..settings()
    });
    host.two_members();
    let token = host.join(join(""));
    assert_eq!(code(host.joined(token).error_code), ErrorCode::GroupMaxSizeReached);
}

#[test]
fn a_static_member_that_restarts_takes_its_old_place_without_a_rebalance() {
    let mut host = Host::new(settings());
    let token = host.join(a_static("i"));
    host.advance(3 * SECOND);
    let first = host.joined(token);
    assert!(first.member_id.starts_with("i-"), "{}", first.member_id);
    let synced = host.sync(&first.member_id, 1, &[(&first.member_id, "all")]);
    assert_eq!(host.synced(synced).assignment, "all");

    let token = host.join(a_static("i"));
    let again = host.joined(token);
    assert_eq!(
        (again.generation_id, again.skip_assignment),
        (1, true),
        "the leader need not assign anew"
    );
    assert_ne!(again.member_id, first.member_id);
    let synced = host.sync(&again.member_id, 1, &[]);
    assert_eq!(host.synced(synced).assignment, "all");
    assert_eq!(
        host.heartbeat(&first.member_id, Some("i"), 1),
        ErrorCode::FencedInstanceId
    );
    assert_eq!(host.heartbeat(&first.member_id, None, 1), ErrorCode::UnknownMemberId);
    assert_eq!(host.heartbeat(&again.member_id, Some("i"), 1), ErrorCode::None);

    host = host.fail_over();
    assert_eq!(
        host.heartbeat(&again.member_id, Some("i"), 1),
        ErrorCode::None,
        "the new id is in the log"
    );
    let left = host.leave(&[("", Some("i"))]);
    assert_eq!(code(left.members[0].error_code), ErrorCode::None);
    assert_eq!(host.phase().as_deref(), Some("Empty"));
}

#[test]
fn a_static_member_whose_new_id_is_lost_keeps_the_old_one() {
    let mut host = Host::new(settings());
    let token = host.join(a_static("i"));
    host.advance(3 * SECOND);
    let first = host.joined(token).member_id;
    let synced = host.sync(&first, 1, &[(&first, "all")]);
    host.synced(synced);
    host.mood = LogMood::Fails(Lost::Replicas);
    let token = host.join(a_static("i"));
    assert_eq!(code(host.joined(token).error_code), ErrorCode::CoordinatorNotAvailable);
    host.mood = LogMood::Commits;
    assert_eq!(host.heartbeat(&first, Some("i"), 1), ErrorCode::None);
}

#[test]
fn members_learn_their_part_once_it_is_committed() {
    let mut host = Host::new(settings());
    let id = host.given_id(join(""));
    let token = host.join(join(&id));
    host.advance(3 * SECOND);
    host.joined(token);
    host.mood = LogMood::Holds;
    let token = host.sync(&id, 1, &[(&id, "all")]);
    assert_eq!(host.answer(token), None);
    let refusal = host.commit_offset(&id, 1, 0, 1);
    assert_eq!(
        host.answer(refusal),
        None,
        "a refusal rests on what is being written too"
    );
    host.commit();
    assert_eq!(host.synced(token).assignment, "all");
    let Some(Answer::OffsetCommit(refusal)) = host.answer(refusal) else {
        panic!("no answer")
    };
    assert_eq!(
        code(refusal.topics[0].partitions[0].error_code),
        ErrorCode::RebalanceInProgress
    );
    assert_eq!(host.phase().as_deref(), Some("Stable"));
}

#[test]
fn a_lost_assignment_begins_a_rebalance() {
    let mut host = Host::new(settings());
    let (leader, follower) = host.two_members();
    let tokens = [host.join(join(&leader)), host.join(join(&follower))];
    let generation = tokens.map(|token| host.joined(token).generation_id)[0];
    let waiting = host.sync(&follower, generation, &[]);
    host.mood = LogMood::Fails(Lost::TooLarge);
    let led = host.sync(&leader, generation, &[(&leader, "a"), (&follower, "b")]);
    assert_eq!(code(host.synced(led).error_code), ErrorCode::UnknownServerError);
    assert_eq!(code(host.synced(waiting).error_code), ErrorCode::UnknownServerError);
    assert_eq!(
        host.heartbeat(&leader, None, generation),
        ErrorCode::RebalanceInProgress
    );
}

#[test]
fn a_coordinator_that_takes_over_knows_members_and_offsets() {
    let mut host = Host::new(settings());
    let (leader, follower) = host.two_members();
    assert_eq!(host.commit_error(&leader, 1), ErrorCode::None);
    host = host.fail_over();
    assert_eq!(host.phase().as_deref(), Some("Stable"));
    assert_eq!(host.committed_offset(0), Some(1));
    assert_eq!(host.heartbeat(&leader, None, 1), ErrorCode::None);
    let token = host.sync(&follower, 1, &[]);
    assert_eq!(host.synced(token).assignment, "b");
    host.advance(11 * SECOND);
    assert_eq!(host.phase().as_deref(), Some("Empty"), "nobody was heard of since");
}

#[test]
fn protocols_are_chosen_by_vote_among_those_that_all_can_do() {
    let mut host = Host::new(settings());
    let with = |names: &[&str]| JoinGroup {
        protocols: names.iter().map(|name| protocol(name)).collect(),
        ..join("")
    };
    let mut tokens = Vec::new();
    for names in [&["a", "b", "c"][..], &["c", "b"], &["b", "c", "a"]] {
        let id = host.given_id(with(names));
        tokens.push(host.join(JoinGroup {
            member_id: id.into(),
            ..with(names)
        }));
    }
    host.advance(30 * SECOND);
    let chosen: Vec<_> = tokens
        .into_iter()
        .map(|token| host.joined(token).protocol_name)
        .collect();
    assert_eq!(chosen, vec![Some("b".to_owned()); 3]);
}

#[test]
fn a_protocol_that_is_named_twice_counts_once() {
    let mut host = Host::new(settings());
    let twice = || JoinGroup {
        protocols: vec![protocol("a"), protocol("a"), protocol("b")],
        ..join("")
    };
    let ids = [host.given_id(twice()), host.given_id(join_with(&["b"]))];
    let tokens = [
        host.join(JoinGroup {
            member_id: ids[0].as_str().into(),
            ..twice()
        }),
        host.join(JoinGroup {
            member_id: ids[1].as_str().into(),
            ..join_with(&["b"])
        }),
    ];
    host.advance(9 * SECOND);
    assert_eq!(
        tokens.map(|token| host.joined(token).protocol_name),
        [Some("b".to_owned()), Some("b".to_owned())]
    );
    host.leave(&[(&ids[0], None), (&ids[1], None)]);
    assert_eq!(host.phase().as_deref(), Some("Empty"));
}

fn join_with(names: &[&str]) -> JoinGroup {
    JoinGroup {
        protocols: names.iter().map(|name| protocol(name)).collect(),
        ..join("")
    }
}

#[test]
fn offsets_of_whoever_is_no_member_are_taken_while_the_group_has_none() {
    let mut host = Host::new(settings());
    assert_eq!(host.commit_error("", -1), ErrorCode::None);
    assert_eq!(host.phase().as_deref(), Some("Empty"));
    let request = |topics| OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics,
        ..Default::default()
    };
    let asked = OffsetFetchRequestTopics {
        name: "t".into(),
        partition_indexes: vec![0, 1],
        ..Default::default()
    };
    let fetched = offset_fetch::offset_fetch(host.runtime.committed(), &request(Some(vec![asked])));
    let offsets: Vec<i64> = fetched.topics[0]
        .partitions
        .iter()
        .map(|partition| partition.committed_offset)
        .collect();
    assert_eq!(offsets, [1, -1]);
    let all = offset_fetch::offset_fetch(host.runtime.committed(), &request(None));
    assert_eq!(all.topics.len(), 1);
    assert_eq!(all.topics[0].partitions.len(), 1);
}

#[test]
fn a_stable_fetch_waits_for_what_is_being_written() {
    let mut host = Host::new(settings());
    host.mood = LogMood::Holds;
    let committing = host.commit_offset("", -1, 0, 5);
    let request = OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics: None,
        ..Default::default()
    };
    let fetching = host.run(|_, state, _, token| offset_fetch::stable_offset_fetch(state, &request, token));
    assert_eq!((host.answer(committing), host.answer(fetching)), (None, None));
    assert_eq!(
        offset_fetch::offset_fetch(host.runtime.committed(), &request).topics,
        []
    );
    host.commit();
    assert!(host.answer(committing).is_some());
    let Some(Answer::OffsetFetch(fetched)) = host.answer(fetching) else {
        panic!("no answer")
    };
    assert_eq!(fetched.topics[0].partitions[0].committed_offset, 5);
}

#[test]
fn offsets_expire_when_the_group_has_been_empty_for_long_and_the_group_with_them() {
    let mut host = Host::new(settings());
    let (leader, follower) = host.two_members();
    assert_eq!(host.commit_error(&leader, 1), ErrorCode::None);
    for _ in 0..20 {
        host.advance(Duration::from_secs(9));
        host.heartbeat(&leader, None, 1);
        host.heartbeat(&follower, None, 1);
    }
    host.leave(&[(&leader, None), (&follower, None)]);
    let week = settings().offsets_retention;
    host.advance(week - Duration::from_secs(1200));
    assert_eq!(host.committed_offset(0), Some(1));
    host.advance(Duration::from_secs(2400));
    assert_eq!((host.committed_offset(0), host.phase()), (None, None));
}

#[test]
fn offsets_of_topics_that_members_read_are_neither_deleted_nor_expired() {
    let mut host = Host::new(settings());
    let (leader, _) = host.two_members();
    assert_eq!(host.commit_error(&leader, 1), ErrorCode::None);
    let delete = || OffsetDeleteRequest {
        group_id: "g".into(),
        topics: vec![OffsetDeleteRequestTopic {
            name: "t".into(),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }],
    };
    let ask = |host: &mut Host| {
        let token = host.run(|coordinator, state, moment, token| {
            offset_delete::offset_delete(coordinator, state, moment, delete(), token)
        });
        match host.answer(token) {
            Some(Answer::OffsetDelete(response)) => code(response.topics[0].partitions[0].error_code),
            other => panic!("got {other:?}"),
        }
    };
    assert_eq!(ask(&mut host), ErrorCode::GroupSubscribedToTopic);
    host.advance(11 * SECOND);
    assert_eq!(host.phase().as_deref(), Some("Empty"));
    assert_eq!(ask(&mut host), ErrorCode::None);
    assert_eq!(host.committed_offset(0), None);
}

#[test]
fn groups_are_listed_and_deleted_once_they_are_empty() {
    let mut host = Host::new(settings());
    let (leader, follower) = host.two_members();
    assert_eq!(host.commit_error(&leader, 1), ErrorCode::None);
    let delete = |host: &mut Host| {
        let groups = vec!["g".to_owned(), "none".to_owned()];
        let token = host.run(|coordinator, state, moment, token| {
            delete_groups::delete_groups(coordinator, state, moment, groups, token)
        });
        match host.answer(token) {
            Some(Answer::DeleteGroups(results)) => {
                results.iter().map(|result| code(result.error_code)).collect::<Vec<_>>()
            }
            other => panic!("got {other:?}"),
        }
    };
    let listed = |host: &Host, states: &[&str], types: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let request = ListGroupsRequest {
            states_filter: texts(states),
            types_filter: texts(types),
        };
        list_groups::list_groups(&host.coordinator, host.runtime.committed(), &request).len()
    };
    assert_eq!(
        delete(&mut host),
        [ErrorCode::NonEmptyGroup, ErrorCode::GroupIdNotFound]
    );
    for (states, types, count) in [
        (&[][..], &[][..], 1),
        (&["stable"], &["CLASSIC"], 1),
        (&["Empty"], &[], 0),
        (&[], &["consumer"], 0),
    ] {
        assert_eq!(listed(&host, states, types), count, "{states:?} {types:?}");
    }
    host.leave(&[(&leader, None), (&follower, None)]);
    assert_eq!(delete(&mut host), [ErrorCode::None, ErrorCode::GroupIdNotFound]);
    assert_eq!((host.phase(), listed(&host, &[], &[])), (None, 0));
    let host = host.fail_over();
    assert_eq!((host.phase(), host.committed_offset(0)), (None, None));
}

#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    let mut host = Host::new(settings());
    assert_eq!(host.commit_error("", -1), ErrorCode::None);
    let outcome = topics_deleted::topics_deleted(host.runtime.latest(), &["t".into(), "u".into()].into());
    host.run(|_, _, _, _| outcome);
    assert_eq!(host.committed_offset(0), None);
}
