//! Replicas of one partition on real logs, over disks that lose what was not synced and a network that loses, repeats,
//! reorders and is cut in one direction; the real controller decides who leads and who is in sync. Brokers crash, lose
//! their power, pause and come back; the partition is moved; idempotent producers and consumers at the high watermark go
//! on. One seed is one history.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod checks;
mod consumer;
mod controller;
mod message;
mod nemesis;
mod network;
mod node;
mod producer;
mod world;

use world::{Done, World};

/// Enough for a few seconds; `cargo xtask sim` asks for more.
const SEEDS: u64 = 100;

#[test]
fn what_is_committed_stays_and_is_the_same_everywhere() {
    let mut done = Done::default();
    let seeds = sim::seeds(SEEDS, |seed| done.add(&World::new(seed).live()));
    println!("{seeds} seeds: {done:?}");
    // A simulation in which nothing happens finds nothing.
    assert!(
        done.acknowledged > 20 * seeds && done.read > 20 * seeds && done.elections > seeds,
        "{done:?}"
    );
}

#[test]
fn the_same_seed_is_the_same_history() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.live();
        world.trace()
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
