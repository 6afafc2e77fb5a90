//! Produce: what is taken, what is refused, and what a producer's sequence numbers do.

use base::Uuid;
use bytes::Bytes;
use protocol::Records;
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use testkit::batch::{Batch, Record};

use super::text;
use crate::pair::{Context, Pair};

/// When records of these cases were made: within every default bound, and the same on both sides.
pub const THEN: i64 = 1_700_000_000_000;

/// What those records would otherwise not outlive.
pub const KEPT: &[(&str, &str)] = &[("retention.ms", "-1")];

/// A request for some partitions of one topic; by name or by id, as the version has it.
pub fn produces(context: &Context<'_>, topic: &str, acks: i16, parts: &[(i32, Option<Vec<u8>>)]) -> ProduceRequest {
    let part = |(index, bytes): &(i32, Option<Vec<u8>>)| PartitionProduceData {
        index: *index,
        records: bytes.clone().map(|bytes| Records::Bytes(Bytes::from(bytes))),
    };
    let by_id = context.version >= 13;
    ProduceRequest {
        acks,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: if by_id { String::new() } else { text(topic) },
            topic_id: if by_id { context.id(topic) } else { Uuid::ZERO },
            partition_data: parts.iter().map(part).collect(),
        }],
        ..Default::default()
    }
}

fn plain(count: usize) -> Batch {
    let record = |n: usize| Record {
        timestamp_delta: i64::try_from(n).expect("few"),
        ..Record::keyed(format!("k{n}"), format!("v{n}"))
    };
    Batch::new(THEN, (0..count).map(record).collect())
}

pub fn run(pair: &mut Pair) {
    pair.create("p", 2, KEPT);
    // What Kafka and Riverrun do not both take goes here, so that the offsets elsewhere stay equal.
    pair.create("p-doubtful", 1, KEPT);
    pair.create("p-small", 1, &[("max.message.bytes", "500"), KEPT[0]]);
    pair.create("p-compact", 1, &[("cleanup.policy", "compact")]);
    pair.create("p-append-time", 1, &[("message.timestamp.type", "LogAppendTime")]);
    pair.create("p-gzip", 1, &[("compression.type", "gzip"), KEPT[0]]);
    pair.create(
        "p-bounded",
        1,
        &[
            ("message.timestamp.before.max.ms", "1000"),
            ("message.timestamp.after.max.ms", "1000"),
        ],
    );
    good(pair);
    malformed(pair);
    refused(pair);
    sequences(pair);
}

fn one(pair: &mut Pair, case: &str, topic: &str, bytes: &[u8]) {
    pair.every_version(case, |context| {
        produces(context, topic, -1, &[(0, Some(bytes.to_vec()))])
    });
}

fn good(pair: &mut Pair) {
    one(pair, "produce: one record", "p", &plain(1).encode());
    one(pair, "produce: ten records", "p", &plain(10).encode());
    pair.every_version("produce: acks 1", |context| {
        produces(context, "p", 1, &[(0, Some(plain(2).encode()))])
    });
    pair.every_version("produce: two partitions", |context| {
        produces(
            context,
            "p",
            -1,
            &[(0, Some(plain(2).encode())), (1, Some(plain(3).encode()))],
        )
    });
    pair.every_version("produce: no time to wait", |context| ProduceRequest {
        timeout_ms: 0,
        ..produces(context, "p", -1, &[(0, Some(plain(1).encode()))])
    });
    let nulls = Batch::new(
        THEN,
        vec![
            Record::default(),
            Record {
                headers: vec![(text("h"), None)],
                ..Record::value("")
            },
        ],
    );
    one(pair, "produce: null key and value, a null header", "p", &nulls.encode());
    one(pair, "produce: to append time", "p-append-time", &plain(2).encode());
    one(
        pair,
        "produce: to a topic that compresses",
        "p-gzip",
        &plain(20).encode(),
    );
    one(
        pair,
        "produce: keyed to a compacted topic",
        "p-compact",
        &plain(3).encode(),
    );
    let mut offset = plain(2);
    offset.base_offset = 77;
    offset.partition_leader_epoch = 5;
    one(
        pair,
        "produce: an offset and an epoch of the client's",
        "p",
        &offset.encode(),
    );
}

fn malformed(pair: &mut Pair) {
    let good = plain(3).encode();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= byte;
        bytes
    };
    one(pair, "produce: a wrong checksum", "p", &changed(17, 1));
    one(
        pair,
        "produce: a flipped bit in the records",
        "p",
        &changed(good.len() - 1, 1),
    );
    one(pair, "produce: a length too long", "p", &changed(11, 0x40));
    one(pair, "produce: a length too short", "p", &changed(11, good[11]));
    one(pair, "produce: a tail cut off", "p", &good[..good.len() - 5]);
    one(pair, "produce: only half a header", "p", &good[..30]);
    one(pair, "produce: five bytes", "p", &good[..5]);
    one(pair, "produce: bytes of nothing", "p", &[]);
    one(
        pair,
        "produce: two batches",
        "p",
        &[good.clone(), good.clone()].concat(),
    );
    one(
        pair,
        "produce: a batch and half of one",
        "p-doubtful",
        &[good.clone(), good[..40].to_vec()].concat(),
    );
    // Null records are no case: Kafka leaves such a request unanswered for ever.
    for magic in [-1, 0, 1, 3] {
        let mut batch = plain(1);
        batch.magic = magic;
        one(pair, &format!("produce: magic {magic}"), "p", &batch.encode());
    }
    for (name, attributes) in [
        ("control", 0x20),
        ("transactional", 0x10),
        ("codec 5", 5),
        ("codec 7", 7),
        ("append time", 8),
        ("delete horizon", 0x40),
        ("unused bits", 0x180),
    ] {
        let mut batch = plain(1);
        batch.attributes = attributes;
        one(
            pair,
            &format!("produce: attributes: {name}"),
            "p-doubtful",
            &batch.encode(),
        );
    }
    for codec in 1..=4 {
        let mut batch = plain(3);
        batch.attributes = codec;
        batch.body = Some(b"this is not compressed".to_vec());
        one(
            pair,
            &format!("produce: garbage in codec {codec}"),
            "p",
            &batch.encode(),
        );
    }
    let mut empty = plain(0);
    one(pair, "produce: a batch of no records", "p", &empty.encode());
    empty = plain(2);
    empty.body = Some(plain(1).plain_records());
    one(pair, "produce: fewer records than counted", "p", &empty.encode());
    empty = plain(1);
    empty.body = Some(plain(2).plain_records());
    one(pair, "produce: more records than counted", "p", &empty.encode());
}

fn refused(pair: &mut Pair) {
    pair.every_version("produce: a partition that is not", |context| {
        produces(context, "p", -1, &[(9, Some(plain(1).encode()))])
    });
    pair.every_version("produce: a negative partition", |context| {
        produces(context, "p", -1, &[(-1, Some(plain(1).encode()))])
    });
    for version in 3..=12 {
        pair.once(version, "produce: a topic that is not", |context| {
            produces(context, "nobody", -1, &[(0, Some(plain(1).encode()))])
        });
        pair.once(version, "produce: a bad topic name", |context| {
            produces(context, "a/b", -1, &[(0, Some(plain(1).encode()))])
        });
    }
    pair.once(13, "produce: an id that is not", |context| {
        let mut request = produces(context, "p", -1, &[(0, Some(plain(1).encode()))]);
        request.topic_data[0].topic_id = Uuid([9; 16]);
        request
    });
    pair.once(13, "produce: no id", |context| {
        let mut request = produces(context, "p", -1, &[(0, Some(plain(1).encode()))]);
        request.topic_data[0].topic_id = Uuid::ZERO;
        request
    });
    for acks in [2, -2] {
        pair.every_version(&format!("produce: acks {acks}"), |context| {
            produces(context, "p", acks, &[(0, Some(plain(1).encode()))])
        });
    }
    pair.every_version("produce: no topics", |_| ProduceRequest {
        acks: -1,
        timeout_ms: 1000,
        ..Default::default()
    });
    pair.every_version("produce: no partitions", |context| produces(context, "p", -1, &[]));
    one(pair, "produce: over the topic's limit", "p-small", &plain(100).encode());
    one(
        pair,
        "produce: at most the topic's limit",
        "p-small",
        &plain(5).encode(),
    );
    one(
        pair,
        "produce: without a key to a compacted topic",
        "p-compact",
        &Batch::new(THEN, vec![Record::keyed("k", "v"), Record::value("v")]).encode(),
    );
    one(pair, "produce: too old", "p-bounded", &plain(2).encode());
    one(
        pair,
        "produce: too new",
        "p-bounded",
        &Batch::new(9_000_000_000_000, vec![Record::value("v")]).encode(),
    );
    one(
        pair,
        "produce: over an hour from now",
        "p",
        &Batch::new(9_000_000_000_000, vec![Record::value("v")]).encode(),
    );
    one(
        pair,
        "produce: a negative time",
        "p",
        &Batch::new(-1, vec![Record::value("v")]).encode(),
    );
    one(
        pair,
        "produce: a time below minus one",
        "p",
        &Batch::new(-2, vec![Record::value("v")]).encode(),
    );
}

/// What one producer does in turn. Each version uses a producer of its own, since the state stays.
fn sequences(pair: &mut Pair) {
    let steps: &[(&str, i64, i16, i32, usize)] = &[
        ("first", 0, 0, 0, 3),
        ("next", 0, 0, 3, 2),
        ("again", 0, 0, 3, 2),
        ("the first again", 0, 0, 0, 3),
        ("a gap", 0, 0, 9, 1),
        ("third", 0, 0, 5, 1),
        ("fourth", 0, 0, 6, 1),
        ("fifth", 0, 0, 7, 1),
        ("sixth", 0, 0, 8, 1),
        ("older than is remembered", 0, 0, 0, 3),
        ("overlapping", 0, 0, 7, 2),
        ("a newer epoch, not from zero", 0, 1, 9, 1),
        ("a newer epoch", 0, 1, 0, 1),
        ("the old epoch", 0, 0, 9, 1),
        ("a producer's first, not from zero", 1, 0, 5, 1),
        ("a negative sequence", 2, 0, -1, 1),
        ("a negative epoch", 3, -1, 0, 1),
        ("up to the greatest sequence", 4, 0, i32::MAX - 1, 2),
        ("around the greatest sequence", 4, 0, 0, 2),
    ];
    for (case, producer, epoch, sequence, count) in steps {
        pair.every_version(&format!("produce: sequence: {case}"), |context| {
            let producer = 1_000_000 + i64::from(context.version) * 100 + producer;
            let batch = plain(*count).from_producer(producer, *epoch, *sequence);
            produces(context, "p", -1, &[(1, Some(batch.encode()))])
        });
    }
    one(pair, "produce: two batches of one producer", "p", &{
        let batch = |sequence| plain(1).from_producer(2_000_000, 0, sequence).encode();
        [batch(0), batch(1)].concat()
    });
    let mut batch = plain(1).from_producer(3_000_000, 0, 0);
    batch.attributes = 0x10;
    one(
        pair,
        "produce: in a transaction that was not begun",
        "p-doubtful",
        &batch.encode(),
    );
}
