//! The transaction APIs: InitProducerId with a transactional id, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit,
//! EndTxn, WriteTxnMarkers, DescribeTransactions and ListTransactions.

use protocol::ApiKey;
use protocol::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::list_transactions_request::ListTransactionsRequest;
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};

use super::text;
use crate::pair::{Context, Pair};

/// The topics that transactions write to.
const WRITTEN: &str = "tx-written";
const MARKED: &str = "tx-marked";
const GROUP: &str = "tx-group";
/// The first version in which AddPartitionsToTxn is for several transactions, and for brokers.
const BATCHED_FROM: i16 = 4;
/// The first versions of the second transaction protocol (KIP-890): of EndTxn, and of TxnOffsetCommit.
const END_BUMPS_FROM: i16 = 5;
const COMMIT_ADDS_FROM: i16 = 5;
/// An id that no side has.
const NOBODY: &str = "tx-nobody";

/// A producer of a transactional id, which may be another one on each side.
#[derive(Clone, Copy)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

pub fn run(pair: &mut Pair) {
    pair.create(WRITTEN, 2, &[]);
    pair.create(MARKED, 1, &[]);
    pair.settle_coordinator(0);
    pair.settle_coordinator(1);
    pair.settle_transactions();
    // Until its first block of ids has come, Kafka says that it is loading.
    pair.settle_producer_ids();
    init(pair);
    init_again(pair);
    strangers(pair);
    partitions(pair);
    offsets(pair);
    ends(pair);
    markers(pair);
    describes(pair);
    lists(pair);
}

fn init_request(id: &str) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: Some(text(id)),
        transaction_timeout_ms: 900_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    }
}

fn init(pair: &mut Pair) {
    for (case, timeout) in [
        ("well", 600_000),
        ("the longest time", 900_000),
        ("too long", 900_001),
        ("no time", 0),
        ("a negative time", -1),
    ] {
        pair.every_version(&format!("init transactional: {case}"), |context| {
            InitProducerIdRequest {
                transaction_timeout_ms: timeout,
                ..init_request(&context.name(case))
            }
        });
    }
    pair.every_version("init transactional: the same again", |context| {
        init_request(&context.name("well"))
    });
    for (case, id, epoch) in [("an id", 5, -1), ("an epoch", -1, 5), ("both", 5, 5)] {
        pair.every_version(&format!("init transactional: {case} of nobody"), |context| {
            InitProducerIdRequest {
                producer_id: id,
                producer_epoch: epoch,
                ..init_request(&context.name("of-nobody"))
            }
        });
    }
    for (case, two_phases, keep) in [("two phases", true, false), ("what was prepared", false, true)] {
        pair.every_version(&format!("init transactional: {case}"), |context| {
            InitProducerIdRequest {
                enable2_pc: two_phases,
                keep_prepared_txn: keep,
                ..init_request(&context.name("phases"))
            }
        });
    }
}

/// Every version that carries a request, each with a producer of its own, which is new.
fn each_version<R: protocol::Request>(pair: &mut Pair, case: &str, build: impl Fn(&Context<'_>, &str, Producer) -> R) {
    for version in versions(R::KEY) {
        let id = format!("{case}-v{version}");
        let producers = pair.init_producer(&id);
        pair.once(version, case, |context| build(context, &id, producers[context.side]));
    }
}

fn versions(key: ApiKey) -> impl Iterator<Item = i16> {
    key.api().versions.expect("an API of this release").iter()
}

fn init_again(pair: &mut Pair) {
    for (case, id, epoch) in [
        ("its own", 0, 0),
        ("an epoch to come", 0, 1),
        ("an epoch that is gone", 0, -1),
        ("another id", 1, 0),
    ] {
        for version in versions(ApiKey::InitProducerId) {
            let name = format!("init-{case}-v{version}");
            pair.init_producer(&name);
            // The second time the epoch is 1, so that there is one that is gone.
            let producers = pair.init_producer(&name);
            pair.once(version, &format!("init transactional: {case}"), |context| {
                let producer = producers[context.side];
                InitProducerIdRequest {
                    producer_id: producer.id + id,
                    producer_epoch: producer.epoch + epoch,
                    ..init_request(&name)
                }
            });
        }
    }
}

fn add(context: &Context<'_>, id: &str, producer: Producer, topics: &[(&str, &[i32])]) -> AddPartitionsToTxnRequest {
    let topic = |(name, partitions): &(&str, &[i32])| AddPartitionsToTxnTopic {
        name: text(name),
        partitions: partitions.to_vec(),
    };
    let topics = topics.iter().map(topic).collect();
    if context.version < BATCHED_FROM {
        return AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: text(id),
            v3_and_below_producer_id: producer.id,
            v3_and_below_producer_epoch: producer.epoch,
            v3_and_below_topics: topics,
            ..Default::default()
        };
    }
    AddPartitionsToTxnRequest {
        transactions: vec![AddPartitionsToTxnTransaction {
            transactional_id: text(id),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            verify_only: false,
            topics,
        }],
        ..Default::default()
    }
}

fn add_offsets(id: &str, producer: Producer, group: &str) -> AddOffsetsToTxnRequest {
    AddOffsetsToTxnRequest {
        transactional_id: text(id),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        group_id: text(group),
    }
}

fn end(id: &str, producer: Producer, committed: bool) -> EndTxnRequest {
    EndTxnRequest {
        transactional_id: text(id),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        committed,
    }
}

fn commit(id: &str, producer: Producer, topics: &[(&str, i32)]) -> TxnOffsetCommitRequest {
    let topic = |(name, partition): &(&str, i32)| TxnOffsetCommitRequestTopic {
        name: text(name),
        partitions: vec![TxnOffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: 5,
            committed_metadata: Some(text("a note")),
            ..Default::default()
        }],
        ..Default::default()
    };
    TxnOffsetCommitRequest {
        transactional_id: text(id),
        group_id: text(GROUP),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        generation_id_or_member_epoch: -1,
        topics: topics.iter().map(topic).collect(),
        ..Default::default()
    }
}

/// Producers that are not who they say: what is added to an id and to an epoch, and the case's name.
const IMPOSTORS: [(&str, i64, i16); 4] = [
    ("another id", 1, 0),
    ("an epoch that is gone", 0, -1),
    ("an epoch to come", 0, 1),
    ("no id and no epoch", i64::MIN, 0),
];

fn impostor(producer: Producer, id: i64, epoch: i16) -> Producer {
    if id == i64::MIN {
        return Producer { id: -1, epoch: -1 };
    }
    Producer {
        id: producer.id + id,
        epoch: producer.epoch + epoch,
    }
}

/// Ids that nobody has, and none; and those whose producer is another one.
fn strangers(pair: &mut Pair) {
    let producer = Producer { id: 9_999, epoch: 0 };
    for id in [NOBODY, ""] {
        let case = |what: &str| format!("{what}: id `{id}`");
        pair.every_version(&case("add partitions"), |context| {
            add(context, id, producer, &[(WRITTEN, &[0])])
        });
        pair.every_version(&case("add offsets"), |_| add_offsets(id, producer, GROUP));
        pair.every_version(&case("end"), |_| end(id, producer, true));
        pair.every_version(&case("describe"), |_| describe(&[id]));
    }
    for (who, id, epoch) in IMPOSTORS {
        let case = |what: &str| format!("{what}: {who}");
        each_version(pair, &case("add partitions"), |context, name, producer| {
            add(context, name, impostor(producer, id, epoch), &[(WRITTEN, &[0])])
        });
        each_version(pair, &case("add offsets"), |_, name, producer| {
            add_offsets(name, impostor(producer, id, epoch), GROUP)
        });
        each_version(pair, &case("end"), |_, name, producer| {
            end(name, impostor(producer, id, epoch), false)
        });
    }
}

fn partitions(pair: &mut Pair) {
    for (case, topics) in [
        ("well", &[(WRITTEN, &[0, 1][..])][..]),
        ("two topics", &[(WRITTEN, &[0]), (MARKED, &[0])]),
        ("one twice", &[(WRITTEN, &[0, 0])]),
        ("a partition that is not", &[(WRITTEN, &[0, 9])]),
        ("a negative partition", &[(WRITTEN, &[-1])]),
        ("a topic that is not", &[("tx-none", &[0]), (WRITTEN, &[0])]),
        ("a bad name", &[("a/b", &[0])]),
        ("nothing", &[]),
        ("a topic without partitions", &[(WRITTEN, &[])]),
    ] {
        each_version(pair, &format!("add partitions: {case}"), |context, id, producer| {
            add(context, id, producer, topics)
        });
    }
    for version in BATCHED_FROM..=5 {
        let id = format!("tx-batched-v{version}");
        let producers = pair.init_producer(&id);
        let only_look = |context: &Context<'_>, topics| {
            let mut request = add(context, &id, producers[context.side], topics);
            request.transactions[0].verify_only = true;
            request
        };
        pair.once(version, "add partitions: look before", |context| {
            only_look(context, &[(WRITTEN, &[0])])
        });
        pair.once(version, "add partitions: before a look", |context| {
            add(context, &id, producers[context.side], &[(WRITTEN, &[0])])
        });
        pair.once(version, "add partitions: look after", |context| {
            only_look(context, &[(WRITTEN, &[0, 1])])
        });
        pair.once(version, "add partitions: of several", |context| {
            let mut request = add(context, &id, producers[context.side], &[(WRITTEN, &[1])]);
            let stranger = Producer { id: 9_999, epoch: 0 };
            request
                .transactions
                .extend(add(context, NOBODY, stranger, &[(WRITTEN, &[0])]).transactions);
            request
        });
    }
}

fn offsets(pair: &mut Pair) {
    for group in [GROUP, ""] {
        each_version(pair, &format!("add offsets: to `{group}`"), |_, id, producer| {
            add_offsets(id, producer, group)
        });
    }
    for (case, topics) in [
        ("well", &[(WRITTEN, 0)][..]),
        ("several", &[(WRITTEN, 0), (WRITTEN, 9), ("tx-none", 0), (MARKED, 0)]),
        ("nothing", &[]),
    ] {
        for version in 0..=COMMIT_ADDS_FROM {
            let id = format!("tx-commit-{case}-v{version}");
            let producers = pair.init_producer(&id);
            if version < COMMIT_ADDS_FROM {
                pair.once(3, "add offsets before a commit", |context| {
                    add_offsets(&id, producers[context.side], GROUP)
                });
            }
            pair.once(version, &format!("commit in transaction: {case}"), |context| {
                commit(&id, producers[context.side], topics)
            });
            pair.abort(&id, producers);
        }
    }
    for (who, generation, member, instance) in [
        ("a stranger", -1, "m", None),
        ("a generation without a member", 3, "", None),
        ("a static stranger", -1, "m", Some("i")),
    ] {
        for version in 3..=COMMIT_ADDS_FROM {
            let id = format!("tx-commit-{who}-v{version}");
            let producers = pair.init_producer(&id);
            pair.once(version, &format!("commit in transaction: {who}"), |context| {
                TxnOffsetCommitRequest {
                    generation_id_or_member_epoch: generation,
                    member_id: text(member),
                    group_instance_id: instance.map(text),
                    ..commit(&id, producers[context.side], &[(WRITTEN, 0)])
                }
            });
        }
    }
    let producers = pair.init_producer("tx-commit-long");
    pair.once(3, "commit in transaction: a long note", |context| {
        let mut request = commit("tx-commit-long", producers[context.side], &[(WRITTEN, 0)]);
        request.topics[0].partitions[0].committed_metadata = Some("x".repeat(4097));
        request
    });
    pair.once(3, "commit in transaction: to no group", |context| {
        TxnOffsetCommitRequest {
            group_id: String::new(),
            ..commit("tx-commit-long", producers[context.side], &[(WRITTEN, 0)])
        }
    });
}

fn ends(pair: &mut Pair) {
    for committed in [true, false] {
        let word = if committed { "commit" } else { "abort" };
        each_version(pair, &format!("end: {word} of nothing"), |_, id, producer| {
            end(id, producer, committed)
        });
        for version in versions(ApiKey::EndTxn) {
            let id = format!("tx-{word}-v{version}");
            let producers = pair.init_producer(&id);
            pair.once(3, "add partitions before an end", |context| {
                add(context, &id, producers[context.side], &[(WRITTEN, &[0, 1])])
            });
            pair.once(version, &format!("end: {word}"), |context| {
                end(&id, producers[context.side], committed)
            });
            pair.settle_transaction(&id, if committed { "CompleteCommit" } else { "CompleteAbort" });
            pair.once(version, &format!("end: {word} again"), |context| {
                end(&id, producers[context.side], committed)
            });
            pair.once(version, &format!("end: other than {word}"), |context| {
                end(&id, producers[context.side], !committed)
            });
            // With the second protocol the epoch has moved on, and the old one is somebody else's.
            let bump = i16::from(version >= END_BUMPS_FROM);
            pair.once(version, &format!("end: {word} with the next epoch"), |context| {
                end(&id, impostor(producers[context.side], 0, bump), committed)
            });
        }
    }
}

fn markers(pair: &mut Pair) {
    let marker = |producer: i64, epoch: i16, coordinator: i32, topics: &[(&str, &[i32])]| {
        let topic = |(name, partitions): &(&str, &[i32])| WritableTxnMarkerTopic {
            name: text(name),
            partition_indexes: partitions.to_vec(),
        };
        WritableTxnMarker {
            producer_id: producer,
            producer_epoch: epoch,
            transaction_result: false,
            topics: topics.iter().map(topic).collect(),
            coordinator_epoch: coordinator,
            transaction_version: 0,
        }
    };
    for (case, markers) in [
        ("nobody's", vec![marker(700_000, 0, 0, &[(MARKED, &[0])])]),
        ("again", vec![marker(700_000, 0, 0, &[(MARKED, &[0])])]),
        ("a newer coordinator", vec![marker(700_000, 0, 5, &[(MARKED, &[0])])]),
        ("an older coordinator", vec![marker(700_000, 0, 4, &[(MARKED, &[0])])]),
        ("a newer epoch", vec![marker(700_000, 3, 5, &[(MARKED, &[0])])]),
        ("an older epoch", vec![marker(700_000, 2, 5, &[(MARKED, &[0])])]),
        (
            "what is not there",
            vec![marker(700_001, 0, 0, &[(MARKED, &[9]), ("tx-none", &[0])])],
        ),
        (
            "of two producers",
            vec![
                marker(700_002, 0, 0, &[(MARKED, &[0])]),
                marker(700_003, 0, 0, &[(WRITTEN, &[0, 1])]),
            ],
        ),
        ("none", Vec::new()),
        ("to nowhere", vec![marker(700_004, 0, 0, &[])]),
    ] {
        pair.every_version(&format!("markers: {case}"), |_| WriteTxnMarkersRequest {
            markers: markers.clone(),
        });
    }
}

fn describe(ids: &[&str]) -> DescribeTransactionsRequest {
    DescribeTransactionsRequest {
        transactional_ids: ids.iter().map(|id| text(id)).collect(),
    }
}

fn describes(pair: &mut Pair) {
    let producers = pair.init_producer("tx-open");
    pair.once(3, "add partitions before a description", |context| {
        add(
            context,
            "tx-open",
            producers[context.side],
            &[(WRITTEN, &[0, 1]), (MARKED, &[0])],
        )
    });
    pair.init_producer("tx-idle");
    for (case, ids) in [
        ("open", &["tx-open"][..]),
        ("idle", &["tx-idle"]),
        ("committed", &["tx-commit-v3"]),
        ("aborted", &["tx-abort-v5"]),
        ("several", &["tx-open", NOBODY, "tx-idle", ""]),
        ("nothing", &[]),
        ("one twice", &["tx-idle", "tx-idle"]),
    ] {
        pair.every_version(&format!("describe transactions: {case}"), |_| describe(ids));
    }
}

fn lists(pair: &mut Pair) {
    for (case, states) in [
        ("all", &[][..]),
        ("ongoing", &["Ongoing"]),
        ("a state that is none", &["Sleeping", "Empty"]),
        ("in small letters", &["ongoing"]),
    ] {
        pair.every_version(&format!("list transactions: {case}"), |_| ListTransactionsRequest {
            state_filters: states.iter().map(|state| text(state)).collect(),
            duration_filter: -1,
            ..Default::default()
        });
    }
    pair.every_version("list transactions: of a producer that is not", |_| {
        ListTransactionsRequest {
            producer_id_filters: vec![9_999],
            duration_filter: -1,
            ..Default::default()
        }
    });
    for (case, duration) in [
        ("long ones", 1_000_000_000),
        ("any duration", 0),
        ("less than none", -5),
    ] {
        pair.every_version(&format!("list transactions: {case}"), |_| ListTransactionsRequest {
            duration_filter: duration,
            ..Default::default()
        });
    }
    for pattern in ["tx-(open|idle)", "tx", "", "[", ".*-v[35]", "(?=a)b"] {
        pair.every_version(&format!("list transactions: pattern `{pattern}`"), |_| {
            ListTransactionsRequest {
                transactional_id_pattern: Some(text(pattern)),
                duration_filter: -1,
                ..Default::default()
            }
        });
    }
    let producers = pair.init_producer("tx-open");
    pair.settle_transaction("tx-open", "Empty");
    pair.once(3, "end: what was taken over", |context| {
        end("tx-open", producers[context.side], true)
    });
}
