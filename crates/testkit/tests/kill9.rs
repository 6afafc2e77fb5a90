//! kill -9, again and again, under an idempotent producer with acks=all and batches in flight: every acknowledged
//! record is there, in order, once, and what was in flight can be sent again.

use std::collections::VecDeque;
use std::time::Duration;

use base::Rng;
use bytes::Bytes;
use protocol::Records;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use testkit::batch::{Batch, Record, values};
use testkit::{Cluster, Maker, Settings, SingleNode, Wire};

const TOPIC: &str = "survivors";

/// As many batches as an idempotent producer may have under way.
const IN_FLIGHT: usize = 5;

/// The producer: it numbers records, remembers what is not acknowledged, and sends that again after a restart.
struct Producer {
    /// The time of all records: now, for a producer whose last record is a day old is forgotten in a restart.
    started: i64,
    id: i64,
    epoch: i16,
    /// The number of the next record, which is its sequence number too.
    next: usize,
    /// First number and count of each batch that nobody acknowledged.
    unacknowledged: VecDeque<(usize, usize)>,
    /// Records that were acknowledged.
    acknowledged: usize,
}

fn text(number: usize) -> String {
    format!("{number:08}").repeat(1 + number % 60)
}

impl Producer {
    fn new(bootstrap: &str) -> Producer {
        let mut wire = Wire::connect(bootstrap).expect("the broker accepts");
        let request = InitProducerIdRequest {
            transactional_id: None,
            ..Default::default()
        };
        let answer = loop {
            let answer = wire.call(4, &request).expect("InitProducerId is answered");
            // 14: the coordinator is still loading; Kafka says so until its first block of ids has come.
            if answer.error_code != 14 {
                break answer;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(answer.error_code, 0, "{answer:?}");
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        Producer {
            started: i64::try_from(now.as_millis()).expect("not that late"),
            id: answer.producer_id,
            epoch: answer.producer_epoch,
            next: 0,
            unacknowledged: VecDeque::new(),
            acknowledged: 0,
        }
    }

    fn request(&self, (first, count): (usize, usize)) -> ProduceRequest {
        let records = (first..first + count)
            .map(|number| Record::value(text(number)))
            .collect();
        let sequence = i32::try_from(first).expect("few records");
        let batch = Batch::new(self.started, records).from_producer(self.id, self.epoch, sequence);
        let partition = PartitionProduceData {
            index: 0,
            records: Some(Records::Bytes(Bytes::from(batch.encode()))),
        };
        let topic = TopicProduceData {
            name: TOPIC.to_owned(),
            partition_data: vec![partition],
            ..Default::default()
        };
        ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![topic],
            ..Default::default()
        }
    }

    /// Sends a new batch of a few records.
    fn send(&mut self, wire: &mut Wire, rng: &mut Rng) -> i32 {
        let batch = (self.next, 1 + below(rng, 20));
        self.next += batch.1;
        self.unacknowledged.push_back(batch);
        wire.send(9, &self.request(batch)).expect("the broker still lives")
    }

    /// Reads the acknowledgement of the oldest batch under way. After a crash it may be of a batch that was written
    /// before: then the offset is that of the first writing, or the broker only says that it is a duplicate (46).
    fn acknowledge(&mut self, wire: &mut Wire, correlation_id: i32) {
        let answer = wire
            .receive::<ProduceRequest>(9, correlation_id)
            .expect("Produce is answered");
        let partition = &answer.responses[0].partition_responses[0];
        let (first, count) = self.unacknowledged.pop_front().expect("one is under way");
        if partition.error_code != 46 {
            assert_eq!(partition.error_code, 0, "the batch from {first}: {partition:?}");
            assert_eq!(
                partition.base_offset,
                i64::try_from(first).expect("few"),
                "its offset: {partition:?}"
            );
        }
        self.acknowledged = first + count;
    }

    /// Sends again, in order, what was not acknowledged, beginning with the last batch that was `written`: a broker
    /// that crashed remembers at least that one of each producer, so that it is not written twice.
    fn send_again(&mut self, wire: &mut Wire, written: usize) {
        self.unacknowledged.retain(|(first, count)| first + count >= written);
        for batch in self.unacknowledged.clone() {
            let id = wire.send(9, &self.request(batch)).expect("the broker lives");
            self.acknowledge(wire, id);
        }
    }
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).expect("below a usize")
}

/// Segments of a megabyte, the least Kafka allows, so that crashes fall beside rolls too.
fn create_topic(bootstrap: &str) {
    let config = CreatableTopicConfig {
        name: "segment.bytes".to_owned(),
        value: Some("1048576".to_owned()),
    };
    let topic = CreatableTopic {
        name: TOPIC.to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        configs: vec![config],
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![topic],
        ..Default::default()
    };
    let answer = Wire::connect(bootstrap)
        .and_then(|mut wire| wire.call(5, &request))
        .expect("it is answered");
    assert_eq!(answer.topics[0].error_code, 0, "{answer:?}");
}

/// Reads the whole partition and checks that it is the numbers from 0 on, each at its own offset; returns how many.
fn check(bootstrap: &str, at_least: usize, at_most: usize) -> usize {
    let mut wire = Wire::connect(bootstrap).expect("the broker accepts");
    let mut next = 0;
    loop {
        let partition = FetchPartition {
            fetch_offset: i64::try_from(next).expect("few"),
            partition_max_bytes: 4 << 20,
            ..Default::default()
        };
        let topic = FetchTopic {
            topic: TOPIC.to_owned(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = FetchRequest {
            replica_id: -1,
            min_bytes: 0,
            topics: vec![topic],
            session_epoch: -1,
            ..Default::default()
        };
        let answer = wire.call(12, &request).expect("Fetch is answered");
        let fetched = &answer.responses[0].partitions[0];
        assert_eq!(fetched.error_code, 0, "at {next}");
        let bytes = fetched
            .records
            .as_ref()
            .and_then(Records::as_bytes)
            .cloned()
            .unwrap_or_default();
        let from = i64::try_from(next).expect("few");
        let fresh: Vec<_> = values(&bytes)
            .into_iter()
            .filter(|(offset, _)| *offset >= from)
            .collect();
        if fresh.is_empty() {
            break;
        }
        for (offset, value) in fresh {
            assert_eq!(offset, i64::try_from(next).expect("few"), "no gap and nothing twice");
            assert_eq!(value, Some(text(next).into_bytes()), "the record at {offset}");
            next += 1;
        }
    }
    assert!(
        (at_least..=at_most).contains(&next),
        "{next} records, {at_least} acknowledged, {at_most} sent"
    );
    next
}

/// A partition's leader may take a moment after a restart.
fn until_led(bootstrap: &str) -> Wire {
    let mut wire = Wire::connect(bootstrap).expect("the broker accepts");
    let body = [
        &[0xff; 4][..],
        &[0, 0, 0, 1, 0, 9],
        TOPIC.as_bytes(),
        &[0, 0, 0, 1, 0, 0, 0, 0],
        &[0xff; 8],
    ]
    .concat();
    for _ in 0..1_000 {
        let answer = wire.call_raw(2, 1, &body).expect("ListOffsets is answered");
        let error = answer.len().checked_sub(18).and_then(|at| answer.get(at..at + 2));
        if error == Some(&[0, 0]) {
            return wire;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no leader for {TOPIC} within 20 s");
}

fn run(cluster: &mut dyn Cluster, rounds: usize, seed: u64) {
    println!("{} seed {seed:#x}", cluster.name());
    let mut rng = Rng::from_seed(seed);
    create_topic(cluster.bootstrap());
    drop(until_led(cluster.bootstrap()));
    let mut producer = Producer::new(cluster.bootstrap());
    for round in 0..rounds {
        let mut wire = until_led(cluster.bootstrap());
        let written = check(cluster.bootstrap(), producer.acknowledged, producer.next);
        producer.send_again(&mut wire, written);
        let mut under_way = VecDeque::new();
        for _ in 0..20 + below(&mut rng, 200) {
            under_way.push_back(producer.send(&mut wire, &mut rng));
            if under_way.len() == IN_FLIGHT {
                let oldest = under_way.pop_front().expect("five are under way");
                producer.acknowledge(&mut wire, oldest);
            }
        }
        // Up to four batches are somewhere between the socket and the file at this moment.
        std::thread::sleep(Duration::from_micros(rng.below(1_500)));
        cluster.kill9().expect("it dies");
        let restarted = cluster.restart();
        restarted.unwrap_or_else(|error| panic!("round {round}, seed {seed:#x}: {error:#}"));
    }
    let mut wire = until_led(cluster.bootstrap());
    let written = check(cluster.bootstrap(), producer.acknowledged, producer.next);
    producer.send_again(&mut wire, written);
    check(cluster.bootstrap(), producer.next, producer.next);
}

#[test]
fn nothing_acknowledged_is_lost_by_kafka() {
    run(
        &mut SingleNode::start(Maker::Kafka, &Settings::default()).expect("Kafka starts"),
        2,
        0x9_0001,
    );
}

#[test]
fn nothing_acknowledged_is_lost_by_riverrun() {
    for seed in [0x9_0002, 0x9_0003] {
        run(
            &mut SingleNode::start(Maker::Riverrun, &Settings::default()).expect("Riverrun starts"),
            12,
            seed,
        );
    }
}
