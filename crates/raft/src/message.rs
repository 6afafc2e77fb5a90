//! What replicas ask one another and answer, without the wire's versions: the host translates.

use crate::log_shape::LogPosition;
use crate::replica::ReplicaKey;
use crate::snapshot_id::SnapshotId;
use crate::voters::{Endpoint, KRaftVersionRange};
use base::{LeaderEpoch, NodeId, Offset};
use bytes::Bytes;
use protocol::ErrorCode;

/// Names a request that this replica sent, for the answer to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a request that this replica received; the host chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// Who is expected there; `None` for a bootstrap server, of which only the address is known.
    pub node: Option<NodeId>,
    /// The host name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Who leads, as the one who says it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The leader; `None` while unknown.
    pub leader: Option<NodeId>,
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Where the leader is reached, by listener; on the wire only the one for the listener of the connection.
    pub endpoints: Vec<Endpoint>,
}

impl Leadership {
    /// Nothing is known: what an answer without these fields says.
    pub const UNKNOWN: Self = Self {
        leader: None,
        epoch: LeaderEpoch::NONE,
        endpoints: Vec::new(),
    };
}

/// What a vote is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteKind {
    /// KIP-996: would you vote for me? Changes nothing.
    PreVote,
    /// Vote for me in this epoch.
    Vote,
}

/// Vote (key 52).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteRequest {
    /// Who asks.
    pub candidate: ReplicaKey,
    /// The epoch it stands for; its current one in a pre-vote.
    pub epoch: LeaderEpoch,
    /// Whom it believes to ask; `None` before version 1.
    pub voter: Option<ReplicaKey>,
    /// The end of its log.
    pub end: LogPosition,
    /// Pre-vote or vote.
    pub kind: VoteKind,
}

/// BeginQuorumEpoch (key 53): the leader of a new epoch makes itself known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginQuorumEpochRequest {
    /// The leader.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Where it is reached; empty before version 1.
    pub endpoints: Vec<Endpoint>,
    /// Whom it believes to tell; `None` before version 1.
    pub voter: Option<ReplicaKey>,
}

/// EndQuorumEpoch (key 54): a leader steps down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndQuorumEpochRequest {
    /// The leader that steps down.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Who should succeed it, the best first.
    pub successors: Vec<ReplicaKey>,
    /// Where it is reached; empty before version 1.
    pub endpoints: Vec<Endpoint>,
}

/// Fetch (key 1) of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Who pulls.
    pub replica: ReplicaKey,
    /// The epoch it knows.
    pub epoch: LeaderEpoch,
    /// The end of its log.
    pub position: LogPosition,
    /// KIP-1166: the high watermark it knows.
    pub high_watermark: Option<Offset>,
}

/// FetchSnapshot (key 59).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSnapshotRequest {
    /// Who pulls.
    pub replica: ReplicaKey,
    /// The epoch it knows.
    pub epoch: LeaderEpoch,
    /// The snapshot.
    pub id: SnapshotId,
    /// From which byte on.
    pub position: u64,
}

/// KIP-1186: when AddRaftVoter is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckWhen {
    /// Once the voters are in the leader's log.
    Appended,
    /// Once they are committed.
    Committed,
}

/// AddRaftVoter (key 80).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddVoterRequest {
    /// The new voter.
    pub voter: ReplicaKey,
    /// Where it is reached.
    pub endpoints: Vec<Endpoint>,
    /// When to answer.
    pub ack: AckWhen,
}

/// RemoveRaftVoter (key 81).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveVoterRequest {
    /// Which.
    pub voter: ReplicaKey,
}

/// UpdateRaftVoter (key 82): a voter tells the leader where it is reached and what it supports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateVoterRequest {
    /// The epoch it knows.
    pub epoch: LeaderEpoch,
    /// The voter.
    pub voter: ReplicaKey,
    /// Where it is reached.
    pub endpoints: Vec<Endpoint>,
    /// What it supports.
    pub kraft_versions: KRaftVersionRange,
}

/// One request between replicas, or from a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// See [`VoteRequest`].
    Vote(VoteRequest),
    /// See [`BeginQuorumEpochRequest`].
    BeginQuorumEpoch(BeginQuorumEpochRequest),
    /// See [`EndQuorumEpochRequest`].
    EndQuorumEpoch(EndQuorumEpochRequest),
    /// See [`FetchRequest`]. Received ones go to [`crate::Raft::on_fetch`].
    Fetch(FetchRequest),
    /// See [`FetchSnapshotRequest`]. Received ones go to [`crate::Raft::on_fetch_snapshot`].
    FetchSnapshot(FetchSnapshotRequest),
    /// ApiVersions (key 18): what does the node that is to become a voter support? The host answers received ones.
    ApiVersions,
    /// See [`AddVoterRequest`].
    AddVoter(AddVoterRequest),
    /// See [`RemoveVoterRequest`].
    RemoveVoter(RemoveVoterRequest),
    /// See [`UpdateVoterRequest`].
    UpdateVoter(UpdateVoterRequest),
}

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Batches from the asked offset on, maybe none; the last may be cut.
    Records {
        /// Their bytes.
        bytes: Bytes,
        /// The leader's high watermark; `None` for -1.
        high_watermark: Option<Offset>,
    },
    /// Truncate to this position and ask again.
    Diverging(LogPosition),
    /// Take this snapshot first.
    Snapshot(SnapshotId),
}

/// A piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// Of which.
    pub id: SnapshotId,
    /// The size of all of it.
    pub size: u64,
    /// Where the piece begins.
    pub position: u64,
    /// The piece.
    pub bytes: Bytes,
}

/// The answer to a [`Request`]. An error that the wire has at the top level, where nothing else is said, is no answer but
/// [`SendFailure::Refused`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a vote.
    Vote {
        /// What is wrong with the request.
        error: ErrorCode,
        /// Who leads.
        leadership: Leadership,
        /// Whether the vote is given.
        granted: bool,
    },
    /// To a new leader.
    BeginQuorumEpoch {
        /// What is wrong with the request.
        error: ErrorCode,
        /// Who leads.
        leadership: Leadership,
    },
    /// To a leader that steps down.
    EndQuorumEpoch {
        /// What is wrong with the request.
        error: ErrorCode,
        /// Who leads.
        leadership: Leadership,
    },
    /// To a fetch.
    Fetch {
        /// What is wrong with the request.
        error: ErrorCode,
        /// Who leads.
        leadership: Leadership,
        /// What there is, if nothing is wrong.
        fetched: Fetched,
    },
    /// To a fetch of a snapshot.
    FetchSnapshot {
        /// What is wrong with the request.
        error: ErrorCode,
        /// Who leads.
        leadership: Leadership,
        /// The piece, if nothing is wrong.
        chunk: Option<SnapshotChunk>,
    },
    /// Of the node that is to become a voter.
    ApiVersions {
        /// What is wrong with the request.
        error: ErrorCode,
        /// The range of `kraft.version` among its supported features.
        kraft_versions: Option<KRaftVersionRange>,
    },
    /// To a new voter.
    AddVoter {
        /// Whether it is one now.
        error: ErrorCode,
        /// Why not.
        message: Option<String>,
    },
    /// To the end of a voter.
    RemoveVoter {
        /// Whether it ended.
        error: ErrorCode,
        /// Why not.
        message: Option<String>,
    },
    /// To a voter's news of itself.
    UpdateVoter {
        /// What is wrong with the request.
        error: ErrorCode,
        /// Who leads.
        leadership: Leadership,
    },
}

/// Why a request that was sent has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// No connection, or the connection was lost.
    Disconnected,
    /// The other does not know the API, or no version that can say what the request says.
    UnsupportedVersion,
    /// An error for the request as a whole.
    Refused(ErrorCode),
}
