//! What can go wrong with a node's part in the quorum; every one of these ends the node, with the reason on its screen.

use base::Offset;
use metadata::ApplyError;
use metadata::loader::LoadError;
use protocol::{DecodeError, EncodeError};
use raft::contents::ContentsError;
use raft::quorum_state::QuorumStateError;
use raft::snapshot::SnapshotError;
use raft::voters::ParseVotersError;
use records::BatchError;
use std::io;
use std::path::PathBuf;
use storage::dirs::partition_metadata::PartitionMetadataError;

/// The metadata log, or the quorum around it, cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum QuorumError {
    /// The disk failed.
    #[error("the metadata log directory failed: {0}")]
    Io(#[from] io::Error),
    /// The log's files failed.
    #[error("the metadata log failed: {0}")]
    Storage(#[from] storage::StorageError),
    /// The log took nothing.
    #[error("the metadata log refused a batch: {0}")]
    Append(#[from] storage::AppendError),
    /// The log could not be read.
    #[error("the metadata log cannot be read: {0}")]
    Read(#[from] storage::ReadError),
    /// A batch of it is damaged.
    #[error("the metadata log's batch at offset {offset} is damaged: {error}")]
    Batch {
        /// Where it should begin.
        offset: Offset,
        /// The damage.
        error: BatchError,
    },
    /// A batch of it cannot be taken apart.
    #[error("the metadata log cannot be read: {0}")]
    Contents(#[from] ContentsError),
    /// There are bytes that no batch begins with.
    #[error("the metadata log in {} has no whole batch at offset {offset}", dir.display())]
    Unreadable {
        /// The log's directory.
        dir: PathBuf,
        /// Where a batch should be.
        offset: Offset,
    },
    /// A metadata record is not one this program knows.
    #[error(
        "the metadata record at offset {offset} cannot be understood: {error}. It was perhaps written by a newer release"
    )]
    Record {
        /// Its offset.
        offset: Offset,
        /// What about it.
        error: DecodeError,
    },
    /// A metadata record contradicts those before it.
    #[error("the metadata log contradicts itself: {0}")]
    Load(#[from] LoadError),
    /// A snapshot is damaged.
    #[error("{} cannot be read: {error}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// The damage.
        error: SnapshotError,
    },
    /// A snapshot's record contradicts those before it.
    #[error("{} contradicts itself: {error}", path.display())]
    SnapshotRecord {
        /// The file.
        path: PathBuf,
        /// What about it.
        error: ApplyError,
    },
    /// A record cannot be written.
    #[error("a metadata record cannot be written: {0}")]
    Encode(#[from] EncodeError),
    /// The log begins after the newest snapshot ends.
    #[error("the metadata log in {} begins at offset {start}, but the newest snapshot ends at {covered}", dir.display())]
    Gap {
        /// The log's directory.
        dir: PathBuf,
        /// The log's start.
        start: Offset,
        /// The snapshot's end.
        covered: Offset,
    },
    /// `quorum-state` cannot be understood.
    #[error(transparent)]
    QuorumState(#[from] QuorumStateError),
    /// `partition.metadata` cannot be understood.
    #[error(transparent)]
    PartitionMetadata(#[from] PartitionMetadataError),
    /// `controller.quorum.voters` cannot be understood.
    #[error(transparent)]
    Voters(#[from] ParseVotersError),
    /// The quorum is not one this program takes part in.
    #[error(transparent)]
    Start(#[from] raft::StartError),
    /// The thread of the metadata log panicked; the log has the message.
    #[error("the thread of the metadata log ended by a fault of this program")]
    Panicked,
    /// The thread of the metadata log cannot be started.
    #[error("the thread of the metadata log cannot be started: {0}")]
    Thread(io::Error),
}
