//! Random walks through the life of transactional ids, by Apache Kafka and by Riverrun at once: producers that begin, go on,
//! are fenced, repeat themselves and get their epochs wrong, in clients old and new. After every step both brokers have said
//! the same, and describe the same transaction.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod side;

use anyhow::{Context, Result, ensure};
use base::Rng;
use side::{NONE, Producer, Said, Side, Step, Way};
use std::collections::BTreeMap;
use testkit::{Maker, Settings, SingleNode, chosen};

const TOPIC: &str = "walked";
const PARTITIONS: u64 = 3;
/// Unless `RIVERRUN_WALKS` says how many.
const WALKS: u64 = 16;
const STEPS: usize = 24;

const PRODUCER_FENCED: i16 = 90;

/// The producer begins, and whoever had the id before is fenced.
fn begin(timeout_ms: i32) -> Step {
    Step::Begin {
        expected: None,
        timeout_ms,
    }
}

/// Two brokers on one walk.
struct Walk<'a> {
    sides: &'a mut [Side; 2],
    rng: Rng,
    id: String,
    /// What the walk's producers are called on each side.
    producers: Vec<[Producer; 2]>,
    /// The next sequence number, by what the producer is called at the first side, and partition.
    sequences: BTreeMap<(Producer, i32), i32>,
    story: String,
    /// The version of the EndTxn that ended the last transaction.
    ended_by: i16,
    tells_v2: bool,
    known_differences: u64,
}

impl Walk<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    /// Has the producer begin again and again.
    fn wear_out(&mut self) -> Result<()> {
        let begin = begin(60_000);
        let mut producers = [(-1, -1); 2];
        for (at, side) in self.sides.iter_mut().enumerate() {
            while producers[at].1 < i16::MAX - 6 {
                let (errors, producer) = side.step(&self.id, &begin, at)?;
                ensure!(errors == [NONE], "{errors:?}");
                producers[at] = producer;
            }
            side.named(producers[at]);
        }
        self.producers.push(producers);
        Ok(())
    }

    /// A producer of the walk, mostly the last, mostly with its epoch.
    fn producer(&mut self) -> [Producer; 2] {
        let count = self.producers.len() as u64;
        let back = if self.below(3) == 0 { self.below(count) } else { 0 };
        let mut producer = self.producers[usize::try_from(count - 1 - back).unwrap()];
        let off = match self.below(8) {
            0 => -1,
            1 => 1,
            _ => 0,
        };
        for (_, epoch) in &mut producer {
            *epoch = epoch.saturating_add(off);
        }
        producer
    }

    fn choose(&mut self) -> Step {
        if self.producers.is_empty() || self.below(6) == 0 {
            let expected = if self.producers.is_empty() || self.below(2) == 0 {
                None
            } else {
                // Only one of id and epoch would be an invalid request.
                Some(self.producer()).filter(|producer| producer[0].1 >= 0)
            };
            let timeout_ms = [60_000, 60_000, 30_000, 60_000, 0, 900_001][usize::try_from(self.below(6)).unwrap()];
            return Step::Begin { expected, timeout_ms };
        }
        let by = self.producer();
        if self.below(2) == 0 {
            return self.choose_write(by);
        }
        if self.below(2) == 0 {
            let version = if self.tells_v2 && self.below(2) == 0 { 5 } else { 3 };
            let committed = self.below(2) == 0;
            return Step::End { by, committed, version };
        }
        let first = i32::try_from(self.below(PARTITIONS)).unwrap();
        let mut partitions = vec![first];
        if self.below(3) == 0 {
            partitions.push((first + 1) % i32::try_from(PARTITIONS).unwrap());
        }
        let way = match self.below(4) {
            0 => Way::Verify,
            1 if self.tells_v2 => Way::Broker,
            _ => Way::Client,
        };
        Step::Add { by, partitions, way }
    }

    /// A record, mostly the next, else one again or one too far.
    fn choose_write(&mut self, by: [Producer; 2]) -> Step {
        let partition = i32::try_from(self.below(PARTITIONS)).unwrap();
        let next = self.sequences.get(&(by[0], partition)).copied().unwrap_or(0);
        let sequence = match self.below(12) {
            0 => next + 1,
            1 if next > 0 => next - 1,
            _ => next,
        };
        let version = if self.tells_v2 && self.below(2) == 0 { 12 } else { 11 };
        Step::Write {
            by,
            partition,
            sequence,
            version,
        }
    }

    fn step(&mut self) -> Result<()> {
        if self.below(60) == 0 {
            return self.take_too_long();
        }
        let step = self.choose();
        self.take(step)
    }

    /// A producer begins a transaction and does nothing more.
    fn take_too_long(&mut self) -> Result<()> {
        self.take(begin(300))?;
        let by = *self.producers.last().context("it has begun")?;
        let way = if self.tells_v2 { Way::Broker } else { Way::Client };
        let partitions = vec![0, 2];
        self.say(&Step::Add { by, partitions, way })?;
        self.take(Step::Outlast)?;
        // Nothing else takes too long.
        self.take(begin(60_000))
    }

    /// Both sides take a step, and describe the same.
    fn take(&mut self, step: Step) -> Result<()> {
        self.say(&step)?;
        let described = self.sides.iter_mut().map(|side| side.described(&self.id));
        let described: Vec<String> = described.collect::<Result<_>>()?;
        self.story += &format!("  {}\n", described[0]);
        ensure!(
            described[0] == described[1],
            "Riverrun: {}\n{}",
            described[1],
            self.story
        );
        Ok(())
    }

    /// Both sides say the same to a step.
    fn say(&mut self, step: &Step) -> Result<()> {
        let mut said = Vec::new();
        for (at, side) in self.sides.iter_mut().enumerate() {
            said.push(
                side.step(&self.id, step, at)
                    .with_context(|| format!("{step:?} of {}", side.broker.name()))?,
            );
        }
        let [kafka, riverrun] = [said[0].clone(), said[1].clone()];
        let names: Vec<String> = self
            .sides
            .iter_mut()
            .zip([kafka.1, riverrun.1])
            .map(|(side, who)| side.named(who))
            .collect();
        self.story += &format!("{step:?}: {:?} {}\n", kafka.0, names[0]);
        if self.is_known_difference(step, &kafka, &riverrun) {
            self.known_differences += 1;
            self.story += "  (a difference that docs/differences.md tells of)\n";
        } else {
            ensure!(
                (&kafka.0, &names[0]) == (&riverrun.0, &names[1]),
                "Riverrun says {:?} {}\n{}",
                riverrun.0,
                names[1],
                self.story
            );
            if kafka.1.0 != -1 {
                self.producers.push([kafka.1, riverrun.1]);
            }
            if let (
                Step::Write {
                    by,
                    partition,
                    sequence,
                    ..
                },
                [NONE],
            ) = (step, &kafka.0[..])
            {
                let next = self.sequences.entry((by[0], *partition)).or_default();
                *next = (*next).max(sequence + 1);
            }
            if let (Step::End { version, .. }, [NONE]) = (step, &kafka.0[..]) {
                self.ended_by = *version;
            }
        }
        Ok(())
    }

    /// Kafka takes the EndTxn of a producer that was fenced for a retry where an older client ended the next transaction.
    fn is_known_difference(&self, step: &Step, kafka: &Said, riverrun: &Said) -> bool {
        matches!(step, Step::End { version: 5, .. })
            && self.ended_by < 5
            && kafka.0 == [NONE]
            && riverrun.0 == [PRODUCER_FENCED]
    }
}

/// Whether a walk begins with nearly all epochs of its producer used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wear {
    Fresh,
    Out,
}

fn walk_all(settings: &Settings, tells_v2: bool, wear: Wear) {
    let settings = settings
        .clone()
        .with("transaction.state.log.num.partitions", 2)
        .with("transaction.abort.timed.out.transaction.cleanup.interval.ms", 200);
    let mut sides = [
        Side::new(Box::new(SingleNode::start(Maker::Kafka, &settings).unwrap())).unwrap(),
        Side::new(chosen::start(&settings).unwrap()).unwrap(),
    ];
    let walks = std::env::var("RIVERRUN_WALKS").map_or(WALKS, |walks| walks.parse().unwrap());
    let mut known_differences = 0;
    for seed in 0..walks {
        let mut walk = Walk {
            sides: &mut sides,
            rng: Rng::from_seed(seed),
            id: format!("walk-{seed}"),
            producers: Vec::new(),
            sequences: BTreeMap::new(),
            story: String::new(),
            ended_by: 0,
            tells_v2,
            known_differences: 0,
        };
        for side in walk.sides.iter_mut() {
            side.begin_walk(&walk.id).unwrap();
        }
        if wear == Wear::Out {
            walk.wear_out().unwrap();
        }
        let walked = (0..STEPS).try_for_each(|_| walk.step());
        // What is open is aborted: it would keep readers from what comes after.
        let ended = walked.and_then(|()| walk.take(begin(60_000)));
        if let Err(error) = ended {
            panic!("walk {seed}: {error:?}");
        }
        known_differences += walk.known_differences;
    }
    let [kafka, riverrun] = sides.each_mut().map(|side| side.written().unwrap());
    assert!(kafka == riverrun, "{}", first_difference(&kafka, &riverrun));
    println!(
        "{} lines, {walks} walks of {STEPS} steps, {known_differences} times a known difference",
        kafka.len()
    );
}

fn first_difference(kafka: &[String], riverrun: &[String]) -> String {
    let same = kafka
        .iter()
        .zip(riverrun)
        .take_while(|(one, other)| one == other)
        .count();
    let around = same.saturating_sub(5)..same + 3;
    let shown = |lines: &[String]| lines[around.start.min(lines.len())..around.end.min(lines.len())].join("\n");
    format!("Kafka wrote\n{}\nand Riverrun\n{}", shown(kafka), shown(riverrun))
}

#[test]
fn both_brokers_walk_alike_where_each_end_bumps_the_epoch() {
    walk_all(&Settings::default(), true, Wear::Fresh);
}

#[test]
fn both_brokers_walk_alike_where_epochs_stay() {
    walk_all(
        &Settings::default().with_feature("transaction.version", 0),
        false,
        Wear::Fresh,
    );
}

/// Takes minutes: a producer has thirty-two thousand epochs.
#[test]
#[ignore = "for minutes; run by hand with RIVERRUN_WALKS=2"]
fn both_brokers_walk_alike_when_epochs_are_used_up() {
    walk_all(&Settings::default(), true, Wear::Out);
}

#[test]
#[ignore = "for minutes; run by hand with RIVERRUN_WALKS=2"]
fn both_brokers_walk_alike_when_epochs_that_stay_are_used_up() {
    let settings = Settings::default().with_feature("transaction.version", 0);
    walk_all(&settings, false, Wear::Out);
}
