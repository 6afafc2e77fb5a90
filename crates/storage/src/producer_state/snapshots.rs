//! The snapshot files of a partition directory: `%020d.snapshot`, named by the offset the state is valid at.

use super::snapshot;
use super::snapshot::SnapshotEntry;
use crate::home::Home;
use base::Offset;
use base::fs::{Fs, Open};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The suffix of a snapshot file.
pub const SUFFIX: &str = ".snapshot";
const DELETED: &str = ".deleted";

/// Whether a file is on stable storage when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// It is.
    Now,
    /// The caller syncs the file later; its checksum finds out if that never happened.
    Later,
}

/// Which snapshots there are.
#[derive(Debug)]
pub(super) struct Snapshots {
    home: Arc<Home>,
    offsets: BTreeSet<Offset>,
}

/// The path of the snapshot at `offset` in `dir`.
pub fn path(dir: &Path, offset: Offset) -> PathBuf {
    dir.join(format!("{:020}{SUFFIX}", offset.0))
}

/// The offset in the name of a snapshot.
pub fn offset_of(name: &str) -> Option<Offset> {
    let offset = Offset(name.strip_suffix(SUFFIX)?.parse().ok()?);
    (offset.0 >= 0).then_some(offset)
}

impl Snapshots {
    /// The snapshots in `home`.
    pub(super) fn known(home: Arc<Home>, offsets: BTreeSet<Offset>) -> Self {
        Self { home, offsets }
    }

    fn path(&self, offset: Offset) -> PathBuf {
        path(&self.home.dir(), offset)
    }

    pub(super) fn oldest(&self) -> Option<Offset> {
        self.offsets.first().copied()
    }

    pub(super) fn newest(&self) -> Option<Offset> {
        self.offsets.last().copied()
    }

    pub(super) fn offsets(&self) -> impl DoubleEndedIterator<Item = Offset> {
        self.offsets.iter().copied()
    }

    /// Reads the snapshot at `offset`; `Ok(None)` if it is not a whole snapshot.
    pub(super) fn read(&self, offset: Offset) -> io::Result<Option<Vec<SnapshotEntry>>> {
        let path = self.path(offset);
        match snapshot::decode(&self.home.fs.read(&path)?) {
            Ok(entries) => Ok(Some(entries)),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "producer snapshot not usable");
                Ok(None)
            }
        }
    }

    pub(super) fn write(&mut self, offset: Offset, entries: &[SnapshotEntry], sync: Sync) -> io::Result<()> {
        let bytes = snapshot::encode(entries);
        let file = self.home.fs.open(&self.path(offset), Open::Truncate)?;
        file.write_at(&bytes, 0)?;
        if sync == Sync::Now {
            file.sync()?;
            self.home.fs.sync_dir(&self.home.dir())?;
        }
        self.offsets.insert(offset);
        Ok(())
    }

    /// Deletes the snapshot at `offset`, if there is one.
    pub(super) fn remove(&mut self, offset: Offset) -> io::Result<()> {
        if !self.offsets.remove(&offset) {
            return Ok(());
        }
        ignore_missing(self.home.fs.remove_file(&self.path(offset)))
    }

    /// Deletes the snapshots for which `goes` holds.
    pub(super) fn remove_where(&mut self, goes: impl Fn(Offset) -> bool) -> io::Result<()> {
        let gone: Vec<_> = self.offsets().filter(|offset| goes(*offset)).collect();
        gone.into_iter().try_for_each(|offset| self.remove(offset))
    }

    /// Forgets the snapshot at `offset`, whose file stays; answers whether there was one.
    pub(super) fn release(&mut self, offset: Offset) -> bool {
        self.offsets.remove(&offset)
    }
}

/// Renames the snapshot at `offset` in `dir` to `.snapshot.deleted`; answers the path to unlink, if the file was there.
pub fn rename_deleted(fs: &dyn Fs, dir: &Path, offset: Offset) -> io::Result<Option<PathBuf>> {
    let to = dir.join(format!("{:020}{SUFFIX}{DELETED}", offset.0));
    match fs.rename(&path(dir, offset), &to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        renamed => renamed.map(|()| Some(to)),
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
