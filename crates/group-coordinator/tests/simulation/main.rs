//! Consumers of both protocols under a coordinator whose log holds back and fails, that dies, loses its leadership and is
//! followed by another, over a network that loses, delays, repeats and reorders, while topics come, grow and go. One seed is
//! one history.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod broker;
mod classic;
mod consumer;
mod fold;
mod member;
mod message;
mod protocol;
mod register;
mod work;
mod world;

use world::World;

/// Enough for a few seconds; `cargo xtask sim` asks for more.
const SEEDS: u64 = 8;

#[test]
fn each_partition_has_one_owner_and_each_offset_is_kept() {
    let (mut handed_over, mut acknowledged, mut transactions) = (0, 0, 0);
    let seeds = sim::seeds(SEEDS, |seed| {
        let mut world = World::new(seed);
        world.live();
        handed_over += world.done.handed_over;
        acknowledged += world.done.acknowledged;
        transactions += world.done.transactions;
    });
    println!("{seeds} seeds: {handed_over} partitions handed over, {acknowledged} writes, {transactions} transactions");
    // A simulation in which nothing happens finds nothing.
    let least = seeds * 20;
    assert!(handed_over > least && acknowledged > least && transactions > least);
}

#[test]
fn the_same_seed_is_the_same_history() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.live();
        (world.trace(), world.done)
    };
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}
