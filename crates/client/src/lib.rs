//! Talks to a Kafka cluster: one connection ([`Channel`]), the cluster behind it ([`Cluster`]), administration
//! ([`admin`]), producing ([`produce`]) and consuming ([`consume`]).
//!
//! Everything is bounded: the length of an answer, the calls under way on a connection, the records waiting to be sent,
//! the time a call may take.

pub mod admin;
pub mod channel;
mod cluster;
pub mod consume;
mod coordinator;
mod error;
pub mod produce;

mod retry;
mod settings;
mod topic_metadata;

pub use channel::Channel;
pub use cluster::{Cluster, Node, Topics};
pub use coordinator::{CoordinatorType, find_coordinator};
pub use error::ClientError;
pub use settings::{Address, Applied, Entrance, SettingError, Settings};
pub use topic_metadata::{PartitionMetadata, TopicMetadata};
