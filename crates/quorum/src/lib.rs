//! A node's part in the metadata quorum: hosts the raft machine and the controller, and shows the committed metadata.
//!
//! [`start`] loads the metadata log and gives a [`QuorumNode`]: the committed [`metadata::MetadataImage`] and the active
//! controller in watch cells, the [`ControllerHandle`] that takes the same requests as the controller's listener, and the
//! service for that listener. One thread owns the log and the state; everything else talks to it through a bounded queue,
//! and it talks to other replicas through [`peers`]. A node that does not lead follows: its state is what is committed.

mod active_controller;
pub mod api;
mod ask;
pub mod bootstrap;
mod broker_pulse;
mod broker_watch;
mod driver;
mod error;
mod flusher;
pub mod format;
mod handle;
mod heartbeats;
mod incoming_snapshot;
mod leader;
mod leader_pulse;
mod load;
mod measures;
mod metadata_log;
mod metadata_partition;
mod mutation;
mod mutation_figures;
mod node;
mod operation;
mod options;
mod peers;
mod publisher;
mod pulse;
mod registrar;
mod registration;
mod replica;
mod settings_in_force;
mod sign_of_life;
mod silence;
mod snapshots;
mod snapshotter;
mod standby;

pub use active_controller::ActiveController;
pub use error::QuorumError;
pub use handle::{Caller, ControllerHandle, Entrance, Quorum, RequestError};
pub use node::{QuorumNode, start};
pub use operation::Refused;
pub use options::QuorumOptions;
pub use sign_of_life::SignOfLife;
