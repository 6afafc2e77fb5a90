//! Follower: knows the leader of the epoch and pulls its log, as a voter or as an observer.

use crate::replica::ReplicaKey;
use crate::snapshot_id::SnapshotId;
use crate::voters::Endpoint;
use base::{Instant, LeaderEpoch, NodeId, Offset};

/// A snapshot that comes in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotFetch {
    /// Which.
    pub(crate) id: SnapshotId,
    /// How much of it is there.
    pub(crate) position: u64,
}

/// What a follower has of its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    /// Nothing was fetched from it in this epoch.
    None,
    /// The last fetch that ended was answered.
    Held,
    /// It was held, and since then so many fetches in a row failed for want of a connection.
    Lost { failures: u32 },
}

/// A replica that has a leader.
#[derive(Debug)]
pub(crate) struct Follower {
    /// The epoch.
    pub(crate) epoch: LeaderEpoch,
    /// Who leads it.
    pub(crate) leader: NodeId,
    /// Where the leader is reached; never empty.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Whom this replica voted for in this epoch.
    pub(crate) voted: Option<ReplicaKey>,
    /// When the leader counts as gone.
    pub(crate) fetch_deadline: Instant,
    /// When it last answered a fetch, or was found to lead.
    pub(crate) heard: Instant,
    /// KIP-996: as long as nothing was fetched, the leader may well be gone.
    pub(crate) contact: Contact,
    /// The snapshot being fetched; the log rests meanwhile.
    pub(crate) snapshot: Option<SnapshotFetch>,
    /// What the leader said is committed.
    pub(crate) leader_high_watermark: Option<Offset>,
    /// When to look whether the voter set has this replica as it should.
    pub(crate) voter_set_deadline: Instant,
    /// KIP-853: under `kraft.version` 0 the leader of an epoch is told once.
    pub(crate) has_told_leader: bool,
}
