//! Where an append comes from.

/// Who appends: it decides which rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client's Produce: sequences are checked and duplicates found.
    Client,
    /// A leader's bytes, or our own log replayed: taken as they are, violations only logged.
    Replication,
    /// A coordinator of this node: markers and offsets; epochs are checked, sequences are not.
    Coordinator,
    /// The leader of the metadata quorum, which has no producers.
    RaftLeader,
}
