//! Many files made durable at once (ADR 6).
//!
//! On ext4 with its journal and on XFS the metadata of a whole volume is committed in one sequence: what was changed
//! before is on stable storage once a later change is. So all files are written out and waited for
//! (`sync_file_range`, which reports each file's write errors), then one of them is touched and synced: that commits
//! the sizes and block maps of all, and the names of new files, and empties the drive's cache. Elsewhere nothing of the
//! kind is promised, and every file is synced by itself, some at a time.

use super::super::File;
use super::RealFs;
use crate::fs::Fs;
use rustix::fs::{FsWord, Timespec, Timestamps};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many files are synced at a time where each is synced by itself: enough for the drive's flushes to be merged.
const AT_A_TIME: usize = 16;

/// What a volume promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// Metadata is committed in the order of its changes.
    Ordered,
    /// Only what is synced is safe.
    Each,
}

/// What is known of the volumes seen so far, by device number.
static VOLUMES: Mutex<Vec<(u64, Promise)>> = Mutex::new(Vec::new());

pub(super) fn sync(fs: &RealFs, files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<()> {
    match (files, dirs) {
        ([], []) => Ok(()),
        ([file], []) => file.sync(),
        ([], [dir]) => fs.sync_dir(dir),
        _ if all_ordered(files, dirs)? => in_order(files, dirs),
        _ => {
            each(files.len(), |at| files[at].sync())?;
            each(dirs.len(), |at| fs.sync_dir(&dirs[at]))
        }
    }
}

/// Begins to write what is dirty.
pub(super) fn begin(file: BorrowedFd<'_>) -> io::Result<()> {
    range::start(file)
}

/// Whether everything lies on one volume that commits in order.
fn all_ordered(files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<bool> {
    let mut volume = None;
    for file in files {
        let Some(fd) = file.fd() else { return Ok(false) };
        let found = rustix::fs::fstat(fd)?.st_dev;
        if *volume.get_or_insert(found) != found {
            return Ok(false);
        }
    }
    for dir in dirs {
        let found = rustix::fs::stat(dir)?.st_dev;
        if *volume.get_or_insert(found) != found {
            return Ok(false);
        }
    }
    let Some(volume) = volume else { return Ok(false) };
    let known = || VOLUMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, promise)) = known().iter().find(|(device, _)| *device == volume) {
        return Ok(*promise == Promise::Ordered);
    }
    let kind = match (files.first().and_then(|file| file.fd()), dirs.first()) {
        (Some(fd), _) => rustix::fs::fstatfs(fd)?.f_type,
        (None, Some(dir)) => rustix::fs::statfs(dir)?.f_type,
        (None, None) => return Ok(false),
    };
    let promise = promise(kind, volume);
    known().push((volume, promise));
    Ok(promise == Promise::Ordered)
}

fn promise(kind: FsWord, volume: u64) -> Promise {
    const EXT4: FsWord = 0xef53;
    const XFS: FsWord = 0x5846_5342;
    match kind {
        XFS => Promise::Ordered,
        EXT4 if has_journal(volume) => Promise::Ordered,
        _ => Promise::Each,
    }
}

/// Whether the ext4 volume has a journal: then the kernel shows the task that writes it, and `<none>` where it was made without one.
/// ext2 and ext3 have the same magic number; the kernel shows them there too when ext4 drives them.
fn has_journal(volume: u64) -> bool {
    let (major, minor) = (rustix::fs::major(volume), rustix::fs::minor(volume));
    let device = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}"));
    let Some(name) = device.ok().and_then(|path| Some(path.file_name()?.to_owned())) else {
        return false;
    };
    let mut path = PathBuf::from("/sys/fs/ext4");
    path.push(name);
    path.push("journal_task");
    std::fs::read_to_string(path).is_ok_and(|shown| is_task(&shown))
}

/// Whether what the kernel shows is the number of a task.
fn is_task(shown: &str) -> bool {
    shown.trim().parse::<u32>().is_ok()
}

fn in_order(files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<()> {
    let handles: Vec<BorrowedFd<'_>> = files.iter().filter_map(|file| file.fd()).collect();
    for handle in &handles {
        range::start(*handle)?;
    }
    for handle in &handles {
        range::finish(*handle)?;
    }
    match (handles.last(), dirs.last()) {
        (Some(handle), _) => commit(*handle),
        (None, Some(dir)) => {
            let dir = std::fs::File::open(dir)?;
            commit(dir.as_fd())
        }
        (None, None) => Ok(()),
    }
}

/// Commits a change of the file's metadata, and with it all earlier changes of the volume.
fn commit(handle: BorrowedFd<'_>) -> io::Result<()> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: rustix::fs::UTIME_NOW,
    };
    rustix::fs::futimens(
        handle,
        &Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: rustix::fs::UTIME_OMIT,
            },
            last_modification: now,
        },
    )?;
    Ok(rustix::fs::fsync(handle)?)
}

/// Runs `sync` for every number below `count`, several at a time; the first error counts.
fn each(count: usize, sync: impl Fn(usize) -> io::Result<()> + Sync) -> io::Result<()> {
    let workers = AT_A_TIME.min(count);
    if workers <= 1 {
        return (0..count).try_for_each(sync);
    }
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return Ok(());
            }
            sync(at)?;
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for other in others {
            result = result.and(other.join().expect("a sync does not panic"));
        }
        result
    })
}

/// `sync_file_range`, for which there is no safe wrapper.
#[allow(unsafe_code, reason = "the one system call that rustix does not wrap")]
mod range {
    use super::{AsRawFd, BorrowedFd, io};

    /// Starts to write the file's dirty pages.
    pub(super) fn start(file: BorrowedFd<'_>) -> io::Result<()> {
        call(file, libc::SYNC_FILE_RANGE_WRITE)
    }

    /// Waits until all pages that were dirty are written; fails if a write did.
    pub(super) fn finish(file: BorrowedFd<'_>) -> io::Result<()> {
        call(
            file,
            libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER,
        )
    }

    fn call(file: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
        // SAFETY: the descriptor is open for as long as it is borrowed, and no memory is handed over.
        match unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, flags) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Fs, Open};
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn many_files_and_directories_are_synced_and_an_error_is_told() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut files = Vec::new();
        for at in 0..40_u8 {
            let file = RealFs
                .open(&root.path().join(format!("f{at}")), Open::Create)
                .expect("created");
            file.write_at(&[at; 100], 0).expect("written");
            files.push(file);
        }
        let dirs = [root.path().to_owned()];
        RealFs.sync_together(&files, &dirs).expect("synced");
        RealFs.sync_together(&[], &dirs).expect("synced");
        RealFs.sync_together(&files, &[]).expect("synced");
        in_order(&files, &dirs).expect("written out, whatever the volume promises");
        RealFs
            .sync_together(&files, &[root.path().join("gone")])
            .expect_err("there is no such directory");
    }

    #[test]
    fn a_volume_without_a_journal_promises_no_order() {
        assert!(is_task("173\n"));
        assert!(!is_task("<none>\n"), "what ext4 shows where there is none");
        assert!(!is_task(""));
    }

    #[test]
    fn every_number_is_reached_once_and_the_first_error_counts() {
        for count in [0, 1, 2, 15, 16, 17, 1000] {
            let sum = AtomicU64::new(0);
            each(count, |at| {
                sum.fetch_add(at as u64 + 1, Ordering::Relaxed);
                Ok(())
            })
            .expect("nothing fails");
            let count = count as u64;
            assert_eq!(sum.into_inner(), count * (count + 1) / 2);
        }
        let failed = each(100, |at| {
            if at == 57 {
                Err(io::ErrorKind::Other.into())
            } else {
                Ok(())
            }
        });
        assert!(failed.is_err());
    }

    #[test]
    fn files_replaced_together_hold_their_new_bytes() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let files: Vec<(PathBuf, Vec<u8>)> = (0..5_u8)
            .map(|at| (root.path().join(format!("f{at}")), vec![at; 3]))
            .collect();
        RealFs.replace_all(&files).expect("replaced");
        RealFs.replace_all(&files).expect("replaced again");
        for (path, bytes) in &files {
            assert_eq!(RealFs.read(path).expect("read"), *bytes);
        }
        assert_eq!(
            RealFs.list(root.path()).expect("listed").len(),
            5,
            "no temporary file is left"
        );
    }
}
