//! The consumer group protocol (KIP-848): ConsumerGroupHeartbeat and ConsumerGroupDescribe, offsets with member epochs, and
//! what members of one kind of group get from the other.

use bytes::Bytes;
use protocol::messages::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use protocol::messages::consumer_group_heartbeat_request::{ConsumerGroupHeartbeatRequest, TopicPartitions};
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
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::sync_group_request::SyncGroupRequest;

use super::text;
use crate::pair::{Context, Pair};

const READ: &str = "cg-read";
const GROUP: &str = "cg-group";
const STATIC: &str = "cg-static";
const CLASSIC: &str = "cg-classic";
const MIXED: &str = "cg-mixed";
/// The member ids, which clients choose.
const FIRST: &str = "member-1";
const SECOND: &str = "member-2";
/// The first version of OffsetCommit and OffsetFetch with topic ids.
const TOPIC_IDS_FROM: i16 = 10;
const BY_NAME: i16 = 9;

pub fn run(pair: &mut Pair) {
    pair.create(READ, 4, &[]);
    pair.settle_coordinator(0);
    pair.settle_groups(&["a", "b", "c", "d", GROUP, STATIC, CLASSIC, MIXED]);
    refused(pair);
    nobody(pair);
    alone(pair);
    offsets(pair);
    classic_requests(pair);
    two(pair);
    statics(pair);
    from_classic(pair);
    gone(pair);
    mixed(pair);
}

/// A member that joins: epoch 0, subscribed to one topic, with nothing yet.
fn joins(group: &str, member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: text(group),
        member_id: text(member),
        member_epoch: 0,
        rebalance_timeout_ms: 300_000,
        subscribed_topic_names: Some(vec![text(READ)]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    }
}

/// A member that only says that it is there.
fn beats(group: &str, member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: text(group),
        member_id: text(member),
        member_epoch: epoch,
        rebalance_timeout_ms: -1,
        ..Default::default()
    }
}

/// The same with what it has.
fn beats_with(
    context: &Context<'_>,
    group: &str,
    member: &str,
    epoch: i32,
    owned: &[i32],
) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        topic_partitions: Some(vec![TopicPartitions {
            topic_id: context.id(READ),
            partitions: owned.to_vec(),
        }]),
        ..beats(group, member, epoch)
    }
}

/// What is refused before any group is looked at, and what a group that is not there says.
fn refused(pair: &mut Pair) {
    let joining = || joins("cg-refused", "m");
    type Request = ConsumerGroupHeartbeatRequest;
    let cases: Vec<(&str, Request)> = vec![
        (
            "no group",
            Request {
                group_id: String::new(),
                ..joining()
            },
        ),
        (
            "a blank group",
            Request {
                group_id: text(" "),
                ..joining()
            },
        ),
        (
            "no time to rebalance",
            Request {
                rebalance_timeout_ms: -1,
                ..joining()
            },
        ),
        (
            "a rebalance in no time",
            Request {
                rebalance_timeout_ms: 0,
                ..joining()
            },
        ),
        (
            "nothing subscribed",
            Request {
                subscribed_topic_names: None,
                ..joining()
            },
        ),
        (
            "partitions not told",
            Request {
                topic_partitions: None,
                ..joining()
            },
        ),
        (
            "no name for a static member",
            Request {
                instance_id: Some(String::new()),
                ..joining()
            },
        ),
        (
            "no rack",
            Request {
                rack_id: Some(String::new()),
                ..joining()
            },
        ),
        (
            "an assignor that is none",
            Request {
                server_assignor: Some(text("mine")),
                ..joining()
            },
        ),
        (
            "an assignor without a name",
            Request {
                server_assignor: Some(String::new()),
                ..joining()
            },
        ),
        (
            "an epoch below all",
            Request {
                member_epoch: -3,
                ..joining()
            },
        ),
        (
            "leaves for a while without a name",
            Request {
                member_epoch: -2,
                ..joining()
            },
        ),
        (
            "an empty pattern",
            Request {
                subscribed_topic_names: None,
                subscribed_topic_regex: Some(String::new()),
                ..joining()
            },
        ),
        (
            "a pattern that is none",
            Request {
                subscribed_topic_regex: Some(text("(")),
                ..joining()
            },
        ),
    ];
    for (case, request) in cases {
        pair.every_version(&format!("heartbeat: {case}"), |_| request.clone());
    }
    // Version 0 makes up an id.
    pair.once(1, "heartbeat: no member", |_| joins("cg-refused", ""));
    pair.every_version("heartbeat: partitions at the start", |context| Request {
        topic_partitions: beats_with(context, "", "", 0, &[0]).topic_partitions,
        ..joining()
    });
}

fn nobody(pair: &mut Pair) {
    for (case, request) in [
        ("an epoch", beats("cg-none", "m", 3)),
        ("leaving", beats("cg-none", "m", -1)),
        (
            "leaving for a while",
            ConsumerGroupHeartbeatRequest {
                instance_id: Some(text("i")),
                ..beats("cg-none", "m", -2)
            },
        ),
    ] {
        pair.every_version(&format!("heartbeat to nobody: {case}"), |_| request.clone());
    }
    pair.every_version("describe: nobody", |_| describe(&["cg-none"]));
    pair.every_version("describe: no name", |_| describe(&[""]));
    pair.every_version("describe: nothing", |_| describe(&[]));
}

fn describe(groups: &[&str]) -> ConsumerGroupDescribeRequest {
    ConsumerGroupDescribeRequest {
        group_ids: groups.iter().map(|group| text(group)).collect(),
        ..Default::default()
    }
}

/// A group of one member.
fn alone(pair: &mut Pair) {
    pair.once(1, "join", |_| joins(GROUP, FIRST));
    described(pair, "with one member");
    pair.once(1, "take what is given", |context| {
        beats_with(context, GROUP, FIRST, 1, &[0, 1, 2, 3])
    });
    for (case, member, epoch) in [
        ("well", FIRST, 1),
        ("an epoch that is gone", FIRST, 0),
        ("an epoch to come", FIRST, 2),
        ("a stranger", "m", 1),
        ("a stranger that leaves", "m", -1),
    ] {
        // An epoch of 0 would be a join.
        if epoch != 0 {
            pair.every_version(&format!("heartbeat: {case}"), |_| beats(GROUP, member, epoch));
        }
    }
    pair.every_version("heartbeat: what is not its own", |context| {
        beats_with(context, GROUP, FIRST, 1, &[0, 1, 2, 3, 9])
    });
    pair.every_version("heartbeat: again all it said", |context| {
        ConsumerGroupHeartbeatRequest {
            member_epoch: 1,
            topic_partitions: beats_with(context, "", "", 0, &[0, 1, 2, 3]).topic_partitions,
            ..joins(GROUP, FIRST)
        }
    });
    pair.every_version("heartbeat: joins again", |_| joins(GROUP, FIRST));
    pair.once(1, "take it again", |context| {
        beats_with(context, GROUP, FIRST, 1, &[0, 1, 2, 3])
    });
    described(pair, "that has all");
    pair.every_version("describe: what may be done", |_| ConsumerGroupDescribeRequest {
        include_authorized_operations: true,
        ..describe(&[GROUP, "cg-none"])
    });
    pair.every_version("list: groups of consumers", |_| ListGroupsRequest {
        types_filter: vec![text("consumer")],
        ..Default::default()
    });
    pair.every_version("describe as a classic group", |_| DescribeGroupsRequest {
        groups: vec![text(GROUP)],
        ..Default::default()
    });
    pair.every_version("delete: a group with members", |_| delete(GROUP));
    pair.every_version("delete offsets: of a topic that is read", |_| OffsetDeleteRequest {
        group_id: text(GROUP),
        topics: vec![OffsetDeleteRequestTopic {
            name: text(READ),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }],
    });
}

fn described(pair: &mut Pair, case: &str) {
    pair.every_version(&format!("describe: a group {case}"), |_| describe(&[GROUP]));
}

fn delete(group: &str) -> DeleteGroupsRequest {
    DeleteGroupsRequest {
        groups_names: vec![text(group)],
    }
}

fn commit(context: &Context<'_>, member: &str, epoch: i32, partition: i32) -> OffsetCommitRequest {
    let by_id = context.version >= TOPIC_IDS_FROM;
    OffsetCommitRequest {
        group_id: text(GROUP),
        generation_id_or_member_epoch: epoch,
        member_id: text(member),
        topics: vec![OffsetCommitRequestTopic {
            name: if by_id { String::new() } else { text(READ) },
            topic_id: if by_id { context.id(READ) } else { base::Uuid::ZERO },
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: partition,
                committed_offset: 3,
                committed_metadata: Some(text("a note")),
                ..Default::default()
            }],
        }],
        ..Default::default()
    }
}

fn fetch(context: &Context<'_>, member: Option<&str>, epoch: i32) -> OffsetFetchRequest {
    let by_id = context.version >= TOPIC_IDS_FROM;
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: text(GROUP),
            member_id: member.map(text),
            member_epoch: epoch,
            topics: Some(vec![OffsetFetchRequestTopics {
                name: if by_id { String::new() } else { text(READ) },
                topic_id: if by_id { context.id(READ) } else { base::Uuid::ZERO },
                partition_indexes: vec![0, 1],
            }]),
        }],
        ..Default::default()
    }
}

/// Offsets of members, by their epochs.
fn offsets(pair: &mut Pair) {
    for (case, member, epoch) in [
        ("well", FIRST, 1),
        ("an epoch that is gone", FIRST, 0),
        ("an epoch to come", FIRST, 2),
        ("no epoch", FIRST, -1),
        ("a stranger", "m", 1),
        ("nobody", "", -1),
    ] {
        pair.every_version(&format!("commit: {case}"), |context| commit(context, member, epoch, 0));
        for version in BY_NAME..=TOPIC_IDS_FROM {
            pair.once(version, &format!("fetch: {case}"), |context| {
                fetch(context, (!member.is_empty()).then_some(member), epoch)
            });
        }
    }
}

/// Requests of the classic protocol to a group of the new one.
fn classic_requests(pair: &mut Pair) {
    pair.every_version("classic heartbeat", |_| HeartbeatRequest {
        group_id: text(GROUP),
        generation_id: 1,
        member_id: text(FIRST),
        ..Default::default()
    });
    pair.every_version("classic sync", |context| SyncGroupRequest {
        group_id: text(GROUP),
        generation_id: 1,
        member_id: text(FIRST),
        protocol_type: (context.version >= 5).then(|| text("consumer")),
        protocol_name: (context.version >= 5).then(|| text("range")),
        ..Default::default()
    });
    for version in 3..=5 {
        pair.once(version, "classic leave of a stranger", |_| LeaveGroupRequest {
            group_id: text(GROUP),
            members: vec![MemberIdentity {
                member_id: text("m"),
                ..Default::default()
            }],
            ..Default::default()
        });
    }
}

fn classic_join(group: &str, member: &str) -> JoinGroupRequest {
    // Version 0, one topic, no user data.
    let mut metadata = vec![0, 0, 0, 0, 0, 1, 0, 7];
    metadata.extend_from_slice(READ.as_bytes());
    metadata.extend_from_slice(&[0xff; 4]);
    JoinGroupRequest {
        group_id: text(group),
        session_timeout_ms: 300_000,
        rebalance_timeout_ms: 300_000,
        member_id: text(member),
        protocol_type: text("consumer"),
        protocols: vec![JoinGroupRequestProtocol {
            name: text("range"),
            metadata: Bytes::from(metadata),
        }],
        ..Default::default()
    }
}

/// Members of the classic protocol that come to a group of the new one.
fn mixed(pair: &mut Pair) {
    pair.once(1, "a group to come to", |_| joins(MIXED, FIRST));
    pair.every_version("classic join: a stranger", |_| classic_join(MIXED, "m"));
    pair.every_version("classic join: another type", |_| JoinGroupRequest {
        protocol_type: text("connect"),
        ..classic_join(MIXED, "m")
    });
    pair.every_version("classic join: what cannot be read", |_| JoinGroupRequest {
        protocols: vec![JoinGroupRequestProtocol {
            name: text("range"),
            metadata: Bytes::from_static(b"?"),
        }],
        ..classic_join(MIXED, "m")
    });
}

/// A second member, which gets half of it once the first has let go.
fn two(pair: &mut Pair) {
    pair.once(1, "the second joins", |_| joins(GROUP, SECOND));
    described(pair, "with two members");
    pair.once(1, "the first hears of it", |_| beats(GROUP, FIRST, 1));
    pair.once(1, "the first lets go", |context| {
        beats_with(context, GROUP, FIRST, 1, &[0, 1])
    });
    described(pair, "whose first has let go");
    pair.once(1, "the second is told", |_| beats(GROUP, SECOND, 2));
    pair.once(1, "the second takes it", |context| {
        beats_with(context, GROUP, SECOND, 2, &[2, 3])
    });
    described(pair, "that is stable again");
    for version in 0..=1 {
        pair.once(version, "the first with the epoch before", |_| beats(GROUP, FIRST, 1));
        pair.once(version, "the first with its epoch", |_| beats(GROUP, FIRST, 2));
    }
    pair.every_version("commit: with the epoch before", |context| commit(context, FIRST, 1, 0));
    pair.every_version("commit: with the epoch", |context| commit(context, FIRST, 2, 0));
    pair.once(1, "another assignor", |_| ConsumerGroupHeartbeatRequest {
        server_assignor: Some(text("range")),
        ..beats(GROUP, FIRST, 2)
    });
    described(pair, "where one wants another assignor");
    pair.once(1, "the first subscribes to more", |_| ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: Some(vec![text(READ), text("cg-none")]),
        ..beats(GROUP, FIRST, 2)
    });
    described(pair, "of which one has subscribed to more");
    pair.once(1, "the second leaves", |_| beats(GROUP, SECOND, -1));
    described(pair, "that one has left");
}

/// Static members: who takes whose place.
fn statics(pair: &mut Pair) {
    let named = |request: ConsumerGroupHeartbeatRequest| ConsumerGroupHeartbeatRequest {
        instance_id: Some(text("i")),
        ..request
    };
    pair.once(1, "a static member joins", |_| named(joins(STATIC, FIRST)));
    pair.once(1, "another of the same name", |_| named(joins(STATIC, SECOND)));
    pair.once(1, "its name without its id", |_| named(beats(STATIC, SECOND, 1)));
    pair.once(1, "its id without its name", |_| beats(STATIC, FIRST, 1));
    pair.once(1, "it leaves for a while", |_| named(beats(STATIC, FIRST, -2)));
    pair.every_version("describe: a static member that is away", |_| describe(&[STATIC]));
    pair.once(1, "it comes back", |_| named(joins(STATIC, SECOND)));
    pair.once(1, "the one before", |_| named(beats(STATIC, FIRST, 1)));
    pair.every_version("describe: a static member that is back", |_| describe(&[STATIC]));
    pair.once(1, "it leaves", |_| named(beats(STATIC, SECOND, -1)));
    pair.every_version("describe: a static member that has left", |_| describe(&[STATIC]));
}

/// A classic group that somebody of the new kind comes to.
fn from_classic(pair: &mut Pair) {
    let answers = pair.once(9, "an id for a classic member", |_| classic_join(CLASSIC, ""));
    let Some(answers) = answers else { return };
    let ids = answers.map(|answer| answer.member_id);
    pair.once(9, "a classic member joins", |context| {
        classic_join(CLASSIC, &ids[context.side])
    });
    pair.every_version("describe: a classic group", |_| describe(&[CLASSIC]));
    pair.every_version("heartbeat to a classic group", |_| beats(CLASSIC, "m", 1));
    pair.once(5, "the classic member leaves", |context| LeaveGroupRequest {
        group_id: text(CLASSIC),
        members: vec![MemberIdentity {
            member_id: ids[context.side].clone(),
            ..Default::default()
        }],
        ..Default::default()
    });
    pair.once(1, "a new member in the empty group", |_| joins(CLASSIC, FIRST));
    pair.every_version("describe: what was a classic group", |_| describe(&[CLASSIC]));
    pair.once(1, "it leaves", |_| beats(CLASSIC, FIRST, -1));
}

/// After everybody has left.
fn gone(pair: &mut Pair) {
    pair.once(1, "the first leaves", |_| beats(GROUP, FIRST, -1));
    described(pair, "that all have left");
    pair.every_version("commit: nobody, to an empty group", |context| {
        commit(context, "", -1, 1)
    });
    pair.every_version("commit: a stranger, to an empty group", |context| {
        commit(context, "m", 5, 1)
    });
    pair.every_version("heartbeat: to an empty group", |_| beats(GROUP, FIRST, 3));
    for group in [GROUP, STATIC, CLASSIC] {
        pair.once(2, "delete: an empty group", |_| delete(group));
        pair.every_version("describe: a group that is deleted", |_| describe(&[group]));
    }
}
