//! Three nodes whose power goes at the same moment: what was acknowledged by all that were in sync is on all of their
//! disks, so whichever comes back first has it.

use super::history::{History, Life, Sent};
use super::rig::{Moments, Outcome, System};
use super::verdict::judge_records;
use base::Rng;
use std::collections::BTreeMap;
use std::path::PathBuf;
use testkit::batch::{Batch, Record};
use testkit::nodes::Plan;
use testkit::power_cut::{Cut, Disk, Volume, differences, monotonic, recording_to};
use testkit::talk::{eventually, now_ms};
use testkit::{Cluster, Nodes, Talk};

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
    let mut failures = Vec::new();
    let (mut done, mut recordings) = (0, 0);
    while done < cuts {
        recordings += 1;
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(recordings);
        let volume = if recordings % 2 == 1 {
            Volume::AsItIs
        } else {
            Volume::Unknown
        };
        let mut recorded = record(system, seed, volume);
        let mut rng = Rng::from_seed(seed);
        for _ in 0..per_recording.min(cuts - done) {
            let cut = recorded.moments.choose(&recorded.history, &mut rng);
            let wrong = recorded.cut(cut, &mut rng).err();
            failures.extend(wrong.map(|what| format!("seed {seed:#x}, {cut:?}: {what:#}")));
            done += 1;
        }
    }
    Outcome::new(system, done, failures)
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

fn try_to_record(system: System, seed: u64, volume: Volume) -> Result<Recorded, Vec<String>> {
    let traces = tempfile::TempDir::with_prefix("riverrun-power-").unwrap();
    let trace = |id: i32| -> PathBuf { traces.path().join(format!("trace-{id}")) };
    let mut plan = Plan::combined(NODES)
        .with("log.flush.offset.checkpoint.interval.ms", 20)
        .with("replica.high.watermark.checkpoint.interval.ms", 50)
        // After a cut each broker registers anew, which it may once what it was before is believed to be dead.
        .with("broker.session.timeout.ms", 2_000)
        .with("broker.heartbeat.interval.ms", 200);
    if system == System::ThreeNodesWithoutFlush {
        plan = plan.with("riverrun.durability", "os");
    }
    for id in 1..=NODES {
        let environment = recording_to(&trace(id), volume).unwrap();
        plan = plan.node(id, |node| {
            let variables = environment.iter();
            variables.fold(node, |node, (name, value)| node.in_environment(name, value))
        });
    }
    let mut nodes = Nodes::prepare(&plan).unwrap();
    let before: Vec<_> = nodes
        .iter()
        .map(|node| (node.id(), Disk::before(node.data_dir()).unwrap()))
        .collect();
    nodes.launch_all().unwrap();
    nodes.wait_until_complete().unwrap();
    let history = History::default();
    let places: Vec<&[i32]> = PLACES.iter().map(<[i32; 3]>::as_slice).collect();
    let configs = [("min.insync.replicas", "2"), ("segment.bytes", "1048576")];
    nodes.create_topic(1, TOPIC, &places, &configs).unwrap();
    let life = Life {
        created_at: monotonic(),
        partitions: i32::try_from(PLACES.len()).unwrap(),
        deletion: None,
    };
    history.topics.lock().unwrap().insert(TOPIC.to_owned(), life);
    let begun = monotonic();
    std::thread::scope(|scope| {
        for producer in 1..=PRODUCERS {
            let (nodes, history) = (&nodes, &history);
            scope.spawn(move || produce(nodes, Rng::from_seed(seed ^ producer), producer, history));
        }
    });
    let moments = Moments {
        begun,
        ended: monotonic(),
        volume,
    };
    nodes.iter_mut().for_each(|node| node.kill9().unwrap());
    let mut disks = BTreeMap::new();
    let mut missed = Vec::new();
    for (id, before) in before {
        let root = nodes.node(id).data_dir();
        let disk = before.recorded(root, &trace(id)).unwrap();
        let rebuilt = tempfile::TempDir::with_prefix("riverrun-power-").unwrap();
        disk.write_whole(rebuilt.path()).unwrap();
        missed.extend(differences(root, rebuilt.path(), |_| false).unwrap());
        disks.insert(id, disk);
    }
    if !missed.is_empty() {
        return Err(missed);
    }
    Ok(Recorded {
        nodes,
        disks,
        history,
        moments,
    })
}

/// Sends batches with acks=all, each until it is acknowledged: the same batch to whoever leads.
fn produce(nodes: &Nodes, mut rng: Rng, name: u64, history: &History) {
    let mut talks: BTreeMap<i32, Talk> = BTreeMap::new();
    let id = 7_000 + i64::try_from(name).unwrap();
    let mut sequences = [0_i32; PLACES.len()];
    for number in 0..BATCHES {
        let partition = usize::try_from(rng.below(PLACES.len() as u64)).unwrap();
        let index = i32::try_from(partition).unwrap();
        let count = 1 + usize::try_from(rng.below(5)).unwrap();
        let room = if rng.below(8) == 0 { 20_000 } else { 200 };
        let filling = usize::try_from(rng.below(room)).unwrap();
        let value = |at: usize| format!("{name}-{number}-{at}-{}", "x".repeat(filling)).into_bytes();
        let values: Vec<_> = (0..count).map(value).collect();
        let records = values.iter().cloned().map(Record::value).collect();
        let batch = Batch::new(now_ms(), records).from_producer(id, 0, sequences[partition]);
        sequences[partition] += i32::try_from(count).unwrap();
        let at = {
            let mut sent = history.sent.lock().unwrap();
            sent.push(Sent {
                place: (TOPIC.to_owned(), index),
                values,
                sent_at: monotonic(),
                acknowledged: None,
            });
            sent.len() - 1
        };
        let bytes = batch.encode();
        let offset = eventually("an acknowledgement", || {
            let leader = nodes.leader_of(TOPIC, partition)?;
            if let std::collections::btree_map::Entry::Vacant(empty) = talks.entry(leader) {
                empty.insert(nodes.node(leader).talk()?);
            }
            let talk = talks.get_mut(&leader).unwrap();
            let answer = talk.produce(TOPIC, index, -1, bytes.clone())?;
            Ok((answer.error_code == 0).then_some(answer.base_offset))
        })
        .unwrap();
        history.sent.lock().unwrap()[at].acknowledged = Some((monotonic(), offset));
    }
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
        for (partition, replicas) in PLACES.iter().enumerate() {
            self.nodes.until_in_sync(TOPIC, partition, replicas)?;
            let index = i32::try_from(partition)?;
            let found = self.nodes.read(TOPIC, index)?;
            let found = found
                .into_iter()
                .map(|(offset, value)| (offset, value.unwrap_or_default()));
            let place = (TOPIC.to_owned(), index);
            judge_records(&place, &found.collect(), &self.history, cut.at)
                .map_err(|error| error.context(format!("partition {partition}")))?;
        }
        Ok(())
    }
}
