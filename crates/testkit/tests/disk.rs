//! One directory, two brokers: what Riverrun wrote Apache Kafka 4.3 reads, and the other way round, cleanly shut down or
//! killed. Kafka's own log tool judges the files in between.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment every turn is Apache Kafka's, which proves the test.

mod disk {
    pub mod compacted;
    pub mod dump;
    mod formatted;
    pub mod offsets;
    pub mod producer;
    pub mod workload;
}

use disk::producer::IdempotentProducer;
use disk::{compacted, dump, offsets, workload};
use testkit::{Cluster, Maker, Settings, SingleNode, chosen};

/// How a broker goes away before the other one takes the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Clean,
    Killed,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Kafka(End),
    Riverrun(End),
}

impl Turn {
    fn start(self, settings: &Settings) -> Box<dyn Cluster> {
        match self {
            Turn::Kafka(_) => Box::new(SingleNode::start(Maker::Kafka, settings).expect("Kafka starts")),
            Turn::Riverrun(_) => chosen::start(settings).expect("Riverrun starts"),
        }
    }

    fn end(self, broker: &mut dyn Cluster) {
        let (Turn::Kafka(end) | Turn::Riverrun(end)) = self;
        match end {
            End::Clean => broker.stop_cleanly(),
            End::Killed => broker.kill9(),
        }
        .unwrap_or_else(|error| panic!("{self:?} ends: {error:#}\n{}", broker.log_tail()));
    }
}

/// Each turn finds what the one before left, adds to it, and is ended; the last one only looks.
fn take_turns(turns: &[Turn]) {
    let dir = tempfile::TempDir::with_prefix("riverrun-disk-").expect("a temporary directory");
    let settings = Settings::default()
        .on(dir.path().join("data"))
        .with("transaction.state.log.num.partitions", 4);
    let started = std::time::Instant::now();
    let mut left: Option<String> = None;
    let mut producers = Vec::new();
    for (turn, phase) in turns.iter().zip(1..) {
        println!("{:.1} s: {turn:?}", started.elapsed().as_secs_f64());
        let mut broker = turn.start(&settings);
        if let Some(left) = &left {
            let found = workload::read(&*broker).expect("a readable log");
            same(left, &found, &format!("{turn:?}, phase {phase}, finds"));
            for (number, producer) in producers.iter_mut().enumerate() {
                let producer: &mut IdempotentProducer = producer;
                producer
                    .check_state(&*broker)
                    .unwrap_or_else(|error| panic!("{turn:?}, producer {number}: {error:#}"));
                producer
                    .send_last_again(&*broker)
                    .unwrap_or_else(|error| panic!("{turn:?}, producer {number}: {error:#}"));
            }
        }
        workload::write(&*broker, phase).unwrap_or_else(|error| panic!("{turn:?}: {error:#}\n{}", broker.log_tail()));
        // A killed Kafka may forget a new start of a log: it writes its checkpoint once a minute.
        if matches!(turn, Turn::Kafka(End::Clean) | Turn::Riverrun(_)) {
            workload::trim(&*broker, phase).unwrap_or_else(|error| panic!("{turn:?}: {error:#}"));
        }
        workload::transact(&*broker, phase).unwrap_or_else(|error| panic!("{turn:?}: {error:#}"));
        let mut producer = IdempotentProducer::new(&*broker, "disk-many").expect("a producer id");
        for producer in producers.iter_mut().chain([&mut producer]) {
            producer
                .send(&*broker)
                .unwrap_or_else(|error| panic!("{turn:?}: {error:#}"));
        }
        producers.push(producer);
        left = Some(workload::read(&*broker).expect("a readable log"));
        turn.end(&mut *broker);
        println!("{:.1} s: judging", started.elapsed().as_secs_f64());
        let judged = match turn {
            Turn::Kafka(End::Clean) | Turn::Riverrun(End::Clean) => dump::judge_all(broker.data_dir()),
            Turn::Kafka(End::Killed) | Turn::Riverrun(End::Killed) => {
                dump::judge_logs(broker.data_dir(), dump::Offsets::Consecutive)
            }
        };
        judged.unwrap_or_else(|error| panic!("the files after {turn:?}, phase {phase}: {error:#}"));
    }
}

fn same(left: &str, found: &str, what: &str) {
    if left == found {
        return;
    }
    let mut lines = left.lines().zip(found.lines());
    let first = lines.find(|(left, found)| left != found);
    panic!(
        "{what} something else: {} lines were left, {} are found; the first difference: {first:#?}",
        left.lines().count(),
        found.lines().count()
    );
}

#[test]
fn each_broker_takes_over_what_the_other_left() {
    // Each of the four ways once. That Kafka takes over a directory which Riverrun formatted is told below.
    take_turns(&[
        Turn::Kafka(End::Clean),
        Turn::Riverrun(End::Clean),
        Turn::Kafka(End::Killed),
        Turn::Riverrun(End::Killed),
        Turn::Kafka(End::Clean),
    ]);
}

#[test]
fn what_one_compacts_the_other_reads_and_compacts_on() {
    let turns = [
        Turn::Riverrun(End::Clean),
        Turn::Kafka(End::Clean),
        Turn::Riverrun(End::Killed),
        Turn::Kafka(End::Clean),
    ];
    let dir = tempfile::TempDir::with_prefix("riverrun-disk-").expect("a temporary directory");
    let settings = compacted::settings().on(dir.path().join("data"));
    let mut left = compacted::Left::default();
    for (turn, phase) in turns.iter().zip(1..) {
        let mut broker = turn.start(&settings);
        if phase > 1 {
            compacted::check(&*broker, &left).unwrap_or_else(|error| panic!("{turn:?} finds: {error:#}"));
        }
        compacted::write(&*broker, phase, &mut left)
            .unwrap_or_else(|error| panic!("{turn:?}: {error:#}\n{}", broker.log_tail()));
        turn.end(&mut *broker);
        dump::judge_logs(broker.data_dir(), dump::Offsets::Compacted)
            .unwrap_or_else(|error| panic!("the files after {turn:?}, phase {phase}: {error:#}"));
    }
}

#[test]
fn committed_offsets_survive_the_cleaner_whoever_runs_it() {
    let turns = [
        Turn::Riverrun(End::Killed),
        Turn::Riverrun(End::Clean),
        Turn::Kafka(End::Clean),
        Turn::Riverrun(End::Clean),
    ];
    let dir = tempfile::TempDir::with_prefix("riverrun-disk-").expect("a temporary directory");
    let settings = offsets::settings().on(dir.path().join("data"));
    let mut left = offsets::Committed::default();
    for (turn, phase) in turns.iter().zip(1..) {
        let mut broker = turn.start(&settings);
        let found = if phase > 1 {
            offsets::check(&*broker, &left)
        } else {
            Ok(())
        };
        found
            .and_then(|()| offsets::write(&*broker, phase, &mut left))
            .unwrap_or_else(|error| panic!("{turn:?}, phase {phase}: {error:#}\n{}", broker.log_tail()));
        turn.end(&mut *broker);
        dump::judge_logs(broker.data_dir(), dump::Offsets::Compacted)
            .unwrap_or_else(|error| panic!("the files after {turn:?}, phase {phase}: {error:#}"));
    }
}
