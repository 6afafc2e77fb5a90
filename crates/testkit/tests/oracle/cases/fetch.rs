//! Fetch: positions, limits, epochs and sessions. What is fetched is compared byte for byte.

use base::Uuid;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic};
use protocol::messages::fetch_response::FetchResponse;
use testkit::batch::{Batch, Record};

use super::produce::{KEPT, THEN, produces};
use super::text;
use crate::pair::{Context, Pair};

fn partition(index: i32, offset: i64) -> FetchPartition {
    FetchPartition {
        partition: index,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    }
}

fn names(context: &Context<'_>, topic: &str) -> (String, Uuid) {
    if context.version >= 13 {
        (String::new(), context.id(topic))
    } else {
        (text(topic), Uuid::ZERO)
    }
}

/// A fetch without a session that does not wait.
fn fetches(context: &Context<'_>, topic: &str, partitions: Vec<FetchPartition>) -> FetchRequest {
    let (name, id) = names(context, topic);
    FetchRequest {
        replica_id: -1,
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 50 << 20,
        session_id: 0,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: name,
            topic_id: id,
            partitions,
        }],
        ..Default::default()
    }
}

pub fn run(pair: &mut Pair) {
    pair.create("f", 3, KEPT);
    for step in 0..5 {
        let record = |n: i64| Record {
            timestamp_delta: n,
            ..Record::keyed(format!("{step}-{n}"), vec![b'x'; 100])
        };
        let batch = Batch::new(THEN + step * 1000, (0..4).map(record).collect()).encode();
        pair.once(12, "fill", |context| {
            produces(context, "f", -1, &[(0, Some(batch.clone())), (1, Some(batch.clone()))])
        });
    }
    pair.create("f-zstd", 1, &[("compression.type", "zstd"), KEPT[0]]);
    pair.every_version("fetch: a topic in zstd", |context| {
        fetches(context, "f-zstd", vec![partition(0, 0)])
    });
    positions(pair);
    limits(pair);
    epochs(pair);
    refused(pair);
    sessions(pair);
}

fn positions(pair: &mut Pair) {
    for offset in [0, 1, 3, 4, 17, 19, 20, 21, 100, -1, i64::MAX] {
        pair.every_version(&format!("fetch: from {offset}"), |context| {
            fetches(context, "f", vec![partition(0, offset)])
        });
    }
    pair.every_version("fetch: two partitions", |context| {
        fetches(context, "f", vec![partition(1, 4), partition(0, 8)])
    });
    pair.every_version("fetch: an empty partition", |context| {
        fetches(context, "f", vec![partition(2, 0)])
    });
    pair.every_version("fetch: a partition twice", |context| {
        fetches(context, "f", vec![partition(0, 4), partition(0, 8)])
    });
    for level in [1, 2, -1] {
        pair.every_version(&format!("fetch: isolation level {level}"), |context| FetchRequest {
            isolation_level: level,
            ..fetches(context, "f", vec![partition(0, 16)])
        });
    }
    pair.every_version("fetch: waiting for more than there is", |context| FetchRequest {
        max_wait_ms: 50,
        min_bytes: 1 << 20,
        ..fetches(context, "f", vec![partition(0, 16)])
    });
    pair.every_version("fetch: waiting at the end", |context| FetchRequest {
        max_wait_ms: 50,
        ..fetches(context, "f", vec![partition(0, 20)])
    });
    pair.every_version("fetch: a rack", |context| FetchRequest {
        rack_id: text("r1"),
        ..fetches(context, "f", vec![partition(0, 16)])
    });
}

fn limits(pair: &mut Pair) {
    for bytes in [0, 1, 100, 500, 600, 1100, 1 << 20] {
        pair.every_version(&format!("fetch: {bytes} bytes a partition"), |context| {
            let small = |index| FetchPartition {
                partition_max_bytes: bytes,
                ..partition(index, 2)
            };
            fetches(context, "f", vec![small(0), small(1)])
        });
        pair.every_version(&format!("fetch: {bytes} bytes in all"), |context| FetchRequest {
            max_bytes: bytes,
            ..fetches(context, "f", vec![partition(0, 2), partition(1, 0)])
        });
    }
    pair.every_version("fetch: fewer than no bytes", |context| FetchRequest {
        max_bytes: -1,
        ..fetches(context, "f", vec![partition(0, 2)])
    });
}

fn epochs(pair: &mut Pair) {
    for epoch in [-1, 0, 1, 9, -2] {
        pair.every_version(&format!("fetch: leader epoch {epoch}"), |context| {
            fetches(
                context,
                "f",
                vec![FetchPartition {
                    current_leader_epoch: epoch,
                    ..partition(0, 16)
                }],
            )
        });
    }
    for (epoch, offset) in [(0, 16), (0, 21), (1, 16), (-1, 16), (5, 0)] {
        pair.every_version(&format!("fetch: last fetched epoch {epoch} at {offset}"), |context| {
            fetches(
                context,
                "f",
                vec![FetchPartition {
                    last_fetched_epoch: epoch,
                    ..partition(0, offset)
                }],
            )
        });
    }
    pair.every_version("fetch: log start offset of a consumer", |context| {
        fetches(
            context,
            "f",
            vec![FetchPartition {
                log_start_offset: 5,
                ..partition(0, 16)
            }],
        )
    });
}

fn refused(pair: &mut Pair) {
    pair.every_version("fetch: a partition that is not", |context| {
        fetches(context, "f", vec![partition(9, 0), partition(0, 16)])
    });
    pair.every_version("fetch: a negative partition", |context| {
        fetches(context, "f", vec![partition(-1, 0)])
    });
    for version in 4..=12 {
        pair.once(version, "fetch: a topic that is not", |context| {
            fetches(context, "nobody", vec![partition(0, 0)])
        });
        pair.once(version, "fetch: a bad name", |context| {
            fetches(context, "a/b", vec![partition(0, 0)])
        });
    }
    for version in 13..=18 {
        for (case, id) in [
            ("an id that is not", Uuid([9; 16])),
            ("no id", Uuid::ZERO),
            ("the metadata's id", Uuid::METADATA_TOPIC),
        ] {
            pair.once(version, &format!("fetch: {case}"), |context| {
                let mut request = fetches(context, "f", vec![partition(0, 0)]);
                request.topics[0].topic_id = id;
                request
            });
        }
    }
    pair.every_version("fetch: nothing", |context| FetchRequest {
        topics: Vec::new(),
        ..fetches(context, "f", Vec::new())
    });
    pair.every_version("fetch: no partitions", |context| fetches(context, "f", Vec::new()));
    for replica in [0, 1, 5, -2] {
        pair.every_version(&format!("fetch: as replica {replica}"), |context| FetchRequest {
            replica_id: replica,
            ..fetches(context, "f", vec![partition(0, 16)])
        });
    }
}

/// Session ids of both sides, by chance.
fn ids(answers: Option<[FetchResponse; 2]>) -> [i32; 2] {
    answers.map_or([0; 2], |answers| answers.map(|answer| answer.session_id))
}

fn sessions(pair: &mut Pair) {
    for version in 7..=18 {
        let within = |context: &Context<'_>, ids: [i32; 2], epoch: i32, partitions: Vec<FetchPartition>| {
            let mut request = fetches(context, "f", partitions);
            (request.session_id, request.session_epoch) = (ids[context.side], epoch);
            if request.topics[0].partitions.is_empty() {
                request.topics.clear();
            }
            request
        };
        let none = [0; 2];
        pair.once(version, "session: unknown", |context| {
            within(context, [12345; 2], 1, vec![partition(0, 16)])
        });
        pair.once(version, "session: none, but an epoch", |context| {
            within(context, none, 5, vec![partition(0, 16)])
        });
        pair.once(version, "session: close an unknown one", |context| {
            within(context, [12345; 2], -1, vec![partition(0, 16)])
        });
        let session = ids(pair.once(version, "session: open", |context| {
            within(
                context,
                none,
                0,
                vec![partition(0, 16), partition(1, 20), partition(2, 0)],
            )
        }));
        pair.once(version, "session: nothing new", |context| {
            within(context, session, 1, vec![partition(0, 20)])
        });
        pair.once(version, "session: nothing asked", |context| {
            within(context, session, 2, Vec::new())
        });
        pair.once(version, "session: one moved back", |context| {
            within(context, session, 3, vec![partition(1, 16)])
        });
        pair.once(version, "session: one out of range", |context| {
            within(context, session, 4, vec![partition(1, 99)])
        });
        pair.once(version, "session: still out of range", |context| {
            within(context, session, 5, Vec::new())
        });
        pair.once(version, "session: two forgotten", |context| {
            let (topic, topic_id) = names(context, "f");
            let forgotten = ForgottenTopic {
                topic,
                topic_id,
                partitions: vec![1, 2],
            };
            FetchRequest {
                forgotten_topics_data: vec![forgotten],
                ..within(context, session, 6, Vec::new())
            }
        });
        pair.once(version, "session: after forgetting", |context| {
            within(context, session, 7, Vec::new())
        });
        pair.once(version, "session: a partition that is not", |context| {
            within(context, session, 8, vec![partition(9, 0)])
        });
        pair.once(version, "session: an old epoch", |context| {
            within(context, session, 3, Vec::new())
        });
        pair.once(version, "session: a future epoch", |context| {
            within(context, session, 99, Vec::new())
        });
        pair.once(version, "session: closed", |context| {
            within(context, session, -1, vec![partition(0, 16)])
        });
        pair.once(version, "session: after closing", |context| {
            within(context, session, 1, Vec::new())
        });
        let first = ids(pair.once(version, "session: a second", |context| {
            within(context, none, 0, vec![partition(0, 16)])
        }));
        pair.once(version, "session: replaced by a new one", |context| {
            within(context, first, 0, vec![partition(1, 16)])
        });
        pair.once(version, "session: the replaced one", |context| {
            within(context, first, 1, Vec::new())
        });
    }
}
