//! A compacted topic: what is written to it, and what must be left of it.

use anyhow::{Context, Result, ensure};
use records::{Records, batches};
use std::collections::BTreeMap;
use testkit::batch::{Batch, Record};
use testkit::talk::{self, LATEST, Talk, now_ms, until};
use testkit::{Cluster, Settings};

const TOPIC: &str = "compacted";
/// Records of a phase.
const WRITES: i64 = 40;
/// Every batch is a second younger than the one before, and every segment is older than that.
const CONFIGS: [(&str, &str); 5] = [
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("segment.ms", "500"),
    ("delete.retention.ms", "86400000"),
    ("file.delete.delay.ms", "100"),
];

/// A cleaner that looks often.
pub fn settings() -> Settings {
    Settings::default()
        .with("log.cleaner.backoff.ms", 100)
        .with("log.initial.task.delay.ms", 10)
}

/// What a reader of the topic must end up with: each key's last value; none for a tombstone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left(BTreeMap<String, Option<String>>);

/// Adds a phase's records, and waits until the broker has compacted what it may: all but the last segment.
pub fn write(broker: &dyn Cluster, phase: i64, left: &mut Left) -> Result<()> {
    let mut talk = Talk::to(broker)?;
    if phase == 1 {
        talk.create_topic(TOPIC, 1, &CONFIGS)?;
    }
    let begin = now_ms() - 1_000_000 + phase * 100_000;
    for number in 0..WRITES {
        let key = if number == WRITES - 1 {
            "last".to_owned()
        } else {
            format!("k{}", number * number % 7)
        };
        let value = (number % 11 != phase).then(|| format!("{phase}-{number}"));
        let record = Record {
            key: Some(key.clone().into_bytes()),
            value: value.clone().map(String::into_bytes),
            ..Record::default()
        };
        let batch = Batch::new(begin + number * 1000, vec![record]).encode();
        let answer = talk.produce(TOPIC, 0, -1, batch)?;
        ensure!(answer.error_code == 0, "record {number}: {answer:?}");
        left.0.insert(key, value);
    }
    let most = left.0.len() + 1;
    until("all but the last record is compacted", || {
        Ok(read(&mut talk)?.len() <= most)
    })?;
    check(broker, left)
}

/// Holds what is there against what must be.
pub fn check(broker: &dyn Cluster, left: &Left) -> Result<()> {
    let mut talk = Talk::to(broker)?;
    let records = read(&mut talk)?;
    let found = Left(records.into_iter().collect());
    ensure!(found == *left, "{}: found {found:?}, not {left:?}", broker.name());
    Ok(())
}

/// All records, in the order of the log.
fn read(talk: &mut Talk) -> Result<Vec<(String, Option<String>)>> {
    let end = talk.offset(TOPIC, 0, LATEST)?;
    let (mut next, mut found) = (0, Vec::new());
    while next < end {
        let partition = talk.fetch(TOPIC, 0, next)?;
        ensure!(
            partition.error_code == 0,
            "Fetch from {next}: error {}",
            partition.error_code
        );
        let before = next;
        for batch in batches(talk::records(&partition)) {
            let batch = batch?;
            let header = batch.header();
            batch.check()?;
            for record in Records::new(batch.body(), header.record_count) {
                let record = record?;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                found.push((text(record.key.context("a key")?), record.value.map(text)));
            }
            next = header.next_offset().0;
        }
        ensure!(next > before, "nothing at offset {next} of {end}");
    }
    Ok(found)
}
