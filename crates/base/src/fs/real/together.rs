//! Many files made durable at once (ADR 6).
//!
//! On ext4 with its journal and on XFS the metadata of a whole volume is committed in one sequence: what was changed
//! before is on stable storage once a later change is. So all files are written out and waited for
//! (`sync_file_range`, which reports each file's write errors), then one of them is touched and synced: that commits
//! the sizes and block maps of all, and the names of new files, and empties the drive's cache. Elsewhere nothing of the
//! kind is promised, and every file is synced by itself, some at a time.

use super::super::{File, Overwritten};
use super::RealFs;
use super::crew;
use super::volume::{self, Order};
use crate::fs::Fs;
use rustix::fs::{Timespec, Timestamps};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;

/// How many files are synced at a time where each is synced by itself: enough for the drive's flushes to be merged.
const AT_A_TIME: usize = 16;

pub(super) fn sync(fs: &RealFs, files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<()> {
    match (files, dirs) {
        ([], []) => Ok(()),
        ([file], []) => file.sync(),
        ([], [dir]) => fs.sync_dir(dir),
        _ if all_ordered(files, dirs)? => in_order(files, dirs),
        _ => {
            // The drive has all to do at once. It is a hint: what it does not do, or cannot, the sync does, or tells.
            for handle in files.iter().filter_map(|file| file.fd()) {
                _ = range::start(handle);
            }
            let (fs, files, dirs) = (*fs, files.to_vec(), dirs.to_vec());
            crew::each(files.len(), AT_A_TIME, move |at| files[at].sync())?;
            crew::each(dirs.len(), AT_A_TIME, move |at| fs.sync_dir(&dirs[at]))
        }
    }
}

/// As [`sync`], where of some files only what is overwritten has to be written: if the volume does that in place, they are done once
/// the drive has it and its cache is emptied, whatever is committed.
pub(super) fn sync_overwritten(
    fs: &RealFs,
    files: &[Arc<dyn File>],
    overwritten: &[Overwritten],
    dirs: &[PathBuf],
) -> io::Result<()> {
    let over = overwritten.iter().map(|one| &one.file);
    let volume = match overwritten {
        [] => None,
        _ => volume::of_all(files.iter().chain(over.clone()), dirs)?,
    };
    let Some(barrier) = volume.and_then(|volume| volume.in_place) else {
        let all: Vec<_> = files.iter().chain(over).cloned().collect();
        return sync(fs, &all, dirs);
    };
    for handle in files.iter().filter_map(|file| file.fd()) {
        range::start(handle)?;
    }
    let parts = || overwritten.iter().filter_map(|one| Some((one.file.fd()?, &one.range)));
    if overwritten.len() > 1 {
        parts().try_for_each(|(handle, part)| range::start_part(handle, part))?;
    }
    parts().try_for_each(|(handle, part)| range::finish_part(handle, part))?;
    match (files, dirs) {
        // Nothing of this directory is meant: ext4 empties the drive's cache with every sync.
        ([], []) => Ok(rustix::fs::fdatasync(&*barrier)?),
        // Likewise, and after what was waited for above.
        _ => sync(fs, files, dirs),
    }
}

/// Begins to write what is dirty.
pub(super) fn begin(file: BorrowedFd<'_>) -> io::Result<()> {
    range::start(file)
}

/// Writes a part out and waits until the device has it.
pub(super) fn write_out(file: BorrowedFd<'_>, part: &Range<u64>) -> io::Result<()> {
    range::finish_part(file, part)
}

/// Whether everything lies on one volume that commits in order.
fn all_ordered(files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<bool> {
    let found = volume::of_all(files.iter(), dirs)?;
    Ok(found.is_some_and(|volume| volume.order == Order::Ordered))
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

/// `sync_file_range`, for which there is no safe wrapper.
#[allow(unsafe_code, reason = "the one system call that rustix does not wrap")]
mod range {
    use super::{AsRawFd, BorrowedFd, Range, io};

    /// Starts to write the file's dirty pages.
    pub(super) fn start(file: BorrowedFd<'_>) -> io::Result<()> {
        call(file, 0, 0, libc::SYNC_FILE_RANGE_WRITE)
    }

    /// Waits until all pages that were dirty are written; fails if a write did.
    pub(super) fn finish(file: BorrowedFd<'_>) -> io::Result<()> {
        call(file, 0, 0, WRITTEN)
    }

    /// As [`start`], of a part of the file.
    pub(super) fn start_part(file: BorrowedFd<'_>, part: &Range<u64>) -> io::Result<()> {
        call_for(file, part, libc::SYNC_FILE_RANGE_WRITE)
    }

    /// As [`finish`], of a part of the file.
    pub(super) fn finish_part(file: BorrowedFd<'_>, part: &Range<u64>) -> io::Result<()> {
        call_for(file, part, WRITTEN)
    }

    const WRITTEN: u32 =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;

    fn call_for(file: BorrowedFd<'_>, part: &Range<u64>, flags: u32) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let number = |bytes: u64| i64::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
        call(file, number(part.start)?, number(part.end - part.start)?, flags)
    }

    fn call(file: BorrowedFd<'_>, from: i64, len: i64, flags: u32) -> io::Result<()> {
        // SAFETY: the descriptor is open for as long as it is borrowed, and no memory is handed over.
        match unsafe { libc::sync_file_range(file.as_raw_fd(), from, len, flags) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Fs, Open};
    use super::*;

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
    fn what_is_overwritten_is_synced_beside_what_grew() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let open = |name: &str| {
            let file = RealFs.open(&root.path().join(name), Open::Create).expect("created");
            file.write_at(&[0; 40_000], 0).expect("written");
            file.sync().expect("synced");
            file
        };
        let over: Vec<Overwritten> = ["a", "b"]
            .into_iter()
            .map(|name| Overwritten {
                file: open(name),
                range: 5_000..25_000,
            })
            .collect();
        for one in &over {
            one.file.write_at(&[7; 20_000], 5_000).expect("written");
        }
        let grown = [open("c")];
        let dirs = [root.path().to_owned()];
        RealFs.sync_overwritten(&[], &over, &[]).expect("synced");
        RealFs.sync_overwritten(&[], &over[..1], &[]).expect("synced");
        RealFs.sync_overwritten(&grown, &over, &dirs).expect("synced");
        RealFs.sync_overwritten(&grown, &[], &[]).expect("synced");
        let nothing = Overwritten {
            file: Arc::clone(&grown[0]),
            range: 3..3,
        };
        RealFs.sync_overwritten(&[], &[nothing], &[]).expect("nothing to do");
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
