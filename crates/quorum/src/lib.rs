//! A node's part in the metadata quorum: hosts the raft machine and the controller, and shows the committed metadata.
//!
//! [`start`] loads the metadata log, takes office and gives a [`QuorumNode`]: the committed [`metadata::MetadataImage`] in a
//! watch cell, the [`ControllerHandle`] that takes the same requests as the controller's listener, and the service for
//! that listener. One thread owns the log and the state; everything else talks to it through a bounded queue.
//!
//! Quorums of one voter, for now; others are refused at start.

mod active_controller;
pub mod api;
pub mod bootstrap;
mod driver;
mod error;
pub mod format;
mod handle;
mod leader;
mod load;
mod metadata_log;
mod node;
mod operation;
mod publisher;
mod registration;
mod replica;
mod snapshots;
mod snapshotter;

pub use active_controller::ActiveController;
pub use error::QuorumError;
pub use handle::{Caller, ControllerHandle, Entrance, Quorum, RequestError};
pub use node::{QuorumNode, QuorumOptions, start};
pub use operation::Refused;
