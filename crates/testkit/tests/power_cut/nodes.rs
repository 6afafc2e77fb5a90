//! Three nodes whose power goes at the same moment: what was acknowledged by all that were in sync is on all of their
//! disks, so whichever comes back first has it.

use super::history::{History, Life, Sent};
use super::moves::{self, AtTheEnd, DIRS};
use super::rig::{Moments, Outcome, System};
use super::verdict::judge_records;
use super::workload::IN_FLIGHT;
use super::{transactions, transactor};
use base::Rng;
use protocol::messages::produce_request::ProduceRequest;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;
use testkit::batch::{Batch, Record};
use testkit::nodes::Plan;
use testkit::power_cut::{Cut, Disk, Volume, differences, monotonic, recording_to, until_at_rest};
use testkit::talk::{eventually, now_ms, produce_request};
use testkit::{Cluster, Maker, Nodes, Talk};

/// How many nodes, each broker and controller.
pub const NODES: i32 = 3;
/// How often a recording is tried.
const TRIES: usize = 3;
const TOPIC: &str = "on-all";
/// Every node leads some.
const PLACES: [[i32; 3]; 6] = [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 3, 2], [2, 1, 3], [3, 2, 1]];
const PRODUCERS: u64 = 3;
/// How many batches each producer sends.
const BATCHES: usize = 60;

/// A cluster that was recorded, and what its clients were told.
struct Recorded {
    nodes: Nodes,
    disks: BTreeMap<i32, Disk>,
    history: History,
    moments: Moments,
}

/// Makes that many cuts, at most so many of one recording.
pub fn run(system: System, seed: u64, cuts: u64, per_recording: u64) -> Outcome {
    let began = Instant::now();
    let mut failures = Vec::new();
    let (mut done, mut recordings) = (0, 0);
    while done < cuts {
        recordings += 1;
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(recordings);
        let volume = Volume::of_recording(recordings);
        let mut recorded = record(system, seed, volume);
        let mut rng = Rng::from_seed(seed);
        for _ in 0..per_recording.min(cuts - done) {
            let cut = recorded.moments.choose(&recorded.history, &mut rng);
            let wrong = recorded.cut(cut, &mut rng).err();
            failures.extend(wrong.map(|what| format!("seed {seed:#x}, {cut:?}: {what:#}")));
            done += 1;
        }
    }
    Outcome::new(system, seed, done, began, failures)
}

fn record(system: System, seed: u64, volume: Volume) -> Recorded {
    let mut missed = Vec::new();
    for _ in 0..TRIES {
        match try_to_record(system, seed, volume) {
            Ok(recorded) => return recorded,
            Err(different) => missed.push(different),
        }
    }
    panic!("the recordings miss something: {missed:#?}");
}

/// The nodes, each of which is recorded to the trace of its id.
fn plan(system: System, volume: Volume, trace: impl Fn(i32) -> PathBuf) -> Plan {
    let mut plan = Plan::combined(NODES)
        .with_log_dirs(&DIRS)
        .with("log.flush.offset.checkpoint.interval.ms", 20)
        .with("log.segment.delete.delay.ms", 100)
        .with("replica.high.watermark.checkpoint.interval.ms", 50)
        // After a cut the first controller waits so long before it stands.
        .with("controller.quorum.election.timeout.ms", 250)
        // Then each broker registers anew, which it may once what it was before is believed to be dead.
        .with("broker.session.timeout.ms", 1_000)
        .with("broker.heartbeat.interval.ms", 100);
    if let Some((key, value)) = system.flushing() {
        plan = plan.with(key, value);
    }
    if system.is_kafka() {
        plan = plan.made_by(Maker::Kafka);
    }
    for id in 1..=NODES {
        let environment = recording_to(&trace(id), volume).unwrap();
        plan = plan.node(id, |node| {
            let variables = environment.iter();
            variables.fold(node, |node, (name, value)| node.in_environment(name, value))
        });
    }
    plan
}

fn create_topics(nodes: &Nodes, history: &History) {
    let places: Vec<&[i32]> = PLACES.iter().map(<[i32; 3]>::as_slice).collect();
    let transactions = usize::try_from(transactor::PARTITIONS).unwrap();
    for (name, places, config) in [
        (TOPIC, &places[..], ("segment.bytes", "1048576")),
        (transactor::TOPIC, &places[..transactions], transactor::CONFIGS[0]),
    ] {
        nodes
            .create_topic(1, name, places, &[("min.insync.replicas", "2"), config])
            .unwrap();
        let life = Life {
            created_at: monotonic(),
            partitions: i32::try_from(places.len()).unwrap(),
            deletion: None,
        };
        history.topics.lock().unwrap().insert(name.to_owned(), life);
    }
}

/// All clients to their end, while replicas move between directories and nodes; answers how many came to others.
fn live(nodes: &Nodes, seed: u64, history: &History) -> usize {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for node in nodes.iter() {
            let (id, is_over) = (u64::try_from(node.id()).unwrap(), &is_over);
            let rng = Rng::from_seed(seed ^ (0xd100 + id));
            scope.spawn(move || moves::between_dirs(node.client_address(), node.data_dir(), rng, history, is_over));
        }
        let rng = Rng::from_seed(seed ^ 0xd200);
        let moving = scope.spawn(|| moves::between_nodes(nodes, rng, history, &is_over));
        {
            let _over = AtTheEnd(&is_over);
            run_clients(nodes, seed, history);
        }
        moving.join().unwrap()
    })
}

fn run_clients(nodes: &Nodes, seed: u64, history: &History) {
    let addresses = nodes.bootstrap();
    thread::scope(|scope| {
        for producer in 1..=PRODUCERS {
            let producer = Producer::new(nodes, history, producer, seed);
            scope.spawn(move || producer.run());
        }
        for who in 0..transactor::TRANSACTORS {
            let addresses = &addresses;
            scope.spawn(move || transactor::run(addresses, who, seed, history));
        }
    });
}

fn try_to_record(system: System, seed: u64, volume: Volume) -> Result<Recorded, Vec<String>> {
    let traces = tempfile::TempDir::with_prefix("riverrun-power-").unwrap();
    let trace = |id: i32| -> PathBuf { traces.path().join(format!("trace-{id}")) };
    let mut nodes = Nodes::prepare(&plan(system, volume, trace)).unwrap();
    let before: Vec<_> = nodes
        .iter()
        .map(|node| (node.id(), Disk::before(node.data_dir()).unwrap()))
        .collect();
    nodes.launch_all().unwrap();
    nodes.wait_until_complete().unwrap();
    let history = History::default();
    create_topics(&nodes, &history);
    let begun = monotonic();
    let moved = live(&nodes, seed, &history);
    let ended = monotonic();
    for id in 1..=NODES {
        until_at_rest(&trace(id)).unwrap();
    }
    nodes.iter_mut().for_each(|node| node.kill9().unwrap());
    let mut disks = BTreeMap::new();
    let mut missed = Vec::new();
    for (id, before) in before {
        let root = nodes.node(id).data_dir();
        let disk = before.recorded(root, &trace(id)).unwrap();
        let rebuilt = tempfile::TempDir::with_prefix("riverrun-power-").unwrap();
        disk.write_whole(rebuilt.path()).unwrap();
        missed.extend(differences(root, rebuilt.path(), |file| system.is_mapped(file)).unwrap());
        disks.insert(id, disk);
    }
    if !missed.is_empty() {
        return Err(missed);
    }
    let exchanges: Vec<u64> = disks.values().flat_map(Disk::exchanges).collect();
    println!(
        "seed {seed:#x}: {moved} moves to other nodes, {} to other directories",
        exchanges.len()
    );
    assert!(moved > 0 && !exchanges.is_empty(), "nothing moved");
    let moments = Moments {
        begun,
        ended,
        exchanges,
        volume,
    };
    Ok(Recorded {
        nodes,
        disks,
        history,
        moments,
    })
}

/// Sends batches with acks=all, some at once, each until it is acknowledged: the same batch to whoever leads.
struct Producer<'a> {
    nodes: &'a Nodes,
    history: &'a History,
    name: u64,
    rng: Rng,
    talks: BTreeMap<i32, Talk>,
    sequences: [i32; PLACES.len()],
}

impl<'a> Producer<'a> {
    fn new(nodes: &'a Nodes, history: &'a History, name: u64, seed: u64) -> Self {
        Self {
            nodes,
            history,
            name,
            rng: Rng::from_seed(seed ^ name),
            talks: BTreeMap::new(),
            sequences: [0; PLACES.len()],
        }
    }

    fn run(mut self) {
        let mut number = 0;
        while number < BATCHES {
            let partition = usize::try_from(self.rng.below(PLACES.len() as u64)).unwrap();
            let in_flight = (BATCHES - number).min(1 + usize::try_from(self.rng.below(IN_FLIGHT)).unwrap());
            let batches = (0..in_flight).map(|more| self.batch(partition, number + more));
            let (sent, requests): (Vec<_>, Vec<_>) = batches.unzip();
            let first = {
                let mut all = self.history.sent.lock().unwrap();
                all.extend(sent);
                all.len() - in_flight
            };
            self.deliver(partition, &requests, first);
            number += in_flight;
        }
    }

    fn batch(&mut self, partition: usize, number: usize) -> (Sent, ProduceRequest) {
        let index = i32::try_from(partition).unwrap();
        let values = values(self.name, number, &mut self.rng);
        let records = values.iter().cloned().map(Record::value).collect();
        let id = 7_000 + i64::try_from(self.name).unwrap();
        let batch = Batch::new(now_ms(), records).from_producer(id, 0, self.sequences[partition]);
        self.sequences[partition] += i32::try_from(values.len()).unwrap();
        let sent = Sent {
            place: (TOPIC.to_owned(), index),
            values,
            sent_at: monotonic(),
            acknowledged: None,
        };
        (sent, produce_request(TOPIC, index, -1, batch.encode()))
    }

    /// `first` is the number of the first of them in the history.
    fn deliver(&mut self, partition: usize, requests: &[ProduceRequest], first: usize) {
        let mut done = 0;
        let delivered = eventually("acknowledgements", || {
            let leader = self.nodes.leader_of(TOPIC, partition)?;
            if let Entry::Vacant(empty) = self.talks.entry(leader) {
                empty.insert(self.nodes.node(leader).talk()?);
            }
            let talk = self.talks.get_mut(&leader).unwrap();
            let (from, mut refused) = (done, false);
            talk.produce_in_flight(&requests[from..], |number, answer| {
                // What follows a refused one is out of order, and comes again after it.
                refused |= answer.error_code != 0;
                if !refused {
                    let acknowledged = Some((monotonic(), answer.base_offset));
                    self.history.sent.lock().unwrap()[first + from + number].acknowledged = acknowledged;
                    done += 1;
                }
            })?;
            Ok((done == requests.len()).then_some(()))
        });
        delivered.unwrap();
    }
}

fn values(name: u64, number: usize, rng: &mut Rng) -> Vec<Vec<u8>> {
    let count = 1 + usize::try_from(rng.below(5)).unwrap();
    let room = if rng.below(8) == 0 { 20_000 } else { 200 };
    let filling = usize::try_from(rng.below(room)).unwrap();
    let value = |at: usize| format!("{name}-{number}-{at}-{}", "x".repeat(filling)).into_bytes();
    (0..count).map(value).collect()
}

impl Recorded {
    /// Cuts every node's power at that moment, lets each disk keep what it likes of the rest, starts all, and judges.
    fn cut(&mut self, cut: Cut, rng: &mut Rng) -> anyhow::Result<()> {
        for node in self.nodes.iter_mut() {
            std::fs::remove_dir_all(node.data_dir())?;
            self.disks[&node.id()].write_after(cut, rng, node.data_dir())?;
        }
        let outcome = self.start_and_judge(cut);
        for node in self.nodes.iter_mut().filter(|node| node.is_running()) {
            // One that ended by itself is what is judged.
            let _ = node.kill9();
        }
        outcome
    }

    fn start_and_judge(&mut self, cut: Cut) -> anyhow::Result<()> {
        self.nodes.launch_all()?;
        self.nodes.wait_until_complete()?;
        moves::until_settled(&self.nodes, &[TOPIC, transactor::TOPIC])?;
        for index in (0..).take(PLACES.len()) {
            let found = self.nodes.read(TOPIC, index)?;
            let found = found
                .into_iter()
                .map(|(offset, value)| (offset, value.unwrap_or_default()));
            let place = (TOPIC.to_owned(), index);
            judge_records(&place, &found.collect(), &self.history, cut.at)
                .map_err(|error| error.context(format!("partition {index}")))?;
        }
        transactions::judge(&mut Talk::at(&self.nodes.bootstrap())?, &self.history, cut.at)
    }
}
