//! Who a replica of the metadata log is: a node id, and since KIP-853 the directory its log lies in.

use base::{NodeId, Uuid};
use std::fmt;

/// A replica's identity. A node whose disk was replaced has the same id and another directory: another replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaKey {
    /// The node.
    pub id: NodeId,
    /// The directory's id; `None` where it is not known, as for the voters of a static quorum. Zero on the wire.
    pub directory: Option<Uuid>,
}

impl ReplicaKey {
    /// The replica of `id` whose directory id on the wire is `directory`, zero standing for unknown.
    pub fn from_wire(id: i32, directory: Uuid) -> Self {
        Self {
            id: NodeId(id),
            directory: Some(directory).filter(|directory| *directory != Uuid::ZERO),
        }
    }

    /// The directory id as the wire has it.
    pub fn wire_directory(&self) -> Uuid {
        self.directory.unwrap_or(Uuid::ZERO)
    }
}

impl fmt::Display for ReplicaKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.directory {
            Some(directory) => write!(out, "{} (directory {directory})", self.id),
            None => write!(out, "{}", self.id),
        }
    }
}
