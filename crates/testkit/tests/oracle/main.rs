//! The oracle test: the same scripted requests to Apache Kafka and to Riverrun, every API and version, good and bad
//! arguments; the decoded answers must be equal once ids, ports and times are mapped.
//!
//! Every difference is printed. One that `docs/differences.md` explains is allowed, any other fails the test.

#![allow(clippy::type_complexity, reason = "tables of cases are tuples")]

mod cases;
mod known;
mod pair;
mod settle;
mod settle_transactions;
mod tree;

use std::path::PathBuf;

use pair::Pair;
use testkit::{Cluster, Maker, Settings, SingleNode};

fn kafka() -> Box<dyn Cluster> {
    Box::new(SingleNode::start(Maker::Kafka, &settings()).expect("Kafka starts"))
}

/// Quick to notice that a topic is deleted, so that the script can wait for it. Groups assign at once, not a second
/// after the last time: nothing depends on how quick the script is.
fn settings() -> Settings {
    Settings::default()
        .with("log.segment.delete.delay.ms", 1000)
        .with("group.consumer.assignment.interval.ms", 0)
}

/// The test of the test: it finds no difference where there is none.
#[test]
fn kafka_answers_as_kafka() {
    let mut pair = Pair::new([kafka(), kafka()]);
    cases::run(&mut pair);
    pair.finish(&[]);
}

#[test]
fn riverrun_answers_as_kafka() {
    let riverrun = Box::new(SingleNode::start(Maker::Riverrun, &settings()).expect("Riverrun starts"));
    let mut pair = Pair::new([kafka(), riverrun]);
    cases::run(&mut pair);
    pair.finish(&known::read(&differences_file()));
}

fn differences_file() -> PathBuf {
    testkit::dependencies::workspace().join("docs/differences.md")
}
