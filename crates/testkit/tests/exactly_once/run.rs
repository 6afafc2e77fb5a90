//! One run: a broker, two programs, input that never runs dry, faults, and the judgement.

use anyhow::{Context, Result, bail, ensure};
use base::Rng;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testkit::batch::{Batch, Record};
use testkit::process::{Process, tail};
use testkit::talk::now_ms;
use testkit::{Cluster, Settings, Talk, chosen, committed};

use super::fault::{Fault, faults};
use super::forwarder::{self, Program, fenced, forwarded};

const PARTITIONS: i32 = 4;
const INPUT: &str = "input";
const OUTPUT: &str = "output";
const GROUP: &str = "forwarders";
/// The programs' transactional ids. The first is a static member of a classic group too.
const NAMES: [&str; 2] = ["first", "second"];
/// How long progress may take: a JVM's start and a session's end, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS and …_AFTER_APPEND: of a broker that
/// was just started, and of several of which one was.
const NOT_YET: [i16; 5] = [3, 6, 7, 19, 20];
/// A producer id that no broker has given to anybody.
const PRODUCER: i64 = 4_000_000;
/// So many records of each partition are appended together.
const PORTION: i64 = 100;

/// How the programs share the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    Classic,
    Consumer,
}

/// A run in progress.
pub struct Run {
    rng: Rng,
    broker: Box<dyn Cluster>,
    program: Program,
    processes: Vec<Process>,
    ends: BTreeMap<i32, i64>,
    started: Instant,
    _dir: tempfile::TempDir,
}

impl Run {
    /// A fresh broker, topics, and both programs.
    pub fn start(transaction_version: i16, sharing: Sharing, seed: u64) -> Result<Run> {
        let dir = tempfile::TempDir::with_prefix("riverrun-exactly-once-")?;
        let broker = chosen::start(&settings(transaction_version))?;
        let mut talk = Talk::to(&*broker)?;
        for topic in [INPUT, OUTPUT] {
            talk.create_topic(topic, PARTITIONS, &[])?;
        }
        let program = Program {
            bootstrap: broker.bootstrap().to_owned(),
            group: GROUP.to_owned(),
            input: INPUT.to_owned(),
            output: OUTPUT.to_owned(),
            settings: match sharing {
                Sharing::Classic => vec![
                    "session.timeout.ms=3000".to_owned(),
                    "heartbeat.interval.ms=500".to_owned(),
                ],
                Sharing::Consumer => vec!["group.protocol=consumer".to_owned()],
            },
            // A KIP-848 group refuses the place of a static member that died, until its session ends.
            static_member: (sharing == Sharing::Classic).then_some(NAMES[0]),
            history: dir.path().join("history"),
        };
        std::fs::File::create(&program.history)?;
        let mut rng = Rng::from_seed(seed);
        let processes = NAMES.map(|name| program.start(name, rng.next_u64()));
        Ok(Run {
            rng,
            broker,
            program,
            processes: processes.into_iter().collect::<Result<_>>()?,
            ends: (0..PARTITIONS).map(|number| (number, 0)).collect(),
            started: Instant::now(),
            _dir: dir,
        })
    }

    /// Lets so many things go wrong, each while transactions are under way.
    pub fn with_faults(&mut self, count: usize) -> Result<()> {
        for fault in faults(&mut self.rng, count, NAMES.len()) {
            let wanted = 3 + usize::try_from(self.rng.below(20))?;
            self.progress(wanted).with_context(|| format!("before {fault:?}"))?;
            // Somewhere within a transaction, which takes a few milliseconds.
            std::thread::sleep(Duration::from_micros(self.rng.below(10_000)));
            println!("{:.1} s: {fault:?}", self.started.elapsed().as_secs_f64());
            self.happen(fault).with_context(|| format!("{fault:?}"))?;
        }
        Ok(())
    }

    /// Waits until everything is forwarded, and compares.
    pub fn finish(&mut self) -> Result<()> {
        let ends = self.ends.clone();
        println!(
            "{:.1} s: {} records to be forwarded",
            self.started.elapsed().as_secs_f64(),
            ends.values().sum::<i64>()
        );
        self.wait("all of the input is consumed", |run| {
            Ok(committed::offsets(&*run.broker, GROUP, INPUT, PARTITIONS)? == ends)
        })?;
        for process in self.processes.drain(..) {
            process.kill9()?;
        }
        let total = usize::try_from(ends.values().sum::<i64>())?;
        let mut found: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        for record in committed::records(&*self.broker, OUTPUT, total)? {
            found.entry(record.partition).or_default().push(record.value);
        }
        for (number, end) in ends {
            let wanted: Vec<_> = (0..end).map(|offset| value(number, offset)).collect();
            let found = found.remove(&number).unwrap_or_default();
            let first = wanted.iter().zip(&found).find(|(wanted, found)| wanted != found);
            ensure!(
                first.is_none() && wanted.len() == found.len(),
                "partition {number}: {} records went in, {} came out; the first difference: {first:?}",
                wanted.len(),
                found.len()
            );
        }
        Ok(())
    }

    /// What broker and programs said last.
    pub fn last_words(&self) -> String {
        let history = std::fs::read_to_string(&self.program.history).unwrap_or_default();
        let events: Vec<_> = history.lines().filter(|line| !line.contains(" committed ")).collect();
        let complaints = tail(&self.program.complaints());
        format!(
            "the programs:\n{}\n{complaints}\nthe broker wrote:\n{}",
            events.join("\n"),
            self.broker.log_tail()
        )
    }

    fn happen(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::KillBroker => {
                self.broker.kill9()?;
                self.broker.restart()
            }
            Fault::Kill(index) => {
                let fresh = self.rng.next_u64();
                self.processes.remove(index).kill9()?;
                self.processes.insert(index, self.program.start(NAMES[index], fresh)?);
                Ok(())
            }
            Fault::Freeze(index) => self.freeze(index),
        }
    }

    /// The frozen program knows nothing of its successor, and both cannot stay. It is not said who wins: a producer that
    /// is told of an old epoch while it produces may ask for a new one.
    fn freeze(&mut self, index: usize) -> Result<()> {
        let frozen = self.processes.remove(index);
        frozen.freeze()?;
        let before = fenced(&self.program.history)?;
        let successor = self.program.start(NAMES[index], self.rng.next_u64())?;
        self.processes.insert(index, successor);
        let already = forwarder::committed(&self.program.history, NAMES[index])?;
        self.wait("the successor commits a transaction", |run| {
            run.keep_busy()?;
            Ok(forwarder::committed(&run.program.history, NAMES[index])? > already)
        })?;
        frozen.thaw()?;
        let mut both = [Some(frozen), Some(self.processes.remove(index))];
        let deadline = Instant::now() + PATIENCE;
        while let [Some(frozen), Some(successor)] = &mut both {
            self.keep_busy()?;
            if frozen.ended()?.is_some() {
                both[0] = None;
            } else if successor.ended()?.is_some() {
                both[1] = None;
            }
            ensure!(Instant::now() < deadline, "nobody is fenced within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.processes
            .insert(index, both.into_iter().flatten().next().context("one is left")?);
        ensure!(fenced(&self.program.history)? == before + 1, "one program was fenced");
        Ok(())
    }

    /// Waits for so many more transactions.
    fn progress(&mut self, transactions: usize) -> Result<()> {
        let total = |run: &Run| -> Result<usize> {
            let each = NAMES.map(|name| forwarder::committed(&run.program.history, name));
            each.into_iter().sum()
        };
        let before = total(self)?;
        self.wait("transactions are committed", |run| {
            run.keep_busy()?;
            Ok(total(run)? >= before + transactions)
        })
    }

    fn wait(&mut self, what: &str, mut done: impl FnMut(&mut Run) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self)? {
            for (process, name) in self.processes.iter_mut().zip(NAMES) {
                if let Some(status) = process.ended()? {
                    bail!("{name} ended with {status} while waiting: {what}");
                }
            }
            ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Appends to the input unless enough of it waits to be forwarded.
    fn keep_busy(&mut self) -> Result<()> {
        let waiting = self.ends.values().sum::<i64>() - forwarded(&self.program.history)?;
        if waiting > i64::from(PARTITIONS) * PORTION {
            return Ok(());
        }
        let mut talk = Talk::to(&*self.broker)?;
        for (number, end) in &mut self.ends {
            let values = (*end..*end + PORTION).map(|offset| Record::value(value(*number, offset)));
            // As an idempotent producer, so that what is tried again is there once.
            let batch = Batch::new(now_ms(), values.collect()).from_producer(PRODUCER, 0, i32::try_from(*end)?);
            // A broker that was just started may not lead its partitions yet.
            testkit::talk::until("the input is appended", || {
                let answer = talk.produce(INPUT, *number, -1, batch.encode())?;
                let error = answer.error_code;
                ensure!(
                    error == 0 || NOT_YET.contains(&error),
                    "appending to partition {number}: {answer:?}"
                );
                ensure!(
                    error != 0 || answer.base_offset == *end,
                    "appended at {}",
                    answer.base_offset
                );
                Ok(error == 0)
            })?;
            *end += PORTION;
        }
        Ok(())
    }
}

fn value(partition: i32, offset: i64) -> String {
    format!("{partition}-{offset}")
}

/// Short sessions, so that a killed member or broker is soon forgotten; few partitions of the internal topics, so that they soon exist.
fn settings(transaction_version: i16) -> Settings {
    Settings::default()
        .with("transaction.state.log.num.partitions", 4)
        .with("broker.session.timeout.ms", 2_000)
        .with("broker.heartbeat.interval.ms", 500)
        .with("group.min.session.timeout.ms", 1_000)
        .with("group.consumer.min.session.timeout.ms", 3_000)
        .with("group.consumer.session.timeout.ms", 3_000)
        .with("group.consumer.min.heartbeat.interval.ms", 500)
        .with("group.consumer.heartbeat.interval.ms", 500)
        .with_feature("transaction.version", transaction_version)
}
