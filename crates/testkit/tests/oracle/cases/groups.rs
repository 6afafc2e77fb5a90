//! The classic group APIs: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, OffsetCommit, OffsetFetch, OffsetDelete,
//! ListGroups, DescribeGroups and DeleteGroups.

use bytes::Bytes;
use protocol::messages::delete_groups_request::DeleteGroupsRequest;
use protocol::messages::describe_groups_request::DescribeGroupsRequest;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use protocol::messages::list_groups_request::ListGroupsRequest;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};

use super::text;
use crate::pair::{Context, Pair};

/// The topic that the members read, and one that they do not.
const READ: &str = "gr-read";
const OTHER: &str = "gr-other";
const GROUP: &str = "gr-stable";
/// The first versions in which topics are ids, and in which several groups are fetched at once.
const TOPIC_IDS_FROM: i16 = 10;
const GROUPS_FROM: i16 = 8;

pub fn run(pair: &mut Pair) {
    pair.create(READ, 2, &[]);
    pair.create(OTHER, 2, &[]);
    pair.settle_coordinator(0);
    // A group for each of the four partitions, and those that are named below.
    pair.settle_groups(&["a", "b", "c", "d", "gr-none", GROUP, "gr-simple"]);
    joins_refused(pair);
    nobody(pair);
    let members = stable(pair);
    of_a_member(pair, &members);
    commits(pair, &members);
    fetches(pair);
    described(pair);
    leaves(pair, &members);
    emptied(pair);
}

fn protocol(name: &str) -> JoinGroupRequestProtocol {
    // Version 0, one topic, no user data.
    let mut metadata = vec![0, 0, 0, 0, 0, 1, 0, 7];
    metadata.extend_from_slice(READ.as_bytes());
    metadata.extend_from_slice(&[0xff; 4]);
    JoinGroupRequestProtocol {
        name: text(name),
        metadata: Bytes::from(metadata),
    }
}

fn join(group: &str, member: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: text(group),
        session_timeout_ms: 300_000,
        rebalance_timeout_ms: 300_000,
        member_id: text(member),
        protocol_type: text("consumer"),
        protocols: vec![protocol("range"), protocol("other")],
        ..Default::default()
    }
}

fn joins_refused(pair: &mut Pair) {
    for (case, request) in [
        ("no group", join("", "")),
        ("a member of no group", join("gr-none", "m")),
        (
            "a session that is too short",
            JoinGroupRequest {
                session_timeout_ms: 5_999,
                ..join("gr-none", "")
            },
        ),
        (
            "a session that is too long",
            JoinGroupRequest {
                session_timeout_ms: 1_800_001,
                ..join("gr-none", "")
            },
        ),
    ] {
        pair.every_version(&format!("join: {case}"), |_| request.clone());
    }
    for (case, name, request) in [
        (
            "no protocols",
            "gr-a",
            JoinGroupRequest {
                protocols: Vec::new(),
                ..join("", "")
            },
        ),
        (
            "no protocol type",
            "gr-b",
            JoinGroupRequest {
                protocol_type: String::new(),
                ..join("", "")
            },
        ),
        ("alone", "gr-c", join("", "")),
        (
            "alone, static",
            "gr-d",
            JoinGroupRequest {
                group_instance_id: Some(text("i")),
                ..join("", "")
            },
        ),
    ] {
        pair.every_version(&format!("join: {case}"), |context| JoinGroupRequest {
            group_id: context.name(name),
            ..request.clone()
        });
    }
}

/// A group that does not exist.
fn nobody(pair: &mut Pair) {
    for group in ["gr-none", ""] {
        let case = |what: &str| format!("{what}: group `{group}`");
        pair.every_version(&case("heartbeat"), |_| heartbeat(group, "m", 1, None));
        pair.every_version(&case("sync"), |context| sync(context, group, "m", 1));
        pair.every_version(&case("leave"), |context| leave(context, group, &[("m", None)]));
        pair.every_version(&case("commit as a member"), |context| {
            commit(context, group, "m", 1, &[(READ, 0)])
        });
        pair.every_version(&case("fetch"), |context| {
            fetch(context, &[group], Some(&[(READ, &[0, 1])]))
        });
        pair.every_version(&case("fetch all"), |context| fetch(context, &[group], None));
        pair.every_version(&case("delete offsets"), |_| delete_offsets(group, &[(READ, &[0])]));
        pair.every_version(&case("describe"), |_| describe(&[group]));
        pair.every_version(&case("delete"), |_| delete(&[group]));
    }
}

/// Makes a group of one member; answers its id on each side.
fn stable(pair: &mut Pair) -> [String; 2] {
    let answers = pair.once(9, "an id to join with", |_| join(GROUP, ""));
    let ids = answers.expect("JoinGroup is answered").map(|answer| answer.member_id);
    pair.once(9, "join with the id", |context| join(GROUP, &ids[context.side]));
    pair.once(5, "the leader's sync", |context| {
        sync(context, GROUP, &ids[context.side], 1)
    });
    ids
}

fn of_a_member(pair: &mut Pair, ids: &[String; 2]) {
    let id = |context: &Context<'_>| ids[context.side].clone();
    for (case, generation, instance) in [
        ("well", 1, None),
        ("an old generation", 0, None),
        ("a generation to come", 2, None),
        ("no generation", -1, None),
        ("an instance that is not there", 1, Some("i")),
    ] {
        pair.every_version(&format!("heartbeat: {case}"), |context| {
            heartbeat(GROUP, &id(context), generation, instance)
        });
        pair.every_version(&format!("sync: {case}"), |context| SyncGroupRequest {
            group_instance_id: instance.map(text),
            ..sync(context, GROUP, &id(context), generation)
        });
    }
    pair.every_version("heartbeat: a stranger", |_| heartbeat(GROUP, "m", 1, None));
    for (case, kind, name) in [
        ("another type", Some("connect"), Some("range")),
        ("another protocol", Some("consumer"), Some("other")),
        ("no type", None, Some("range")),
        ("no protocol", Some("consumer"), None),
    ] {
        pair.every_version(&format!("sync: {case}"), |context| SyncGroupRequest {
            protocol_type: kind.map(text),
            protocol_name: name.map(text),
            ..sync(context, GROUP, &id(context), 1)
        });
    }
    pair.every_version("join: a stranger", |_| join(GROUP, "m"));
    for (case, request) in [
        (
            "of another type",
            JoinGroupRequest {
                protocol_type: text("connect"),
                ..join(GROUP, "")
            },
        ),
        (
            "with another protocol",
            JoinGroupRequest {
                protocols: vec![protocol("mine")],
                ..join(GROUP, "")
            },
        ),
    ] {
        pair.every_version(&format!("join: {case}"), |_| request.clone());
    }
}

fn heartbeat(group: &str, member: &str, generation: i32, instance: Option<&str>) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: text(group),
        generation_id: generation,
        member_id: text(member),
        group_instance_id: instance.map(text),
    }
}

fn sync(context: &Context<'_>, group: &str, member: &str, generation: i32) -> SyncGroupRequest {
    let names = context.version >= 5;
    SyncGroupRequest {
        group_id: text(group),
        generation_id: generation,
        member_id: text(member),
        protocol_type: names.then(|| text("consumer")),
        protocol_name: names.then(|| text("range")),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: text(member),
            assignment: Bytes::from_static(b"everything"),
        }],
        ..Default::default()
    }
}

fn leave(context: &Context<'_>, group: &str, members: &[(&str, Option<&str>)]) -> LeaveGroupRequest {
    if context.version < 3 {
        return LeaveGroupRequest {
            group_id: text(group),
            member_id: text(members[0].0),
            ..Default::default()
        };
    }
    let members = members.iter().map(|(member, instance)| MemberIdentity {
        member_id: text(member),
        group_instance_id: instance.map(text),
        reason: None,
    });
    LeaveGroupRequest {
        group_id: text(group),
        members: members.collect(),
        ..Default::default()
    }
}

/// Answers that name topics by id have no order, and the comparison knows none of its own: there one topic is enough.
fn only<'a, T>(context: &Context<'_>, all: &'a [T]) -> &'a [T] {
    if context.version < TOPIC_IDS_FROM {
        all
    } else {
        &all[..all.len().min(1)]
    }
}

fn commit(
    context: &Context<'_>,
    group: &str,
    member: &str,
    generation: i32,
    places: &[(&str, i32)],
) -> OffsetCommitRequest {
    let by_id = context.version >= TOPIC_IDS_FROM;
    let topics = places.iter().map(|(topic, partition)| OffsetCommitRequestTopic {
        name: if by_id { String::new() } else { text(topic) },
        topic_id: if by_id { context.id(topic) } else { base::Uuid::ZERO },
        partitions: vec![OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: 7,
            committed_metadata: Some(text("a note")),
            ..Default::default()
        }],
    });
    OffsetCommitRequest {
        group_id: text(group),
        generation_id_or_member_epoch: generation,
        member_id: text(member),
        topics: topics.collect(),
        ..Default::default()
    }
}

fn commits(pair: &mut Pair, ids: &[String; 2]) {
    let id = |context: &Context<'_>| ids[context.side].clone();
    for (case, generation, places) in [
        ("well", 1, &[(READ, 0)][..]),
        ("well, of another topic", 1, &[(OTHER, 1)]),
        ("several topics", 1, &[(READ, 0), (OTHER, 1)]),
        ("an old generation", 0, &[(READ, 0)]),
        ("no generation", -1, &[(READ, 0)]),
        (
            "topics and partitions that are not there",
            1,
            &[("gr-none", 0), (READ, 9), (READ, -1), (OTHER, 0)],
        ),
        ("nothing", 1, &[]),
    ] {
        pair.every_version(&format!("commit: {case}"), |context| {
            commit(context, GROUP, &id(context), generation, only(context, places))
        });
    }
    pair.every_version("commit: a stranger", |context| {
        commit(context, GROUP, "m", 1, &[(READ, 0)])
    });
    pair.every_version("commit: nobody, to a group with members", |context| {
        commit(context, GROUP, "", -1, &[(READ, 0)])
    });
    for length in [4096, 4097] {
        pair.every_version(&format!("commit: a note of {length}"), |context| {
            let mut request = commit(context, GROUP, &id(context), 1, &[(READ, 1)]);
            request.topics[0].partitions[0].committed_metadata = Some("x".repeat(length));
            request
        });
    }
    pair.every_version("commit: no note", |context| {
        let mut request = commit(context, GROUP, &id(context), 1, &[(READ, 1)]);
        request.topics[0].partitions[0].committed_metadata = None;
        request
    });
    pair.every_version("commit: nobody, to a group of no members", |context| {
        commit(context, "gr-simple", "", -1, &[(READ, 0)])
    });
}

fn fetch(context: &Context<'_>, groups: &[&str], topics: Option<&[(&str, &[i32])]>) -> OffsetFetchRequest {
    if context.version < GROUPS_FROM {
        let topics = topics.map(|topics| {
            let topics = topics.iter().map(|(topic, partitions)| OffsetFetchRequestTopic {
                name: text(topic),
                partition_indexes: partitions.to_vec(),
            });
            topics.collect()
        });
        return OffsetFetchRequest {
            group_id: text(groups[0]),
            topics,
            ..Default::default()
        };
    }
    let by_id = context.version >= TOPIC_IDS_FROM;
    let of_group = |group: &&str| OffsetFetchRequestGroup {
        group_id: text(group),
        topics: topics.map(|topics| {
            let topics = topics.iter().map(|(topic, partitions)| OffsetFetchRequestTopics {
                name: if by_id { String::new() } else { text(topic) },
                topic_id: if by_id { context.id(topic) } else { base::Uuid::ZERO },
                partition_indexes: partitions.to_vec(),
            });
            topics.collect()
        }),
        member_epoch: -1,
        ..Default::default()
    };
    OffsetFetchRequest {
        groups: groups.iter().map(of_group).collect(),
        ..Default::default()
    }
}

fn fetches(pair: &mut Pair) {
    for (case, groups, topics) in [
        (
            "some",
            &[GROUP][..],
            Some(&[(READ, &[0, 1, 9][..]), (OTHER, &[0, 1]), ("gr-none", &[0])][..]),
        ),
        ("all", &[GROUP], None),
        ("all of a group that has one topic", &["gr-simple"], None),
        ("nothing", &[GROUP], Some(&[])),
        (
            "several groups",
            &[GROUP, "gr-simple", "gr-none"],
            Some(&[(READ, &[0, 1])]),
        ),
        ("all of several groups", &[GROUP, "gr-simple", "gr-none"], None),
    ] {
        let asked = |context: &Context<'_>| {
            if topics.is_none() && groups.contains(&GROUP) && context.version >= TOPIC_IDS_FROM {
                // All of a group that has two topics: see `only`.
                return fetch(context, &groups[1..], None);
            }
            fetch(context, groups, topics.map(|topics| only(context, topics)))
        };
        pair.every_version(&format!("fetch: {case}"), asked);
        pair.every_version(&format!("fetch: {case}, stable"), |context| OffsetFetchRequest {
            require_stable: true,
            ..asked(context)
        });
    }
}

fn describe(groups: &[&str]) -> DescribeGroupsRequest {
    DescribeGroupsRequest {
        groups: groups.iter().map(|group| text(group)).collect(),
        ..Default::default()
    }
}

fn delete(groups: &[&str]) -> DeleteGroupsRequest {
    DeleteGroupsRequest {
        groups_names: groups.iter().map(|group| text(group)).collect(),
    }
}

fn delete_offsets(group: &str, places: &[(&str, &[i32])]) -> OffsetDeleteRequest {
    let topics = places.iter().map(|(topic, partitions)| OffsetDeleteRequestTopic {
        name: text(topic),
        partitions: partitions
            .iter()
            .map(|index| OffsetDeleteRequestPartition {
                partition_index: *index,
            })
            .collect(),
    });
    OffsetDeleteRequest {
        group_id: text(group),
        topics: topics.collect(),
    }
}

fn described(pair: &mut Pair) {
    pair.every_version("describe: a stable group", |_| describe(&[GROUP]));
    pair.every_version("describe: several", |_| describe(&[GROUP, "gr-simple", "gr-none"]));
    pair.every_version("describe: what may be done", |_| DescribeGroupsRequest {
        include_authorized_operations: true,
        ..describe(&[GROUP, "gr-none"])
    });
    for (case, states, types) in [
        ("all", &[][..], &[][..]),
        ("stable", &["Stable"], &[]),
        ("in small letters", &["stable", " empty "], &[]),
        ("a state that is none", &["Sleeping"], &[]),
        ("classic", &[], &["classic"]),
        ("consumer", &[], &["Consumer"]),
        ("a type that is none", &[], &["mine"]),
    ] {
        pair.every_version(&format!("list: {case}"), |_| ListGroupsRequest {
            states_filter: states.iter().map(|state: &&str| text(state)).collect(),
            types_filter: types.iter().map(|kind: &&str| text(kind)).collect(),
        });
    }
    pair.every_version("delete: a group with members", |_| delete(&[GROUP, "gr-none"]));
    pair.every_version("delete offsets: of topics that are read and others", |_| {
        delete_offsets(GROUP, &[(READ, &[0]), (OTHER, &[1, 0, 9]), ("gr-none", &[0])])
    });
}

fn leaves(pair: &mut Pair, ids: &[String; 2]) {
    pair.every_version("leave: a stranger", |context| leave(context, GROUP, &[("m", None)]));
    pair.every_version("leave: strangers", |context| {
        leave(context, GROUP, &[("m", None), ("", Some("i")), ("", None)])
    });
    pair.every_version("leave: nobody", |_| LeaveGroupRequest {
        group_id: text(GROUP),
        ..Default::default()
    });
    pair.once(5, "leave", |context| {
        leave(context, GROUP, &[(&ids[context.side], None)])
    });
}

/// After the last member has gone.
fn emptied(pair: &mut Pair) {
    pair.every_version("describe: an empty group", |_| describe(&[GROUP]));
    pair.every_version("heartbeat: to an empty group", |_| heartbeat(GROUP, "m", 2, None));
    pair.every_version("sync: to an empty group", |context| sync(context, GROUP, "m", 2));
    pair.every_version("commit: nobody, to an empty group", |context| {
        commit(context, GROUP, "", -1, &[(OTHER, 0)])
    });
    pair.every_version("commit: a stranger, to an empty group", |context| {
        commit(context, GROUP, "m", 2, &[(OTHER, 0)])
    });
    pair.every_version("fetch: of an empty group", |context| {
        fetch(
            context,
            &[GROUP],
            Some(only(context, &[(READ, &[0, 1]), (OTHER, &[0, 1])])),
        )
    });
    pair.every_version("delete offsets: of an empty group", |_| {
        delete_offsets(GROUP, &[(READ, &[0, 1])])
    });
    pair.every_version("fetch: what is left", |context| fetch(context, &[GROUP], None));
    pair.once(2, "delete: an empty group, twice", |_| {
        delete(&[GROUP, GROUP, "gr-simple"])
    });
    pair.every_version("delete: a group that is gone", |_| delete(&[GROUP]));
    pair.every_version("fetch: of a group that is gone", |context| {
        fetch(context, &[GROUP], None)
    });
    pair.every_version("list: what is left", |_| ListGroupsRequest::default());
}
