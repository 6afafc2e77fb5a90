//! Power cuts: a broker is recorded while clients write, and started again on directories that a power cut at any moment
//! of the recording could have left, while replicas move between its log directories, and between nodes. What was acknowledged before the cut must be there, once, and in its place; of a transaction
//! all or nothing, and nothing of one that was aborted.
//!
//! `POWER_CUTS` is the number of cuts (`cargo xtask power-cut`), `POWER_CUT_SEED` where randomness begins.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "power_cut/history.rs"]
mod history;
#[path = "power_cut/moves.rs"]
mod moves;
#[path = "power_cut/nodes.rs"]
mod nodes;
#[path = "power_cut/rig.rs"]
mod rig;
#[path = "power_cut/transactions.rs"]
mod transactions;
#[path = "power_cut/transactor.rs"]
mod transactor;
#[path = "power_cut/verdict.rs"]
mod verdict;
#[path = "power_cut/workload.rs"]
mod workload;

use rig::{Rig, System};

/// How many cuts one recording is good for.
const CUTS_PER_RECORDING: u64 = 25;

/// Cuts of three nodes when nobody says how many: each starts three processes.
const CUTS_OF_NODES: u64 = 4;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

#[test]
fn nothing_acknowledged_is_lost_by_riverrun() {
    let cuts = from_environment("POWER_CUTS", CUTS_PER_RECORDING);
    let result = Rig::new(System::Riverrun, from_environment("POWER_CUT_SEED", 0x0c07)).run(cuts, CUTS_PER_RECORDING);
    result.tell();
    assert!(result.failures.is_empty(), "{result}");
}

/// All three nodes of a cluster lose their power at the same moment.
#[test]
fn nothing_acknowledged_is_lost_by_three_nodes_at_once() {
    let cuts = from_environment("POWER_CUTS", CUTS_OF_NODES);
    let seed = from_environment("POWER_CUT_SEED", 0x0c0a);
    let result = nodes::run(System::ThreeNodes, seed, cuts, CUTS_PER_RECORDING);
    result.tell();
    assert!(result.failures.is_empty(), "{result}");
}

/// That there are three of them does not help where none of them flushes.
#[test]
fn three_nodes_that_do_not_flush_lose_records() {
    let seed = from_environment("POWER_CUT_SEED", 0x0c0b);
    let result = nodes::run(System::ThreeNodesWithoutFlush, seed, 3, 3);
    result.tell();
    assert!(!result.failures.is_empty(), "the rig sees nothing: {result}");
}

/// The rig must be able to see a loss: without flushing there is one.
#[test]
fn a_broker_that_does_not_flush_loses_records() {
    let result = Rig::new(System::RiverrunWithoutFlush, from_environment("POWER_CUT_SEED", 0x0c08)).run(8, 8);
    result.tell();
    assert!(!result.failures.is_empty(), "the rig sees nothing: {result}");
}

/// The rig must be able to see that a replica is lost on its way from one log directory to the other: for a moment, only a flush of
/// a name stands between.
#[test]
fn a_replica_that_takes_its_place_without_a_flush_is_lost() {
    let seed = from_environment("POWER_CUT_SEED", 0x0c0d);
    let result = Rig::new(System::Riverrun, seed).run_without_syncs_of_exchanges(40);
    println!("{result}");
    assert!(!result.failures.is_empty(), "the rig sees nothing: {result}");
}

/// What Kafka makes of it, for comparison; slow, so only on demand.
#[test]
#[ignore = "run by `cargo xtask power-cut --kafka`"]
fn kafka_for_comparison() {
    let cuts = from_environment("POWER_CUTS", 10);
    for system in [System::Kafka, System::KafkaFlushingEach] {
        let result = Rig::new(system, from_environment("POWER_CUT_SEED", 0x0c09)).run(cuts, cuts);
        result.tell();
    }
}

/// The same of three nodes of Kafka's, with `min.insync.replicas=2` and acks=all as for ours.
#[test]
#[ignore = "run by `cargo xtask power-cut --nodes 3 --kafka`"]
fn three_nodes_of_kafka_for_comparison() {
    let cuts = from_environment("POWER_CUTS", 10);
    for system in [System::ThreeKafkas, System::ThreeKafkasFlushingEach] {
        nodes::run(system, from_environment("POWER_CUT_SEED", 0x0c0c), cuts, cuts).tell();
    }
}
