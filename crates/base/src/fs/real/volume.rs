//! What a volume promises, as far as is known of its file system (ADR 6).

use super::super::File;
use rustix::fs::FsWord;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// In which order changes of metadata become safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// In that in which they were made.
    Ordered,
    /// Only what is synced is safe.
    Each,
}

/// A volume.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    pub(super) order: Order,
    /// If bytes that are written over stay where they are: a directory whose sync empties the drive's cache, and has little else to do.
    pub(super) in_place: Option<Arc<std::fs::File>>,
}

/// The volumes seen so far, by device number.
static VOLUMES: Mutex<Vec<(u64, Volume)>> = Mutex::new(Vec::new());

const EXT4: FsWord = 0xef53;
const XFS: FsWord = 0x5846_5342;

/// The volume that all of this lies on; none if it is not one, or there is nothing.
pub(super) fn of_all<'a>(
    files: impl Iterator<Item = &'a Arc<dyn File>> + Clone,
    dirs: &[PathBuf],
) -> io::Result<Option<Volume>> {
    let mut volume = None;
    for file in files.clone() {
        let Some(found) = file.volume()? else { return Ok(None) };
        if *volume.get_or_insert(found) != found {
            return Ok(None);
        }
    }
    for dir in dirs {
        let found = rustix::fs::stat(dir)?.st_dev;
        if *volume.get_or_insert(found) != found {
            return Ok(None);
        }
    }
    let Some(device) = volume else { return Ok(None) };
    let known = || VOLUMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, volume)) = known().iter().find(|(known, _)| *known == device) {
        return Ok(Some(volume.clone()));
    }
    let first = files.clone().find_map(|file| file.fd());
    let kind = match (first, dirs.first()) {
        (Some(fd), _) => rustix::fs::fstatfs(fd)?.f_type,
        (None, Some(dir)) => rustix::fs::statfs(dir)?.f_type,
        (None, None) => return Ok(None),
    };
    let volume = Volume {
        order: order(kind, device),
        in_place: match writes_in_place(kind, device) {
            true => directory(first, dirs).map(Arc::new),
            false => None,
        },
    };
    known().push((device, volume.clone()));
    Ok(Some(volume))
}

fn order(kind: FsWord, device: u64) -> Order {
    match kind {
        XFS => Order::Ordered,
        EXT4 if has_journal(device) => Order::Ordered,
        _ => Order::Each,
    }
}

/// Whether the ext4 volume has a journal: then the kernel shows the task that writes it, and `<none>` where it was made without one.
/// ext2 and ext3 have the same magic number; the kernel shows them there too when ext4 drives them.
fn has_journal(device: u64) -> bool {
    shown("/sys/fs/ext4", device, "journal_task").is_some_and(|shown| is_task(&shown))
}

/// Whether what the kernel shows is the number of a task.
fn is_task(shown: &str) -> bool {
    shown.trim().parse::<u32>().is_ok()
}

/// Whether a file's bytes are always written where they were, and every sync of a file empties the drive's cache. XFS may share blocks
/// between files, which are copied when they are written over.
fn writes_in_place(kind: FsWord, device: u64) -> bool {
    kind == EXT4
        && shown("/proc/fs/ext4", device, "options").is_some_and(|options| {
            // Then data goes through the journal, and is safe with its commit only.
            !options.lines().any(|option| option == "data=journal")
        })
}

/// What the kernel shows of an ext4 volume in a file of that name.
fn shown(root: &str, device: u64, name: &str) -> Option<String> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let link = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    let path = Path::new(root).join(link.file_name()?).join(name);
    std::fs::read_to_string(path).ok()
}

/// A directory of the volume.
fn directory(file: Option<BorrowedFd<'_>>, dirs: &[PathBuf]) -> Option<std::fs::File> {
    let path = match (file, dirs.first()) {
        (Some(file), _) => {
            let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
            path.parent()?.to_owned()
        }
        (None, Some(dir)) => dir.clone(),
        (None, None) => return None,
    };
    std::fs::File::open(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_without_a_journal_promises_no_order() {
        assert!(is_task("173\n"));
        assert!(!is_task("<none>\n"), "what ext4 shows where there is none");
        assert!(!is_task(""));
    }
}
