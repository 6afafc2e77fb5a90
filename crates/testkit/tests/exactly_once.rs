//! Exactly once: Java programs consume, transform and produce in transactions while the broker and the programs are killed
//! at random; what a read_committed reader finds is the input, each record once and in order.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment the broker is Apache Kafka, which proves the test.
//! `RIVERRUN_FAULTS` is the number of faults of a longer run, `RIVERRUN_SEED` the seed of another one.

mod exactly_once {
    pub mod fault;
    pub mod forwarder;
    pub mod run;
}

use exactly_once::run::{Run, Sharing};

/// Faults of each run in CI.
const FAULTS: usize = 5;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

fn exactly_once(transaction_version: i16, sharing: Sharing, seed: u64) {
    let seed = number("RIVERRUN_SEED").unwrap_or(seed);
    let faults = number("RIVERRUN_FAULTS").map_or(FAULTS, |faults| usize::try_from(faults).expect("not that many"));
    let mut run = Run::start(transaction_version, sharing, seed).expect("broker and programs start");
    let outcome = run.with_faults(faults).and_then(|()| run.finish());
    if let Err(error) = outcome {
        panic!(
            "transaction.version={transaction_version}, seed {seed:#x}: {error:#}\n{}",
            run.last_words()
        );
    }
}

#[test]
fn output_equals_input_under_transaction_version_1() {
    exactly_once(1, Sharing::Classic, 0x7a_0001);
}

#[test]
fn output_equals_input_under_transaction_version_2() {
    exactly_once(2, Sharing::Classic, 0x7a_0002);
}

#[test]
fn output_equals_input_in_a_consumer_group() {
    exactly_once(2, Sharing::Consumer, 0x7a_0003);
}
