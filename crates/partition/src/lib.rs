//! One replica of one partition: the leader's and the follower's rules, watermarks, and who waits for them.

pub mod purgatory;
pub mod wakes;

pub use purgatory::Purgatory;
pub use wakes::{Signal, Wakes};
