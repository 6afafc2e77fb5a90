//! The script: every API of the walking skeleton, in every version, with good and bad arguments.

mod configs;
mod consumer_groups;
mod fetch;
mod groups;
mod nodes;
mod offsets;
mod produce;
mod producers;
mod quotas;
mod topics;
pub mod transactions;
mod versions;

use super::pair::Pair;

/// Runs the whole script. `ORACLE_CASES` (names of the modules, with commas) runs a part of it.
pub fn run(pair: &mut Pair) {
    let all: [(&str, fn(&mut Pair)); 12] = [
        ("versions", versions::run),
        ("topics", topics::run),
        ("produce", produce::run),
        ("fetch", fetch::run),
        ("offsets", offsets::run),
        ("configs", configs::run),
        ("producers", producers::run),
        ("nodes", nodes::run),
        ("quotas", quotas::run),
        ("groups", groups::run),
        ("transactions", transactions::run),
        ("consumer_groups", consumer_groups::run),
    ];
    let chosen = std::env::var("ORACLE_CASES").ok();
    for (name, cases) in all {
        if chosen
            .as_ref()
            .is_none_or(|chosen| chosen.split(',').any(|one| one == name))
        {
            println!("cases: {name}");
            cases(pair);
        }
    }
}

/// A name as the messages have it.
fn text(value: &str) -> String {
    value.to_owned()
}
