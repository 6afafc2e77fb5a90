//! One replica of one partition: the leader's rules, watermarks, and who waits for them.
//!
//! A [`Partition`] is a machine: it has no lock, thread, clock or socket. Its host keeps it behind the one mutex of the
//! produce and fetch paths, calls it, unlocks, and only then fires the [`Wakes`] it returned.

pub mod append;
pub mod fetch;
pub mod leadership;
pub mod partition;
pub mod purgatory;
pub mod wakes;

pub use append::{AppendRefused, Appended, RequiredAcks};
pub use fetch::{FetchView, IsolationLevel, Parked};
pub use leadership::{EpochError, Leadership, NotLeader};
pub use partition::Partition;
pub use purgatory::Purgatory;
pub use wakes::{Signal, Wakes};
