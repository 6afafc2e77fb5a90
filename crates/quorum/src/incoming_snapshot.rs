//! A snapshot on its way here from the leader, piece by piece, and its installation (KIP-630).
//!
//! The pieces go into a `.checkpoint.part` file. Only when all of them are there and make a snapshot that can be read does
//! the file get its name; a start removes what is left of others.

use crate::error::QuorumError;
use crate::metadata_log::MetadataLog;
use crate::snapshots::{self, SnapshotFile};
use base::fs::{File, Fs, Open};
use metadata::MetadataImage;
use raft::SnapshotId;
use raft::snapshot::SnapshotHeader;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The snapshot being received.
#[derive(Debug)]
pub(crate) struct IncomingSnapshot {
    id: SnapshotId,
    part: PathBuf,
    file: Arc<dyn File>,
    received: u64,
}

/// A snapshot that was received whole and has its name.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) file: SnapshotFile,
    pub(crate) header: SnapshotHeader,
    pub(crate) image: MetadataImage,
}

impl IncomingSnapshot {
    /// Begins to receive `id`; what there was of an earlier attempt is dropped.
    pub(crate) fn begin(log: &MetadataLog, id: SnapshotId) -> Result<Self, QuorumError> {
        let part = log.dir().join(id.file_name()).with_added_extension("part");
        let file = log.fs().open(&part, Open::Truncate)?;
        Ok(Self {
            id,
            part,
            file,
            received: 0,
        })
    }

    /// Which one it is.
    pub(crate) fn id(&self) -> SnapshotId {
        self.id
    }

    /// How much of it is there.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next piece.
    pub(crate) fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_at(piece, self.received)?;
        self.received += piece.len() as u64;
        Ok(())
    }

    /// Everything is there: checks it, makes it durable and gives it its name. `None` if it is no snapshot; then it is
    /// gone, and the leader is to be asked again.
    pub(crate) fn install(self, log: &MetadataLog) -> Result<Option<Installed>, QuorumError> {
        let fs: &dyn Fs = &**log.fs();
        let (header, image) = match snapshots::read_image(fs, &self.part) {
            Ok(read) => read,
            Err(
                error
                @ (QuorumError::Snapshot { .. } | QuorumError::SnapshotRecord { .. } | QuorumError::Record { .. }),
            ) => {
                tracing::warn!(%error, snapshot = %self.id, "the leader's snapshot of the metadata cannot be read");
                fs.remove_file(&self.part)?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.file.sync()?;
        let path = log.dir().join(self.id.file_name());
        fs.rename(&self.part, &path)?;
        fs.sync_dir(log.dir())?;
        Ok(Some(Installed {
            file: snapshots::file(fs, self.id, &path)?,
            header,
            image,
        }))
    }

    /// Removes what was received.
    pub(crate) fn abandon(self, log: &MetadataLog) -> Result<(), QuorumError> {
        Ok(log.fs().remove_file(&self.part)?)
    }
}
