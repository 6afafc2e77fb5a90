//! Chaos: clients write and read while whatever can go wrong with a cluster goes wrong, and what they were promised must
//! hold.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checker;
mod history;
