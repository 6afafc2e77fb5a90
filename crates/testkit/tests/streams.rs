//! Kafka Streams, unmodified: a word count with `exactly_once_v2` whose broker is killed in the middle, and then the
//! program itself; and one beside which three brokers are restarted one after the other. Every word has every count once.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment the broker is Apache Kafka, which proves the test.

use base::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::batch::{Batch, Record};
use testkit::process::{Process, tail};
use testkit::talk::{now_ms, until};
use testkit::{Cluster, Nodes, Plan, Settings, Talk, chosen, committed, dependencies, java};

const INPUT: &str = "lines";
const OUTPUT: &str = "counts";
const APPLICATION: &str = "word-count";
const PARTITIONS: i32 = 3;
/// Lines that come together, and how many words there are in all the world.
const PORTION: usize = 300;
const VOCABULARY: u64 = 40;
/// How long the program may take: it starts a JVM, on a machine where others do so too.
const PATIENCE: Duration = Duration::from_secs(120);
/// A producer id that no broker has given to anybody.
const PRODUCER: i64 = 4_000_000;

/// Short sessions, so that a killed program or broker is soon forgotten; few partitions, so that the topics soon exist.
fn settings() -> Settings {
    Settings::default()
        .with("transaction.state.log.num.partitions", 4)
        .with("broker.session.timeout.ms", 2_000)
        .with("broker.heartbeat.interval.ms", 500)
}

/// What is written, and what must come of it.
struct Text {
    rng: Rng,
    counts: BTreeMap<String, usize>,
}

impl Text {
    fn line(&mut self) -> String {
        let words: Vec<_> = (0..4).map(|_| format!("word-{}", self.rng.below(VOCABULARY))).collect();
        for word in &words {
            *self.counts.entry(word.clone()).or_default() += 1;
        }
        words.join(" ")
    }

    fn batch(&mut self) -> Batch {
        let lines = (0..PORTION).map(|_| Record::value(self.line())).collect();
        Batch::new(now_ms(), lines)
    }

    fn append(&mut self, broker: &dyn Cluster) {
        let mut talk = Talk::to(broker).expect("the broker accepts");
        for partition in 0..PARTITIONS {
            let batch = self.batch().encode();
            until("lines are appended", || {
                let answer = talk.produce(INPUT, partition, -1, batch.clone())?;
                anyhow::ensure!([0, 3, 6].contains(&answer.error_code), "{answer:?}");
                Ok(answer.error_code == 0)
            })
            .expect("a partition that is led");
        }
    }

    /// As an idempotent producer, so that what is tried again is there once; this is the how-manieth time.
    fn append_to(&mut self, cluster: &Nodes, time: usize) {
        let sequence = i32::try_from(time * PORTION).expect("a small number");
        for partition in 0..PARTITIONS {
            let batch = self.batch().from_producer(PRODUCER, 0, sequence);
            cluster
                .append(INPUT, partition, &batch)
                .expect("a partition that is led");
        }
    }

    fn words(&self) -> usize {
        self.counts.values().sum()
    }
}

fn start(bootstrap: &str, dir: &Path) -> Process {
    let classes = dependencies::part("java").expect("Kafka is installed").join("classes");
    let mut java = java::java_with(&["-Xmx256m"], &[&classes]).expect("Kafka is installed");
    java.args(["WordCount", APPLICATION, INPUT, OUTPUT])
        .arg(dir.join("state"))
        .env("BOOTSTRAP", bootstrap);
    Process::start(&mut java, &dir.join("output")).expect("the program starts")
}

/// Waits until the program has committed that it read so much of the input, as one of these brokers knows.
fn wait_for(brokers: &[&dyn Cluster], program: &mut Process, dir: &Path, lines: usize) {
    let enough = |program: &mut Process| -> anyhow::Result<bool> {
        if let Some(status) = program.ended()? {
            anyhow::bail!("the program ended with {status}");
        }
        // Those that do not coordinate the group know nothing of it.
        let known = brokers
            .iter()
            .filter_map(|broker| committed::offsets(*broker, APPLICATION, INPUT, PARTITIONS).ok());
        let read: i64 = known
            .flat_map(|known| known.into_values())
            .filter(|offset| *offset > 0)
            .sum();
        Ok(usize::try_from(read)? >= lines)
    };
    let deadline = Instant::now() + PATIENCE;
    let failed = loop {
        match enough(program) {
            Ok(true) => return,
            Ok(false) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            Ok(false) => break format!("{lines} lines are not read within {PATIENCE:?}"),
            Err(error) => break format!("{error:#}"),
        }
    };
    let tails: Vec<_> = brokers.iter().map(|broker| broker.log_tail()).collect();
    panic!(
        "{failed}\n{}\nthe brokers: {}",
        tail(&dir.join("output")),
        tails.join("\n")
    );
}

#[test]
fn a_word_count_is_exact_though_broker_and_program_are_killed() {
    let dir = tempfile::TempDir::with_prefix("riverrun-streams-").expect("a temporary directory");
    let mut broker = chosen::start(&settings()).expect("the broker starts");
    let mut talk = Talk::to(&*broker).expect("the broker accepts");
    for topic in [INPUT, OUTPUT] {
        talk.create_topic(topic, PARTITIONS, &[]).expect("a new topic");
    }
    let mut text = Text {
        rng: Rng::from_seed(0x5_7eea),
        counts: BTreeMap::new(),
    };
    let portion = PORTION * PARTITIONS as usize;
    text.append(&*broker);
    let mut program = start(broker.bootstrap(), dir.path());
    wait_for(&[&*broker], &mut program, dir.path(), 1);
    broker.kill9().expect("it dies");
    broker.restart().expect("it starts again");
    text.append(&*broker);
    wait_for(&[&*broker], &mut program, dir.path(), portion + 1);
    program.kill9().expect("it dies");
    text.append(&*broker);
    let mut program = start(broker.bootstrap(), dir.path());
    wait_for(&[&*broker], &mut program, dir.path(), 3 * portion);
    judge(&*broker, &text, &dir.path().join("output"));
    program.terminate().expect("it stops");
}

/// Every word has every count once.
fn judge(broker: &dyn Cluster, text: &Text, output: &Path) {
    let found = committed::records(broker, OUTPUT, text.words()).expect("a readable topic");
    let mut counts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in found {
        counts.entry(record.key).or_default().push(record.value);
    }
    let wanted = |(word, count): (&String, &usize)| {
        let each: Vec<_> = (1..=*count).map(|count| count.to_string()).collect();
        (word.clone(), each)
    };
    let wanted: BTreeMap<_, _> = text.counts.iter().map(wanted).collect();
    let other = wanted.iter().find(|(word, each)| counts.get(*word) != Some(each));
    assert!(
        wanted == counts,
        "{other:?} is wanted, found: {:?}\nthe program: {}",
        other.map(|(word, _)| counts.get(word)),
        tail(output)
    );
}

fn brokers(cluster: &Nodes) -> Vec<&dyn Cluster> {
    cluster.iter().map(|node| node as &dyn Cluster).collect()
}

#[test]
fn a_word_count_is_exact_while_every_broker_restarts() {
    let dir = tempfile::TempDir::with_prefix("riverrun-streams-").expect("a temporary directory");
    let plan = Plan::combined(3)
        .with("default.replication.factor", 3)
        .with("min.insync.replicas", 2);
    let mut cluster = Nodes::start(&plan).expect("three nodes start");
    let everywhere: [&[i32]; PARTITIONS as usize] = [&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]];
    for topic in [INPUT, OUTPUT] {
        cluster.create_topic(1, topic, &everywhere, &[]).expect("a new topic");
    }
    let mut text = Text {
        rng: Rng::from_seed(0x5_7eeb),
        counts: BTreeMap::new(),
    };
    let portion = PORTION * PARTITIONS as usize;
    let mut times = 0..;
    let mut append = |cluster: &Nodes| text.append_to(cluster, times.next().expect("without end"));
    append(&cluster);
    let mut program = start(&cluster.bootstrap(), dir.path());
    wait_for(&brokers(&cluster), &mut program, dir.path(), 1);
    for id in 1..=3 {
        append(&cluster);
        cluster.node_mut(id).stop_cleanly().expect("it stops");
        append(&cluster);
        cluster.node_mut(id).restart().expect("it starts again");
        for (index, replicas) in (0..).zip(everywhere) {
            cluster
                .until_in_sync(INPUT, index, replicas)
                .expect("all replicas again");
        }
    }
    wait_for(&brokers(&cluster), &mut program, dir.path(), 7 * portion);
    judge(cluster.node(1), &text, &dir.path().join("output"));
    program.terminate().expect("it stops");
}
