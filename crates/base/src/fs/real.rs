//! The machine's file system.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the one place that touches the real file system"
)]

mod crew;
mod together;
mod volume;

use super::{Descriptors, Entry, EntryKind, File, Fs, Lock, Open, Overwritten, Space};
use crate::clock::Timestamp;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

/// `IOV_MAX` of Linux: more slices than this are refused by `pwritev`.
const MOST_SLICES: usize = 1024;
/// What is read at once of a file that is read whole.
const SMALL_FILE: usize = 1024;
/// How many files are replaced together: all of them are open meanwhile.
const REPLACED_AT_ONCE: usize = 1024;

/// How many [`RealFile`]s there are.
static OPEN: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct RealFile {
    file: std::fs::File,
    /// Its volume, once somebody asked: every flush does.
    volume: OnceLock<u64>,
}

impl RealFile {
    fn new(file: std::fs::File) -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Self {
            file,
            volume: OnceLock::new(),
        }
    }
}

impl Drop for RealFile {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct RealLock {
    _held: std::fs::File,
}

impl Lock for RealLock {}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], position + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, position)
    }

    fn write_vectored_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut done = 0;
        if slices.len() <= MOST_SLICES {
            done = match rustix::io::pwritev(&self.file, slices, position) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => 0,
                Err(error) => return Err(error.into()),
            };
        }
        if done == total {
            return Ok(());
        }
        // A short write (a full disk, a signal) or too many slices for one call: the rest goes slice by slice.
        let mut start = 0;
        for slice in slices {
            let end = start + slice.len();
            if done < end {
                let from = done.max(start);
                self.file.write_all_at(&slice[from - start..], position + from as u64)?;
                done = end;
            }
            start = end;
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn begin_sync(&self) -> io::Result<()> {
        together::begin(self.file.as_fd())
    }

    fn write_out(&self, part: Range<u64>) -> io::Result<()> {
        together::write_out(self.file.as_fd(), &part)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    fn volume(&self) -> io::Result<Option<u64>> {
        if let Some(known) = self.volume.get() {
            return Ok(Some(*known));
        }
        let volume = rustix::fs::fstat(&self.file)?.st_dev;
        Ok(Some(*self.volume.get_or_init(|| volume)))
    }
}

impl RealFs {
    fn replace_some(&self, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
        let mut written: Vec<Arc<dyn File>> = Vec::with_capacity(files.len());
        let mut dirs: Vec<PathBuf> = Vec::new();
        for (path, bytes) in files {
            let file = std::fs::File::create(temporary(path))?;
            file.write_all_at(bytes, 0)?;
            written.push(Arc::new(RealFile::new(file)));
            dirs.extend(path.parent().map(Path::to_owned));
        }
        self.sync_together(&written, &[])?;
        for (path, _) in files {
            std::fs::rename(temporary(path), path)?;
        }
        dirs.sort();
        dirs.dedup();
        self.sync_together(&[], &dirs)
    }
}

impl Fs for RealFs {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        match how {
            Open::Read => {}
            Open::Write => _ = options.write(true),
            Open::Create => _ = options.write(true).create(true).truncate(false),
            Open::Truncate => _ = options.write(true).create(true).truncate(true),
        }
        Ok(Arc::new(RealFile::new(options.open(path)?)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = std::fs::File::open(path)?;
        let mut bytes = vec![0; SMALL_FILE];
        let mut filled = 0;
        loop {
            // Only the end of a regular file makes a read shorter than asked: most are read by one call.
            let asked = bytes.len() - filled;
            let read = match file.read_at(&mut bytes[filled..], filled as u64) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            filled += read;
            if read < asked {
                bytes.truncate(filled);
                return Ok(bytes);
            }
            bytes.resize(filled * 4, 0);
        }
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = temporary(path);
        let file = std::fs::File::create(&temporary)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        match path.parent() {
            Some(dir) => self.sync_dir(dir),
            None => Ok(()),
        }
    }

    fn replace_all(&self, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
        if let [(path, bytes)] = files {
            return self.replace(path, bytes);
        }
        files
            .chunks(REPLACED_AT_ONCE)
            .try_for_each(|files| self.replace_some(files))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let mut kind = entry.file_type()?;
            if kind.is_symlink() {
                // A link whose target is gone is passed over, like a file removed while we list.
                let Ok(target) = std::fs::metadata(entry.path()) else {
                    continue;
                };
                kind = target.file_type();
            }
            let kind = if kind.is_dir() { EntryKind::Dir } else { EntryKind::File };
            entries.push(Entry { name, kind });
        }
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(std::fs::metadata(path)?.len())
    }

    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        let since = std::fs::metadata(path)?
            .modified()?
            .duration_since(std::time::UNIX_EPOCH);
        Ok(Timestamp(since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })))
    }

    fn set_modified(&self, path: &Path, time: Timestamp) -> io::Result<()> {
        let since = std::time::Duration::from_millis(u64::try_from(time.0).unwrap_or(0));
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.set_modified(std::time::UNIX_EPOCH + since)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        std::fs::File::open(dir)?.sync_all()
    }

    fn sync_together(&self, files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<()> {
        together::sync(self, files, dirs)
    }

    fn sync_overwritten(
        &self,
        files: &[Arc<dyn File>],
        overwritten: &[Overwritten],
        dirs: &[PathBuf],
    ) -> io::Result<()> {
        together::sync_overwritten(self, files, overwritten, dirs)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        // POSIX record locks, not flock: the Java broker takes those, and the two must exclude one another.
        rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(
            |error| match error {
                rustix::io::Errno::ACCESS | rustix::io::Errno::AGAIN => io::ErrorKind::WouldBlock.into(),
                other => io::Error::from(other),
            },
        )?;
        Ok(Box::new(RealLock { _held: file }))
    }

    fn descriptors(&self) -> Option<Descriptors> {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Some(Descriptors {
            open: OPEN.load(Ordering::Relaxed),
            most: usize::try_from(limit.current?).unwrap_or(usize::MAX),
        })
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let volume = rustix::fs::statvfs(path)?;
        Ok(Space {
            total: volume.f_blocks.saturating_mul(volume.f_frsize),
            usable: volume.f_bavail.saturating_mul(volume.f_frsize),
        })
    }
}

/// The name under which a file's next contents are written.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vectored_write_lands_in_order_whatever_the_number_of_slices() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for count in [0, 1, 3, MOST_SLICES + 1] {
            let file = RealFs.open(&dir.path().join("f"), Open::Truncate).expect("created");
            let bytes: Vec<u8> = (0..count * 2).map(|at| at as u8).collect();
            let slices: Vec<IoSlice<'_>> = bytes.chunks(2).map(IoSlice::new).collect();
            file.write_vectored_at(&slices, 5).expect("written");
            let mut read = vec![0; bytes.len()];
            assert_eq!(file.read_at(&mut read, 5).expect("read"), bytes.len());
            assert_eq!(read, bytes, "{count} slices");
        }
    }
}
