//! CreateTopics, CreatePartitions, DeleteTopics, Metadata and DescribeTopicPartitions.

use base::Uuid;
use protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::describe_topic_partitions_request::{Cursor, DescribeTopicPartitionsRequest, TopicRequest};
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};

use super::text;
use crate::pair::{Context, Pair};

pub fn run(pair: &mut Pair) {
    create(pair);
    create_with_configs(pair);
    create_by_hand(pair);
    grow(pair);
    metadata(pair);
    metadata_by_id(pair);
    automatic(pair);
    describe(pair);
    delete(pair);
}

fn topic(name: &str, partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: text(name),
        num_partitions: partitions,
        replication_factor,
        ..Default::default()
    }
}

fn creates(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics,
        ..Default::default()
    }
}

/// One creation per version, each of a topic of its own.
fn each(pair: &mut Pair, case: &str, topic_of: impl Fn(&Context<'_>) -> CreatableTopic) {
    pair.every_version(case, |context| creates(vec![topic_of(context)]));
}

fn create(pair: &mut Pair) {
    each(pair, "create", |context| topic(&context.name("made"), 2, 1));
    each(pair, "create again", |context| topic(&context.name("made"), 2, 1));
    each(pair, "only validate", |context| topic(&context.name("validated"), 2, 1));
    pair.every_version("validate only", |context| CreateTopicsRequest {
        validate_only: true,
        ..creates(vec![
            topic(&context.name("never"), 2, 1),
            topic(&context.name("made"), 1, 1),
        ])
    });
    each(pair, "default partitions and replication", |context| {
        topic(&context.name("defaults"), -1, -1)
    });
    each(pair, "no partitions", |context| topic(&context.name("zero"), 0, 1));
    each(pair, "minus two partitions", |context| {
        topic(&context.name("minus"), -2, 1)
    });
    each(pair, "replication factor zero", |context| {
        topic(&context.name("rf-zero"), 1, 0)
    });
    each(pair, "replication factor three", |context| {
        topic(&context.name("rf-three"), 1, 3)
    });
    each(pair, "replication factor minus two", |context| {
        topic(&context.name("rf-minus"), 1, -2)
    });
    for name in ["", ".", "..", "a/b", "a b", "ü", "a,b", "__cluster_metadata"] {
        each(pair, &format!("name {name:?}"), |_| topic(name, 1, 1));
    }
    each(pair, "name of 249 characters", |context| {
        topic(&format!("{}{}", "x".repeat(246), context.name("")), 1, 1)
    });
    each(pair, "name of 250 characters", |_| topic(&"y".repeat(250), 1, 1));
    pair.every_version("names that collide", |context| {
        creates(vec![
            topic(&context.name("a.b"), 1, 1),
            topic(&context.name("a_b"), 1, 1),
        ])
    });
    pair.every_version("the same name twice", |context| {
        creates(vec![
            topic(&context.name("twice"), 1, 1),
            topic(&context.name("twice"), 2, 1),
            topic(&context.name("once"), 1, 1),
        ])
    });
    pair.every_version("nothing", |_| creates(Vec::new()));
    pair.every_version("a good one among bad ones", |context| {
        creates(vec![
            topic("bad/name", 1, 1),
            topic(&context.name("good"), 1, 1),
            topic(&context.name("many"), 1, 9),
        ])
    });
    pair.every_version("no time", |context| CreateTopicsRequest {
        timeout_ms: 0,
        validate_only: true,
        ..creates(vec![topic(&context.name("late"), 1, 1)])
    });
    each(pair, "ten thousand and one partitions", |context| {
        topic(&context.name("very-many"), 10_001, 1)
    });
}

fn configured(name: &str, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    let config = |(name, value): &(&str, Option<&str>)| CreatableTopicConfig {
        name: text(name),
        value: value.map(text),
    };
    CreatableTopic {
        configs: configs.iter().map(config).collect(),
        ..topic(name, 1, 1)
    }
}

fn create_with_configs(pair: &mut Pair) {
    let all_kinds: &[(&str, Option<&str>)] = &[
        ("cleanup.policy", Some("compact,delete")),
        ("compression.type", Some("zstd")),
        ("retention.ms", Some("1000")),
        ("min.cleanable.dirty.ratio", Some("0.25")),
        ("unclean.leader.election.enable", Some("true")),
        ("message.timestamp.type", Some("LogAppendTime")),
    ];
    each(pair, "configs of all kinds", |context| {
        configured(&context.name("configured"), all_kinds)
    });
    let values: &[(&str, Option<&str>)] = &[
        ("cleanup.policy", Some("shred")),
        ("cleanup.policy", Some("")),
        ("compression.type", Some("brotli")),
        ("compression.gzip.level", Some("10")),
        ("compression.gzip.level", Some("-1")),
        ("compression.lz4.level", Some("18")),
        ("retention.ms", Some("soon")),
        ("retention.ms", Some("-2")),
        ("retention.ms", Some("99999999999999999999")),
        ("retention.ms", None),
        ("retention.ms", Some("")),
        ("retention.ms", Some(" 5 ")),
        ("segment.bytes", Some("13")),
        ("segment.bytes", Some("1048576")),
        ("segment.ms", Some("0")),
        ("segment.index.bytes", Some("3")),
        ("min.insync.replicas", Some("0")),
        ("min.insync.replicas", Some("2")),
        ("max.message.bytes", Some("-1")),
        ("max.message.bytes", Some("2147483648")),
        ("min.cleanable.dirty.ratio", Some("1.5")),
        ("preallocate", Some("perhaps")),
        ("preallocate", Some("TRUE")),
        ("message.timestamp.type", Some("Never")),
        ("message.format.version", Some("3.0")),
        ("message.downconversion.enable", Some("true")),
        ("local.retention.ms", Some("5")),
        ("local.retention.bytes", Some("-3")),
        ("remote.storage.enable", Some("true")),
        ("follower.replication.throttled.replicas", Some("*")),
        ("follower.replication.throttled.replicas", Some("0:1,1:x")),
        ("no.such.config", Some("1")),
        ("", Some("1")),
        ("file.delete.delay.ms", Some("0")),
        ("max.compaction.lag.ms", Some("0")),
        ("min.compaction.lag.ms", Some("-1")),
        ("flush.messages", Some("0")),
        ("index.interval.bytes", Some("-1")),
        ("delete.retention.ms", Some("-1")),
        ("segment.jitter.ms", Some("-1")),
        ("retention.bytes", Some("-1")),
    ];
    for (at, value) in values.iter().enumerate() {
        let case = format!("config {}={:?}", value.0, value.1);
        each(pair, &case, |context| {
            configured(&context.name(&format!("config-{at}")), std::slice::from_ref(value))
        });
    }
    each(pair, "the same config twice", |context| {
        configured(
            &context.name("config-twice"),
            &[("retention.ms", Some("1")), ("retention.ms", Some("2"))],
        )
    });
    let contrary: &[(&str, Option<&str>)] = &[
        ("min.compaction.lag.ms", Some("9")),
        ("max.compaction.lag.ms", Some("8")),
    ];
    each(pair, "least lag over most lag", |context| {
        configured(&context.name("contrary"), contrary)
    });
    let local: &[(&str, Option<&str>)] = &[("retention.ms", Some("5")), ("local.retention.ms", Some("6"))];
    each(pair, "local retention over retention", |context| {
        configured(&context.name("local"), local)
    });
}

fn assigned(name: &str, partitions: i32, replication_factor: i16, assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignment = |(index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index: *index,
        broker_ids: brokers.to_vec(),
    };
    CreatableTopic {
        assignments: assignments.iter().map(assignment).collect(),
        ..topic(name, partitions, replication_factor)
    }
}

fn create_by_hand(pair: &mut Pair) {
    let cases: &[(&str, i32, i16, &[(i32, &[i32])])] = &[
        ("assigned", -1, -1, &[(0, &[1]), (1, &[1])]),
        ("assigned out of order", -1, -1, &[(1, &[1]), (0, &[1])]),
        ("assigned with a gap", -1, -1, &[(0, &[1]), (2, &[1])]),
        ("assigned from one", -1, -1, &[(1, &[1])]),
        ("assigned to nobody", -1, -1, &[(0, &[])]),
        ("assigned to an unknown broker", -1, -1, &[(0, &[7])]),
        ("assigned twice to one broker", -1, -1, &[(0, &[1, 1])]),
        ("one partition assigned twice", -1, -1, &[(0, &[1]), (0, &[1])]),
        ("assigned and counted", 2, -1, &[(0, &[1]), (1, &[1])]),
        ("assigned and replicated", -1, 1, &[(0, &[1])]),
        ("assigned a negative partition", -1, -1, &[(-1, &[1])]),
        ("assigned unevenly", -1, -1, &[(0, &[1]), (1, &[1, 2])]),
    ];
    for (at, (case, partitions, factor, assignments)) in cases.iter().enumerate() {
        each(pair, case, |context| {
            assigned(
                &context.name(&format!("by-hand-{at}")),
                *partitions,
                *factor,
                assignments,
            )
        });
    }
}

fn grows(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic {
    let assignment = |brokers: &&[i32]| CreatePartitionsAssignment {
        broker_ids: brokers.to_vec(),
    };
    CreatePartitionsTopic {
        name: text(name),
        count,
        assignments: assignments.map(|all| all.iter().map(assignment).collect()),
    }
}

fn grow(pair: &mut Pair) {
    for version in 0..=3 {
        pair.create(&format!("grow-v{version}"), 2, &[]);
    }
    let request = |topics: Vec<CreatePartitionsTopic>| CreatePartitionsRequest {
        topics,
        timeout_ms: 30_000,
        validate_only: false,
    };
    let cases: &[(&str, i32, Option<&[&[i32]]>)] = &[
        ("fewer", 1, None),
        ("as many", 2, None),
        ("none", 0, None),
        ("a negative count", -1, None),
        ("too few assignments", 4, Some(&[&[1]])),
        ("too many assignments", 3, Some(&[&[1], &[1]])),
        ("an unknown broker", 3, Some(&[&[7]])),
        ("the same broker twice", 3, Some(&[&[1, 1]])),
        ("an empty assignment", 3, Some(&[&[]])),
        ("no assignments at all", 3, Some(&[])),
        ("another replication factor", 3, Some(&[&[1, 2]])),
    ];
    for (case, count, assignments) in cases {
        pair.every_version(&format!("grow: {case}"), |context| {
            request(vec![grows(&context.name("grow"), *count, *assignments)])
        });
    }
    pair.every_version("grow: an unknown topic", |_| request(vec![grows("nobody", 3, None)]));
    pair.every_version("grow: nothing", |_| request(Vec::new()));
    pair.every_version("grow: validate only", |context| CreatePartitionsRequest {
        validate_only: true,
        ..request(vec![grows(&context.name("grow"), 5, None)])
    });
    pair.every_version("grow: the same topic twice", |context| {
        request(vec![
            grows(&context.name("grow"), 6, None),
            grows(&context.name("grow"), 7, None),
        ])
    });
    pair.every_version("grow: to three", |context| {
        request(vec![grows(&context.name("grow"), 3, None)])
    });
    pair.every_version("grow: to four by hand", |context| {
        request(vec![grows(&context.name("grow"), 4, Some(&[&[1]]))])
    });
    for version in 0..=3 {
        pair.settle(&format!("grow-v{version}"), 4);
    }
}

fn asks(names: &[&str]) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic {
        name: Some(text(name)),
        ..Default::default()
    };
    MetadataRequest {
        topics: Some(names.iter().map(topic).collect()),
        allow_auto_topic_creation: false,
        ..Default::default()
    }
}

fn metadata(pair: &mut Pair) {
    pair.create("known", 3, &[]);
    pair.create("other", 1, &[]);
    // Before version 4 a client cannot forbid that unknown topics are created: those are cases of their own.
    pair.every_version("metadata: known topics", |_| MetadataRequest {
        allow_auto_topic_creation: true,
        ..asks(&["known", "other"])
    });
    pair.every_version("metadata: known topics, none to be created", |_| {
        asks(&["known", "other"])
    });
    pair.every_version("metadata: an unknown topic", |_| asks(&["known", "nobody"]));
    pair.every_version("metadata: a topic twice", |_| asks(&["known", "known"]));
    pair.every_version("metadata: bad names", |_| MetadataRequest {
        allow_auto_topic_creation: true,
        ..asks(&["a/b", "", ".", ".."])
    });
    pair.every_version("metadata: bad names, none to be created", |_| asks(&["a/b", ""]));
    pair.every_version("metadata: no topics", |_| MetadataRequest {
        topics: Some(Vec::new()),
        ..asks(&[])
    });
    pair.every_version("metadata: no topics, none to be created", |_| asks(&[]));
    pair.every_version("metadata: operations", |_| MetadataRequest {
        include_cluster_authorized_operations: true,
        include_topic_authorized_operations: true,
        ..asks(&["known"])
    });
    pair.every_version("metadata: operations of topics", |_| MetadataRequest {
        include_topic_authorized_operations: true,
        ..asks(&["known"])
    });
}

fn metadata_by_id(pair: &mut Pair) {
    let by_id = |id: Uuid, name: Option<&str>| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            topic_id: id,
            name: name.map(text),
        }]),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    pair.every_version("metadata: by id", |context| by_id(context.id("known"), None));
    pair.every_version("metadata: by an unknown id", |_| by_id(Uuid([9; 16]), None));
    pair.every_version("metadata: by id and name", |context| {
        by_id(context.id("known"), Some("known"))
    });
    pair.every_version("metadata: neither id nor name", |_| by_id(Uuid::ZERO, None));
    pair.every_version("metadata: by an id and a name, topics may be created", |context| {
        MetadataRequest {
            allow_auto_topic_creation: true,
            ..by_id(context.id("known"), None)
        }
    });
}

fn automatic(pair: &mut Pair) {
    pair.every_version("metadata: a topic to be made", |context| MetadataRequest {
        allow_auto_topic_creation: true,
        ..asks(&[&context.name("automatic")])
    });
    for version in 0..=13 {
        pair.settle(&format!("automatic-v{version}"), 1);
    }
    pair.every_version("metadata: a topic that was made", |context| {
        asks(&[&context.name("automatic")])
    });
}

fn describe(pair: &mut Pair) {
    let request = |names: &[&str], limit: i32, cursor: Option<(&str, i32)>| DescribeTopicPartitionsRequest {
        topics: names.iter().map(|name| TopicRequest { name: text(name) }).collect(),
        response_partition_limit: limit,
        cursor: cursor.map(|(name, partition)| Cursor {
            topic_name: text(name),
            partition_index: partition,
        }),
    };
    let cases: &[(&str, &[&str], i32, Option<(&str, i32)>)] = &[
        ("one", &["known"], 2000, None),
        ("two, unsorted", &["other", "known"], 2000, None),
        ("an unknown one", &["known", "nobody"], 2000, None),
        ("a bad name", &["a/b"], 2000, None),
        ("an empty name", &[""], 2000, None),
        ("one twice", &["known", "known"], 2000, None),
        ("a limit of two", &["known", "other"], 2, None),
        ("a limit of three", &["known", "other"], 3, None),
        ("a limit of zero", &["known", "other"], 0, None),
        ("a negative limit", &["known"], -1, None),
        ("from a cursor", &["known", "other"], 2, Some(("known", 2))),
        ("from a later topic", &["known", "other"], 2000, Some(("other", 0))),
        (
            "from a topic not asked for",
            &["known", "other"],
            2000,
            Some(("lost", 0)),
        ),
        (
            "from a negative partition",
            &["known", "other"],
            2000,
            Some(("known", -1)),
        ),
        (
            "from beyond the last partition",
            &["known", "other"],
            2000,
            Some(("known", 9)),
        ),
    ];
    for (case, names, limit, cursor) in cases {
        pair.every_version(&format!("describe: {case}"), |_| request(names, *limit, *cursor));
    }
}

fn delete(pair: &mut Pair) {
    for version in 1..=6 {
        pair.create(&format!("doomed-v{version}"), 2, &[]);
        pair.create(&format!("doomed-by-id-v{version}"), 1, &[]);
    }
    let by_name = |names: &[&str]| DeleteTopicsRequest {
        topic_names: names.iter().map(|name| text(name)).collect(),
        timeout_ms: 30_000,
        ..Default::default()
    };
    let by_state = |name: Option<&str>, id: Uuid| DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: name.map(text),
            topic_id: id,
        }],
        timeout_ms: 30_000,
        ..Default::default()
    };
    pair.every_version("delete: an unknown topic", |_| by_name(&["nobody"]));
    pair.every_version("delete: nothing", |_| by_name(&[]));
    pair.every_version("delete: a bad name", |_| by_name(&["a/b", ""]));
    pair.every_version("delete: one and an unknown one", |context| {
        by_name(&[&context.name("doomed"), "nobody"])
    });
    pair.every_version("delete: it twice in one request", |context| {
        by_name(&[&context.name("doomed-by-id"), &context.name("doomed-by-id")])
    });
    pair.once(6, "delete: by name", |context| {
        by_state(Some(&context.name("doomed")), Uuid::ZERO)
    });
    pair.once(6, "delete: by id and name", |context| {
        by_state(Some("known"), context.id("known"))
    });
    pair.once(6, "delete: neither", |_| by_state(None, Uuid::ZERO));
    pair.once(6, "delete: by an unknown id", |_| by_state(None, Uuid([9; 16])));
    pair.once(6, "delete: by id", |context| {
        by_state(None, context.id("doomed-by-id-v6"))
    });
    for version in 1..=6 {
        pair.settle_gone(&format!("doomed-v{version}"));
    }
    pair.every_version("delete: it once more", |context| by_name(&[&context.name("doomed")]));
    pair.settle_gone("doomed-by-id-v6");
    pair.every_version("metadata: by the id of a deleted topic", |context| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            topic_id: context.id("doomed-by-id-v6"),
            name: None,
        }]),
        allow_auto_topic_creation: false,
        ..Default::default()
    });
}
