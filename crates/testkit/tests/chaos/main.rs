//! Chaos: stock clients and our own write and read while whatever can go wrong with a cluster goes wrong, and what they were promised
//! must hold.
//!
//! `cargo xtask chaos` runs it for longer: `CHAOS_SECONDS`, `CHAOS_NODES` and `CHAOS_SEED` say for how long, on how many
//! nodes and what goes wrong, and `CHAOS_FORWARDING=everybody` that librdkafka forwards in transactions too. With
//! `RIVERRUN_STORIES_OF=kafka` in the environment the nodes are Apache Kafka's, which proves the test. `CHAOS_KEEP` names a
//! folder for the history and the nodes' output of a run that found something.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checker;
mod clients;
mod fault;
mod history;
mod nemesis;
mod own_client;
mod patient;
mod replicas;
mod run;

use clients::Forwarding;
use run::{Course, Options, run};
use std::time::Duration;
use testkit::Maker;

/// The commit's own: another one each time, the same one whenever it is looked at again.
fn seed_of_the_commit() -> u64 {
    let mut git = std::process::Command::new("git");
    git.args(["rev-parse", "HEAD"])
        .current_dir(testkit::dependencies::workspace());
    let output = git.output().map(|output| output.stdout).unwrap_or_default();
    let digits = String::from_utf8_lossy(&output[..output.len().min(8)]).into_owned();
    u64::from_str_radix(&digits, 16).unwrap_or(1)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

/// Not librdkafka's unless asked for: 2.16 waits for ever for a group's coordinator that was away for a while (its issues 5456 and
/// 5511), and ends with a fatal error when it aborts a transaction that the coordinator did not begin yet (4849; INVALID_TXN_STATE is
/// Kafka's answer too). Its program begins anew then, but the run in CI must take as long every time and judge our nodes alone.
fn forwarding() -> Forwarding {
    match std::env::var("CHAOS_FORWARDING").as_deref() {
        Ok("everybody") => Forwarding::Everybody,
        _ => Forwarding::KafkaClients,
    }
}

#[test]
fn nothing_that_was_promised_is_broken() {
    let options = Options {
        maker: Maker::chosen(),
        course: Course::Anything,
        nodes: i32::try_from(number("CHAOS_NODES", 3)).unwrap(),
        time: Duration::from_secs(number("CHAOS_SECONDS", 40)),
        seed: number("CHAOS_SEED", seed_of_the_commit()),
        forwarding: forwarding(),
    };
    expect_nothing(&options);
}

/// Node by node from Apache Kafka to us, each on Kafka's own directory, and back, while everybody writes and reads.
#[test]
#[ignore = "run by `cargo xtask chaos --swap`"]
fn a_live_cluster_changes_hands_node_by_node_and_back() {
    let options = Options {
        maker: Maker::Kafka,
        course: Course::Swaps,
        nodes: 3,
        time: Duration::from_secs(1_800),
        seed: number("CHAOS_SEED", seed_of_the_commit()),
        forwarding: forwarding(),
    };
    expect_nothing(&options);
}

fn expect_nothing(options: &Options) {
    println!("{options:?}");
    let verdict = run(options).unwrap_or_else(|error| panic!("{options:?}: {error:?}"));
    println!("{}", verdict.summary);
    let count = verdict.findings.len();
    let shown: Vec<_> = verdict.findings.iter().take(40).cloned().collect();
    assert!(count == 0, "{options:?}: {count} findings:\n{}", shown.join("\n"));
    println!("no finding with seed {}", options.seed);
}

/// The harness must be able to see a loss: where the leader alone acknowledges, there is one.
#[test]
#[ignore = "run by `cargo xtask chaos --careless`"]
fn careless_producers_lose_records() {
    let options = Options {
        maker: Maker::chosen(),
        course: Course::Careless,
        nodes: 3,
        time: Duration::from_secs(60),
        seed: number("CHAOS_SEED", 1),
        forwarding: forwarding(),
    };
    let verdict = run(&options).unwrap_or_else(|error| panic!("{options:?}: {error:?}"));
    let shown: Vec<_> = verdict.findings.iter().take(10).cloned().collect();
    println!("{} findings, such as\n{}", verdict.findings.len(), shown.join("\n"));
    let lost = verdict.findings.iter().any(|finding| finding.starts_with("Lost"));
    assert!(lost, "the harness sees no loss: {options:?}\n{}", verdict.summary);
}
