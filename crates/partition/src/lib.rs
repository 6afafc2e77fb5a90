//! One replica of one partition: the leader's and the follower's rules, who is in sync, watermarks, and who waits.
//!
//! A [`Partition`] is a machine: it has no lock, thread, clock or socket. Its host keeps it behind the one mutex of the
//! produce and fetch paths, calls it, unlocks, and only then fires the [`Wakes`] it returned.

pub mod append;
pub mod brokers;
pub mod exchange;
pub mod fetch;
mod follower;
pub mod heard;
mod high_watermark;
mod isr;
mod keeping_up;
pub mod leadership;
pub mod partition;
mod progress;
pub mod proposal;
pub mod purgatory;
pub mod replica_fetch;
mod resigned;
mod role;
pub mod truncate;
pub mod wakes;

pub use append::{AppendRefused, Appended, RequiredAcks};
pub use brokers::{BrokerStanding, BrokerState, Brokers};
pub use exchange::NotExchangeable;
pub use fetch::{FetchView, IsolationLevel, Parked, ReadFrom};
pub use follower::{FetchPosition, LeaderAnswer, NextFetch, ReplicateError, Replicated, Truncated};
pub use heard::Heard;
pub use leadership::{EpochError, Following, Leadership, NotLeader};
pub use partition::Partition;
pub use proposal::{CommittedIsr, IsrMember, IsrProposal, IsrRefusal};
pub use purgatory::Purgatory;
pub use replica_fetch::{Acknowledged, Follower, OutOfRange, ReplicaFetch, ReplicaFetchRefused, ReplicaView};
pub use resigned::Replication;
pub use truncate::{Cut, LeaderExtent};
pub use wakes::{Signal, Wakes};
