//! KRaft, Kafka's Raft, without the world: a machine that is told of time, requests, answers and flushes, and answers
//! with effects for its host to execute. No clock, no files, no sockets.
//!
//! [`Raft`] is the machine: a voter of a static or dynamic quorum (KIP-595, KIP-853, KIP-996), or an observer. Around it:
//! what replicas say to one another ([`message`]), the voters ([`voters`], [`history`]), the content of `quorum-state`
//! ([`quorum_state`]), the log's outline ([`log_shape`]), the control records ([`control`]) and the form of snapshots
//! ([`snapshot`]).

pub mod contents;
pub mod control;
pub mod history;
pub mod log_shape;
pub mod message;
pub mod quorum_state;
pub mod snapshot;
pub mod snapshot_id;
pub mod voters;

mod accumulator;
mod config;
mod description;
mod durability;
mod effect;
mod fault;
mod fetch;
mod raft;
mod replica;
mod requests;
mod state;
mod voter_change;
mod votes;

pub use accumulator::{Cut, TooLarge};
pub use config::{Join, Now, Participation, RaftConfig};
pub use description::{Description, ReplicaDescription};
pub use effect::{Effect, SealedBatch};
pub use fault::Fault;
pub use fetch::{FetchAnswer, FetchRefusal};
pub use log_shape::LogShape;
pub use message::{Answer, Destination, Leadership, Request, RequestId, SendFailure, Ticket};
pub use quorum_state::QuorumState;
pub use raft::{AppendError, Raft, StartError, UpgradeError};
pub use replica::ReplicaKey;
pub use snapshot_id::SnapshotId;
pub use state::ReplicaProgress;
pub use voters::VoterSet;
