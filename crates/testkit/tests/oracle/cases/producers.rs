//! InitProducerId, DescribeProducers and FindCoordinator.

use protocol::messages::describe_producers_request::{DescribeProducersRequest, TopicRequest};
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use testkit::batch::{Batch, Record};

use super::produce::{KEPT, THEN, produces};
use super::text;
use crate::pair::Pair;

pub fn run(pair: &mut Pair) {
    init(pair);
    describe(pair);
    coordinators(pair);
}

fn init(pair: &mut Pair) {
    let request = |id: i64, epoch: i16| InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 60_000,
        producer_id: id,
        producer_epoch: epoch,
        ..Default::default()
    };
    // Until its first block of ids has come, Kafka says that it is loading.
    pair.settle_producer_ids();
    pair.every_version("init: idempotent", |_| request(-1, -1));
    pair.every_version("init: an id without an epoch", |_| request(5, -1));
    pair.every_version("init: an epoch without an id", |_| request(-1, 5));
    pair.every_version("init: an id and an epoch", |_| request(5, 5));
    pair.every_version("init: no time at all", |_| InitProducerIdRequest {
        transaction_timeout_ms: 0,
        ..request(-1, -1)
    });
    pair.every_version("init: a negative time", |_| InitProducerIdRequest {
        transaction_timeout_ms: -1,
        ..request(-1, -1)
    });
    pair.every_version("init: an empty transactional id", |_| InitProducerIdRequest {
        transactional_id: Some(String::new()),
        ..request(-1, -1)
    });
}

fn describe(pair: &mut Pair) {
    pair.create("d", 2, KEPT);
    for (producer, sequence) in [(500_000, 0), (500_001, 0), (500_000, 1)] {
        let batch = Batch::new(THEN, vec![Record::value("v")]).from_producer(producer, 0, sequence);
        pair.once(12, "fill", |context| {
            produces(context, "d", -1, &[(0, Some(batch.encode()))])
        });
    }
    let request = |topic: &str, partitions: &[i32]| DescribeProducersRequest {
        topics: vec![TopicRequest {
            name: text(topic),
            partition_indexes: partitions.to_vec(),
        }],
    };
    pair.every_version("describe producers", |_| request("d", &[0, 1]));
    pair.every_version("describe producers: a partition that is not", |_| request("d", &[7, 0]));
    pair.every_version("describe producers: a topic that is not", |_| request("nobody", &[0]));
    pair.every_version("describe producers: a bad name", |_| request("a/b", &[0]));
    pair.every_version("describe producers: no partitions", |_| request("d", &[]));
    pair.every_version("describe producers: nothing", |_| DescribeProducersRequest {
        topics: Vec::new(),
    });
}

fn coordinators(pair: &mut Pair) {
    let one = |key: &str, kind: i8| FindCoordinatorRequest {
        key: text(key),
        key_type: kind,
        ..Default::default()
    };
    let several = |keys: &[&str], kind: i8| FindCoordinatorRequest {
        key_type: kind,
        coordinator_keys: keys.iter().map(|key| text(key)).collect(),
        ..Default::default()
    };
    for kind in [3, -1, 9] {
        pair.every_version(&format!("find: kind {kind}"), |_| one("g", kind));
        pair.every_version(&format!("find: kind {kind}, several"), |_| several(&["g", "h"], kind));
    }
    pair.every_version("find: a share key that is none", |_| several(&["g"], 2));
    // The first question makes the internal topic, so its answer depends on the moment; the next ones do not.
    for (kind, topic, partitions) in [(0, "__consumer_offsets", 4), (1, "__transaction_state", 50)] {
        for side in &mut pair.sides {
            let answer = side
                .wire()
                .call(3, &one("g", kind))
                .expect("FindCoordinator is answered");
            assert!([0, 15].contains(&answer.error_code), "{answer:?}");
        }
        pair.settle(topic, partitions);
        pair.settle_coordinator(kind);
        pair.every_version(&format!("find: of kind {kind}"), |_| one("g", kind));
        pair.every_version(&format!("find: two of kind {kind}"), |_| several(&["g", "h"], kind));
        pair.every_version(&format!("find: no name of kind {kind}"), |_| one("", kind));
        pair.every_version(&format!("find: no name among two of kind {kind}"), |_| {
            several(&["", "g"], kind)
        });
    }
    // In the older versions it is a question for a group without a name.
    pair.every_version("find: nobody", |_| several(&[], 0));
}
