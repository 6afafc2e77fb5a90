//! Three whole nodes, as `serve` runs them, in one thread: idempotent producers, consumers, a group, transactions and commits of
//! offsets go on while nodes are killed, lose their power, are cut off, delayed and misled about the date. One seed is one history.
//!
//! Each seed is lived in a process of its own: what a process draws or counts once is then the same for the same seed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chance;
mod checks;
mod history;
mod nemesis;
mod processes;
mod progress;
mod settled;
mod story;
mod workload;

/// Enough for a few seconds; `cargo xtask sim` asks for more.
const SEEDS: u64 = 6;

#[test]
fn what_was_promised_is_kept() {
    let total = processes::live_all(SEEDS);
    println!("{total:?}");
    // A simulation in which nothing happens finds nothing.
    let seeds = total.seeds;
    assert!(
        total.acknowledged > 100 * seeds && total.committed > 2 * seeds && total.faults > 2 * seeds,
        "{total:?}"
    );
}

#[test]
fn the_same_seed_is_the_same_history() {
    let first = processes::live(7).unwrap();
    assert_eq!(first, processes::live(7).unwrap());
    assert_ne!(first.trace, processes::live(8).unwrap().trace);
}

/// What the other tests run in a process of its own; with `RIVERRUN_SIM_FROM` set, the history of that seed.
#[test]
#[ignore = "the others run it, for a seed"]
fn one_history() {
    let seed = processes::own_seed();
    processes::end_if_stuck();
    story::watch();
    chance::choose(seed);
    // What a thread draws it draws once: whether the nodes' log is looked at is not to make another history of it.
    let lived = std::thread::spawn(move || story::live(seed)).join().unwrap();
    println!("{}", processes::tell(&lived));
}
