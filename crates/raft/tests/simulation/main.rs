//! Quorums of three and five voters with observers, over a network that loses, delays, doubles and reorders messages and is
//! cut in one direction or both; whose nodes are killed, lose power with what they had not flushed, and come back; whose
//! voters change; whose logs are cut off behind snapshots. One seed is one history, and after each of its steps Raft's
//! promises are checked.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod checks;
mod disk;
mod execution;
mod nemesis;
mod network;
mod node;
mod operator;
mod parked;
mod telling;
mod world;

use world::{Done, World};

/// Enough for a few seconds; `cargo xtask sim` asks for more.
const SEEDS: u64 = 60;

#[test]
fn a_quorum_keeps_its_promises() {
    let mut done = Done::default();
    let seeds = sim::seeds(SEEDS, |seed| {
        let mut world = World::new(seed);
        world.live();
        world.recover();
        done.add(&world.done());
    });
    println!("{seeds} seeds: {done:?}");
    // A simulation in which nothing happens finds nothing.
    assert!(done.elections > 2 * seeds && done.committed > 50 * seeds, "{done:?}");
    if seeds >= SEEDS {
        let rare = [
            done.truncations,
            done.snapshots,
            done.voters_added,
            done.voters_removed,
            done.power_failures,
        ];
        assert!(rare.iter().all(|count| *count > seeds / 20), "{done:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.live();
        world.recover();
        world.trace()
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
