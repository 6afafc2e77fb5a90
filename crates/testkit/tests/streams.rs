//! Kafka Streams, unmodified: a word count with `exactly_once_v2` whose broker is killed in the middle, and then the
//! program itself. Every word has every count once.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment the broker is Apache Kafka, which proves the test.

use base::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use testkit::batch::{Batch, Record};
use testkit::process::{Process, tail};
use testkit::talk::{now_ms, until};
use testkit::{Cluster, Settings, Talk, chosen, committed, dependencies, kafka_broker};

const INPUT: &str = "lines";
const OUTPUT: &str = "counts";
const APPLICATION: &str = "word-count";
const PARTITIONS: i32 = 3;
/// Lines that come together, and how many words there are in all the world.
const PORTION: usize = 300;
const VOCABULARY: u64 = 40;

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

    fn append(&mut self, broker: &dyn Cluster) {
        let mut talk = Talk::to(broker).expect("the broker accepts");
        for partition in 0..PARTITIONS {
            let lines = (0..PORTION).map(|_| Record::value(self.line())).collect();
            let batch = Batch::new(now_ms(), lines).encode();
            until("lines are appended", || {
                let answer = talk.produce(INPUT, partition, -1, batch.clone())?;
                anyhow::ensure!([0, 3, 6].contains(&answer.error_code), "{answer:?}");
                Ok(answer.error_code == 0)
            })
            .expect("a partition that is led");
        }
    }

    fn words(&self) -> usize {
        self.counts.values().sum()
    }
}

fn start(broker: &dyn Cluster, dir: &Path) -> Process {
    let classes = dependencies::part("java").expect("Kafka is installed").join("classes");
    let mut java = kafka_broker::java_with(&["-Xmx256m"], &[&classes]).expect("Kafka is installed");
    java.args(["WordCount", APPLICATION, INPUT, OUTPUT])
        .arg(dir.join("state"))
        .env("BOOTSTRAP", broker.bootstrap());
    Process::start(&mut java, &dir.join("output")).expect("the program starts")
}

/// Waits until the program has committed that it read so much of the input.
fn wait_for(broker: &dyn Cluster, program: &mut Process, dir: &Path, lines: usize) {
    let waited = until(&format!("{lines} lines are read"), || {
        if let Some(status) = program.ended()? {
            anyhow::bail!("the program ended with {status}");
        }
        let read = committed::offsets(broker, APPLICATION, INPUT, PARTITIONS)?;
        let read: i64 = read.values().filter(|offset| **offset > 0).sum();
        Ok(usize::try_from(read)? >= lines)
    });
    waited.unwrap_or_else(|error| {
        panic!(
            "{error:#}\n{}\nthe broker: {}",
            tail(&dir.join("output")),
            broker.log_tail()
        )
    });
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
    let mut program = start(&*broker, dir.path());
    wait_for(&*broker, &mut program, dir.path(), 1);
    broker.kill9().expect("it dies");
    broker.restart().expect("it starts again");
    text.append(&*broker);
    wait_for(&*broker, &mut program, dir.path(), portion + 1);
    program.kill9().expect("it dies");
    text.append(&*broker);
    let mut program = start(&*broker, dir.path());
    wait_for(&*broker, &mut program, dir.path(), 3 * portion);
    let found = committed::records(&*broker, OUTPUT, text.words()).expect("a readable topic");
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
        tail(&dir.path().join("output"))
    );
    program.terminate().expect("it stops");
}
