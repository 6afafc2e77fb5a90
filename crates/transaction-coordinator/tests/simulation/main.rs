//! Producers of both transaction versions, several for one id, under a coordinator whose log holds back and fails, that
//! dies and is followed by another, over a network that loses, delays and reorders; and partitions that hold what was
//! written to the rules of Kafka. One seed is one history.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod checks;
mod client;
#[path = "../host/mod.rs"]
mod host;
mod message;
mod partition;
mod world;

use world::World;

/// Enough for a few seconds; `cargo xtask sim` asks for more.
const SEEDS: u64 = 60;

#[test]
fn every_transaction_is_whole_or_absent() {
    let mut done = client::Done::default();
    let seeds = sim::seeds(SEEDS, |seed| {
        let mut world = World::new(seed);
        world.live();
        done.add(&world.finish());
    });
    println!("{seeds} seeds: {done:?}");
    // A simulation in which nothing happens finds nothing.
    assert!(done.committed > seeds && done.aborted > seeds, "{done:?}");
}

#[test]
fn the_same_seed_is_the_same_history() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.live();
        world.finish();
        world.trace()
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
