//! How one partition's registration may change: elections, in-sync replicas, reassignments.

mod change;
mod reassignment;
mod rules;
mod update;

pub use change::{Election, PartitionChange};
pub use reassignment::{Reassignment, Revert};
pub use rules::{ElectionRules, default_directory};
pub use update::{BrokerEvent, update_partitions};
