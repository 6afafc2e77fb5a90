//! The controller's operations against a cluster in memory: what they answer and what the log says afterwards.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod alter_configs;
mod alter_partition;
mod broker_lifecycle;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elections;
mod features;
mod periodic;
mod quotas_and_ids;
mod reassignments;
mod rig;
mod suspicions;
