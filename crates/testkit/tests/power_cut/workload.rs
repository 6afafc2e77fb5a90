//! Clients that write while they are recorded: idempotent and transactional producers, a group that commits, topics that come and go.

use super::history::{Commit, History, Life, Place, Sent};
use super::moves::{self, AtTheEnd};
use super::transactor;
use base::Rng;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::produce_request::ProduceRequest;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use testkit::Talk;
use testkit::batch::{Batch, Record};
use testkit::power_cut::monotonic;
use testkit::talk::{eventually, now_ms, produce_request};

/// How many producers there are at once.
const PRODUCERS: u64 = 4;
/// How many batches each sends.
const BATCHES: usize = 120;
/// How many requests of a producer may be on their way at once.
pub const IN_FLIGHT: u64 = 5;
/// How often the group commits.
const COMMITS: i64 = 60;
/// How many topics come and go.
const TOPICS: usize = 5;

/// Topics that are there all the time, and their partitions; their segments are small, so that cuts fall beside rolls.
const LASTING: [(&str, i32); 2] = [("one", 1), ("many", 12)];

/// Runs all clients to their end, while replicas move between the log directories below `root`.
pub fn run(address: &str, root: &Path, seed: u64, history: &History) {
    let mut talk = Talk::at(address).unwrap();
    for (topic, partitions) in LASTING {
        create(&mut talk, topic, partitions, &[("segment.bytes", "1048576")], history);
    }
    create(
        &mut talk,
        transactor::TOPIC,
        transactor::PARTITIONS,
        &transactor::CONFIGS,
        history,
    );
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| moves::between_dirs(address, root, Rng::from_seed(seed), history, &is_over));
        let _over = AtTheEnd(&is_over);
        run_clients(address, seed, history);
    });
}

fn run_clients(address: &str, seed: u64, history: &History) {
    thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            scope.spawn(move || produce(address, Rng::from_seed(seed ^ (producer + 1)), producer, history));
        }
        for who in 0..transactor::TRANSACTORS {
            scope.spawn(move || transactor::run(address, who, seed, history));
        }
        scope.spawn(|| commit(address, history));
        scope.spawn(|| come_and_go(address, history));
    });
}

fn create(talk: &mut Talk, topic: &str, partitions: i32, configs: &[(&str, &str)], history: &History) {
    talk.create_topic(topic, partitions, configs).unwrap();
    let life = Life {
        created_at: monotonic(),
        partitions,
        deletion: None,
    };
    history.topics.lock().unwrap().insert(topic.to_owned(), life);
}

struct Producer {
    name: u64,
    id: i64,
    epoch: i16,
    sequences: std::collections::BTreeMap<(String, i32), i32>,
    counter: usize,
}

impl Producer {
    fn begin(talk: &mut Talk, name: u64) -> Self {
        let request = InitProducerIdRequest::default();
        let answer = eventually("a producer id", || {
            let request = InitProducerIdRequest {
                transactional_id: None,
                ..request.clone()
            };
            let answer = talk.ask(&request, 4)?;
            Ok((answer.error_code == 0).then_some(answer))
        })
        .unwrap();
        Self {
            name,
            id: answer.producer_id,
            epoch: answer.producer_epoch,
            sequences: Default::default(),
            counter: 0,
        }
    }

    /// The next batch for a place, as it is told to the history and as it is sent.
    fn batch(&mut self, place: Place, rng: &mut Rng) -> (Sent, ProduceRequest) {
        let count = 1 + usize::try_from(rng.below(8)).unwrap();
        let room = if rng.below(12) == 0 { 20_000 } else { 200 };
        let values: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                self.counter += 1;
                let filling = usize::try_from(rng.below(room)).unwrap();
                format!("{}-{}-{}", self.name, self.counter, "x".repeat(filling)).into_bytes()
            })
            .collect();
        let sequence = self.sequences.entry(place.clone()).or_default();
        let records = values.iter().cloned().map(Record::value).collect();
        let batch = Batch::new(now_ms(), records).from_producer(self.id, self.epoch, *sequence);
        *sequence += i32::try_from(count).unwrap();
        let acks = if rng.below(3) == 0 { 1 } else { -1 };
        let request = produce_request(&place.0, place.1, acks, batch.encode());
        let sent = Sent {
            place,
            values,
            sent_at: monotonic(),
            acknowledged: None,
        };
        (sent, request)
    }

    /// Sends a batch to each place, all of them before the first is answered.
    fn send(&mut self, talk: &mut Talk, places: Vec<Place>, rng: &mut Rng, history: &History) {
        let batches = places.into_iter().map(|place| self.batch(place, rng));
        let (sent, requests): (Vec<_>, Vec<_>) = batches.unzip();
        let first = {
            let mut all = history.sent.lock().unwrap();
            all.extend(sent);
            all.len() - requests.len()
        };
        let answered = talk.produce_in_flight(&requests, |number, answer| {
            let now = monotonic();
            assert_eq!(answer.error_code, 0, "{answer:?}");
            history.sent.lock().unwrap()[first + number].acknowledged = Some((now, answer.base_offset));
        });
        answered.unwrap();
    }
}

fn produce(address: &str, mut rng: Rng, name: u64, history: &History) {
    let mut talk = Talk::at(address).unwrap();
    let mut producer = Producer::begin(&mut talk, name);
    let mut left = BATCHES;
    while left > 0 {
        let in_flight = left.min(1 + usize::try_from(rng.below(IN_FLIGHT)).unwrap());
        let places = (0..in_flight).map(|_| {
            let (topic, partitions) = LASTING[usize::try_from(rng.below(2)).unwrap()];
            let partition = rng.below(u64::try_from(partitions).unwrap());
            (topic.to_owned(), i32::try_from(partition).unwrap())
        });
        let places = places.collect();
        producer.send(&mut talk, places, &mut rng, history);
        left -= in_flight;
    }
}

/// A group without members commits higher and higher offsets.
fn commit(address: &str, history: &History) {
    let mut talk = Talk::at(address).unwrap();
    for offset in 1..=COMMITS {
        let partition = OffsetCommitRequestPartition {
            partition_index: 0,
            committed_offset: offset,
            committed_leader_epoch: -1,
            committed_metadata: Some(String::new()),
        };
        let topic = OffsetCommitRequestTopic {
            name: "one".to_owned(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = OffsetCommitRequest {
            group_id: "readers".to_owned(),
            generation_id_or_member_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        let sent_at = monotonic();
        eventually("the coordinator commits", || {
            find_coordinator(&mut talk)?;
            let answer = talk.ask(&request, 8)?;
            Ok((answer.topics[0].partitions[0].error_code == 0).then_some(()))
        })
        .unwrap();
        history.commits.lock().unwrap().push(Commit {
            group: "readers".to_owned(),
            place: ("one".to_owned(), 0),
            offset,
            sent_at,
            acknowledged_at: monotonic(),
        });
    }
}

/// Asking for it makes `__consumer_offsets`.
pub fn find_coordinator(talk: &mut Talk) -> anyhow::Result<()> {
    let request = protocol::messages::find_coordinator_request::FindCoordinatorRequest {
        coordinator_keys: vec!["readers".to_owned()],
        ..Default::default()
    };
    talk.ask(&request, 4)?;
    Ok(())
}

fn come_and_go(address: &str, history: &History) {
    let mut talk = Talk::at(address).unwrap();
    let mut rng = Rng::from_seed(1);
    let mut producer = Producer::begin(&mut talk, 100);
    for number in 0..TOPICS {
        let topic = format!("guest-{number}");
        create(&mut talk, &topic, 2, &[("segment.bytes", "1048576")], history);
        producer.send(&mut talk, vec![(topic.clone(), 1)], &mut rng, history);
        if number % 2 == 1 {
            let asked = monotonic();
            talk.delete_topic(&topic).unwrap();
            history.topics.lock().unwrap().get_mut(&topic).unwrap().deletion = Some((asked, monotonic()));
        }
    }
}
