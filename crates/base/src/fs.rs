//! The seam to the file system: what the storage engine needs of it, and nothing more.
//!
//! Two implementations: [`real::RealFs`] and the simulator's disk, which loses what was not synced.

use crate::clock::Timestamp;
use std::fmt;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub mod real;
pub mod region;

pub use real::RealFs;
pub use region::FileRegion;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; created empty if absent.
    Create,
    /// For reading and writing; created, and emptied if it was there.
    Truncate,
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name within the directory; entries whose name is not UTF-8 are not listed.
    pub name: String,
    /// What it is; a link counts as what it points to.
    pub kind: EntryKind,
}

/// The space of the volume that holds a path, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The volume's size.
    pub total: u64,
    /// What an unprivileged process can still write.
    pub usable: u64,
}

/// How many files a process has open, and how many it may have, sockets included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// Files open now.
    pub open: usize,
    /// Descriptors that the process may have.
    pub most: usize,
}

/// Whether a file could not be opened because too many are: nothing was read or written then, and nothing is wrong with the disk.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    /// Too many in the whole system, and in this process.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// An exclusive lock on a file, held until dropped.
pub trait Lock: Send + Sync + fmt::Debug {}

/// An open file; positions are always given, so one handle serves many readers.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads up to `buffer.len()` bytes at `position`; fewer only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `position`.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Writes all of `slices`, one after the other, at `position`: one system call where the system has one.
    fn write_vectored_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<()>;
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file is empty.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts or extends (with zeros) the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Puts the file's data, and the length that goes with it, on stable storage.
    fn sync(&self) -> io::Result<()>;
    /// Begins to write the file's data to stable storage, so that a sync has less to wait for. It promises nothing.
    fn begin_sync(&self) -> io::Result<()> {
        Ok(())
    }
    /// Has this part written to the device, and waits for that, so that a sync has less to do at once. It promises nothing.
    ///
    /// # Errors
    /// What could not be written of the file, this part or another: as with a failed sync, the next sync need not tell it again.
    fn write_out(&self, part: Range<u64>) -> io::Result<()> {
        let _ = part;
        Ok(())
    }
    /// The operating system's handle for `sendfile`, if there is one.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
    /// The number of the volume that holds it, if there is one.
    fn volume(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

/// Bytes of a file that were written over: the file's length, and the blocks that hold them, were on stable storage before, and
/// the range covers all that was written to it since it was synced last.
#[derive(Clone, Debug)]
pub struct Overwritten {
    /// The file.
    pub file: Arc<dyn File>,
    /// Where in it.
    pub range: Range<u64>,
}

/// A file system.
pub trait Fs: Send + Sync + fmt::Debug {
    /// Opens a file.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;
    /// Reads a small file whole.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Replaces a small file at once: writes `<path>.tmp`, syncs it, renames it, syncs the directory.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Replaces many small files, each as [`Fs::replace`] does.
    fn replace_all(&self, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
        for (path, bytes) in files {
            self.replace(path, bytes)?;
        }
        Ok(())
    }
    /// The entries of a directory, sorted by name.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Whether anything is at `path`.
    fn exists(&self, path: &Path) -> bool;
    /// The length of the file at `path`.
    fn len(&self, path: &Path) -> io::Result<u64>;
    /// When the file was last written.
    fn modified(&self, path: &Path) -> io::Result<Timestamp>;
    /// Says that the file was last written at `time`, as its copy is to say of the original.
    fn set_modified(&self, path: &Path, time: Timestamp) -> io::Result<()>;
    /// Creates a directory and its parents; fine if it exists.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames a file or a directory, replacing a file that is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and all in it.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Puts the data of all `files` and the entries of all `dirs` on stable storage: together, where that is cheaper
    /// than one after the other. All or none counts: if this fails, nothing is known of any of them.
    fn sync_together(&self, files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<()> {
        for file in files {
            file.sync()?;
        }
        for dir in dirs {
            self.sync_dir(dir)?;
        }
        Ok(())
    }
    /// As [`Fs::sync_together`], with files of which only what is overwritten has to reach stable storage: where the file system
    /// writes in place, nothing is to be committed for those.
    fn sync_overwritten(
        &self,
        files: &[Arc<dyn File>],
        overwritten: &[Overwritten],
        dirs: &[PathBuf],
    ) -> io::Result<()> {
        let all: Vec<_> = files
            .iter()
            .chain(overwritten.iter().map(|one| &one.file))
            .cloned()
            .collect();
        self.sync_together(&all, dirs)
    }
    /// Takes the exclusive lock on the file at `path` (created if absent) or fails with `WouldBlock` if another holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
    /// How many files are open; none where nothing limits it.
    fn descriptors(&self) -> Option<Descriptors> {
        None
    }
    /// The space of the volume that holds `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;
}
