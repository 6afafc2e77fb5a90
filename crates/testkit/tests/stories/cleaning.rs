//! The log cleaner's pace and its threads, both changed while it runs.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use testkit::batch::{Batch, Record};
use testkit::talk::{Resource, now_ms, until};
use testkit::{Cluster, Maker, Settings, SingleNode, Talk};

/// Bytes of each value.
const SIZE: usize = 10_000;
/// How many of one key are written: all but the last may go.
const WRITES: i64 = 8;

/// A compacted topic whose first segment has a hundred thousand bytes to be read twice, and is closed.
fn dirty(talk: &mut Talk, topic: &str) -> Result<()> {
    let configs = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("segment.ms", "1000"),
    ];
    talk.create_topic(topic, 1, &configs)?;
    let begin = now_ms() - 100_000;
    for number in 0..WRITES {
        write(talk, topic, begin + number)?;
    }
    // Much later: a segment of its own.
    write(talk, topic, begin + 10_000)
}

fn write(talk: &mut Talk, topic: &str, time: i64) -> Result<()> {
    let record = Record::keyed("the same", vec![b'v'; SIZE]);
    let answer = talk.produce(topic, 0, -1, Batch::new(time, vec![record]).encode())?;
    anyhow::ensure!(answer.error_code == 0, "{answer:?}");
    Ok(())
}

/// Waits until a reader from the start begins with the last of the closed segment.
fn until_compacted(talk: &mut Talk, topic: &str) -> Result<()> {
    until("the topic is compacted", || {
        let answer = talk.fetch(topic, 0, 0)?;
        let bytes = testkit::talk::records(&answer);
        let first = bytes
            .get(..8)
            .and_then(|offset| offset.try_into().ok())
            .map(i64::from_be_bytes);
        Ok(first == Some(WRITES - 1))
    })
}

#[test]
fn the_cleaner_keeps_to_its_pace_and_a_change_of_it_holds_at_once() -> Result<()> {
    const RATE: u64 = 200_000;
    let settings = Settings::default()
        .with("log.cleaner.backoff.ms", 100)
        .with("log.cleaner.io.max.bytes.per.second", RATE);
    let broker = SingleNode::start(Maker::Riverrun, &settings)?;
    let mut talk = Talk::to(&broker)?;
    let began = Instant::now();
    dirty(&mut talk, "slow")?;
    until_compacted(&mut talk, "slow")?;
    // What was read to find the keys was owed before anything could be copied.
    let least = Duration::from_secs_f64(WRITES as f64 * SIZE as f64 / RATE as f64);
    assert!(
        began.elapsed() >= least,
        "{:?} is sooner than {least:?}",
        began.elapsed()
    );

    // At one byte a second it would take a day; whoever waits already goes on when that changes.
    talk.set(Resource::Broker("1"), &[("log.cleaner.io.max.bytes.per.second", "1")])?;
    dirty(&mut talk, "stuck")?;
    talk.set(
        Resource::Broker("1"),
        &[("log.cleaner.io.max.bytes.per.second", "100000000")],
    )?;
    until_compacted(&mut talk, "stuck")
}

#[test]
fn as_many_threads_clean_as_are_configured() -> Result<()> {
    let settings = Settings::default()
        .with("log.cleaner.backoff.ms", 100)
        .with("log.cleaner.threads", 2);
    let broker = SingleNode::start(Maker::Riverrun, &settings)?;
    let mut talk = Talk::to(&broker)?;
    let tasks = format!("/proc/{}/task", broker.pid().context("it runs")?);
    let threads = || -> Result<usize> {
        let mut count = 0;
        for task in std::fs::read_dir(&tasks)? {
            // A thread may end while it is looked at.
            let name = std::fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
            count += usize::from(name.starts_with("log-cleaner-"));
        }
        Ok(count)
    };
    until("two threads clean", || Ok(threads()? == 2))?;
    for wanted in ["3", "1"] {
        talk.set(Resource::Broker("1"), &[("log.cleaner.threads", wanted)])?;
        until("the number of threads changes", || Ok(threads()?.to_string() == wanted))?;
    }
    Ok(())
}
