//! A disk in memory that stops at a chosen operation, and may lose what was not synced.

use base::fs::{Entry, EntryKind, File, Fs, Lock, Open, Space};
use base::{Rng, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// A change of names that is not known to be on stable storage.
#[derive(Clone, Debug)]
enum Change {
    Put(PathBuf, usize),
    Gone(PathBuf),
    Moved(PathBuf, PathBuf),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    data: Vec<u8>,
    synced: Vec<u8>,
    modified: i64,
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    unsynced: Vec<Change>,
    dirs: BTreeSet<PathBuf>,
    operations: u64,
    stop_at: Option<u64>,
}

/// How the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The process dies; what it wrote is there.
    Kill,
    /// The power goes; of what was not synced, any part may be there.
    PowerCut,
}

/// The disk.
#[derive(Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct OpenFile {
    disk: Arc<Mutex<State>>,
    inode: usize,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no test panics within the disk")
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: &Change) {
    match change {
        Change::Put(path, inode) => _ = names.insert(path.clone(), *inode),
        Change::Gone(path) => _ = names.remove(path),
        Change::Moved(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

impl Change {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Put(path, _) | Self::Gone(path) | Self::Moved(path, _) => path.parent(),
        }
    }
}

impl State {
    /// Counts an operation that changes something; fails from the chosen one on.
    fn change(&mut self) -> io::Result<()> {
        if self.stop_at.is_some_and(|stop| self.operations >= stop) {
            return Err(io::Error::other("the machine has stopped"));
        }
        self.operations += 1;
        Ok(())
    }

    fn name(&mut self, change: Change) {
        apply(&mut self.names, &change);
        self.unsynced.push(change);
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
    }
}

impl Disk {
    /// An equal disk, apart from this one.
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(locked(&self.0).clone())))
    }

    /// Operations so far.
    pub(super) fn operations(&self) -> u64 {
        locked(&self.0).operations
    }

    /// Every change fails after `count` more.
    pub(super) fn stop_after(&self, count: u64) {
        let mut state = locked(&self.0);
        state.stop_at = Some(state.operations + count);
    }

    /// The disk as the next start finds it.
    pub(super) fn after(&self, end: End, rng: &mut Rng) -> Self {
        let mut state = locked(&self.0).clone();
        state.stop_at = None;
        if end == End::PowerCut {
            for change in std::mem::take(&mut state.unsynced) {
                if rng.below(2) == 0 {
                    apply(&mut state.durable, &change);
                }
            }
            state.names = state.durable.clone();
            for inode in &mut state.inodes {
                if rng.below(2) == 0 {
                    inode.data = inode.synced.clone();
                }
            }
        }
        // What is there after a start is there after the next.
        state.durable = state.names.clone();
        state.unsynced.clear();
        for inode in &mut state.inodes {
            inode.synced = inode.data.clone();
        }
        Self(Arc::new(Mutex::new(state)))
    }

    /// The names in a directory.
    pub(super) fn files(&self, dir: &Path) -> Vec<String> {
        let entries = self.list(dir).expect("listed");
        entries.into_iter().map(|entry| entry.name).collect()
    }
}

impl File for OpenFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let state = locked(&self.disk);
        let data = &state.inodes[self.inode].data;
        let from = (position as usize).min(data.len());
        let count = buffer.len().min(data.len() - from);
        buffer[..count].copy_from_slice(&data[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut state = locked(&self.disk);
        state.change()?;
        let data = &mut state.inodes[self.inode].data;
        let end = position as usize + bytes.len();
        if data.len() < end {
            data.resize(end, 0);
        }
        data[position as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn write_vectored_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.write_at(&bytes, position)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(locked(&self.disk).inodes[self.inode].data.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = locked(&self.disk);
        state.change()?;
        state.inodes[self.inode].data.resize(len as usize, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = locked(&self.disk);
        state.change()?;
        let inode = &mut state.inodes[self.inode];
        inode.synced = inode.data.clone();
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[derive(Debug)]
struct Held;
impl Lock for Held {}

impl Fs for Disk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut state = locked(&self.0);
        let found = state.names.get(path).copied();
        let inode = match (found, how) {
            (Some(inode), Open::Truncate) => {
                state.change()?;
                state.inodes[inode].data.clear();
                inode
            }
            (Some(inode), _) => inode,
            (None, Open::Read | Open::Write) => return Err(io::ErrorKind::NotFound.into()),
            (None, Open::Create | Open::Truncate) => {
                state.change()?;
                state.inodes.push(Inode::default());
                let inode = state.inodes.len() - 1;
                state.name(Change::Put(path.to_owned(), inode));
                inode
            }
        };
        Ok(Arc::new(OpenFile {
            disk: Arc::clone(&self.0),
            inode,
        }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = locked(&self.0);
        Ok(state.inodes[state.inode(path)?].data.clone())
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = locked(&self.0);
        state.change()?;
        state.inodes.push(Inode {
            data: bytes.to_vec(),
            synced: bytes.to_vec(),
            modified: 0,
        });
        let change = Change::Put(path.to_owned(), state.inodes.len() - 1);
        apply(&mut state.durable, &change);
        apply(&mut state.names, &change);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = locked(&self.0);
        let here = state.names.keys().filter(|path| path.parent() == Some(dir));
        let names = here.filter_map(|path| path.file_name()?.to_str());
        let entry = |name: &str| Entry {
            name: name.to_owned(),
            kind: EntryKind::File,
        };
        Ok(names.map(entry).collect())
    }

    fn exists(&self, path: &Path) -> bool {
        locked(&self.0).names.contains_key(path)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let state = locked(&self.0);
        Ok(state.inodes[state.inode(path)?].data.len() as u64)
    }

    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        let state = locked(&self.0);
        Ok(Timestamp(state.inodes[state.inode(path)?].modified))
    }

    fn set_modified(&self, path: &Path, time: Timestamp) -> io::Result<()> {
        let mut state = locked(&self.0);
        state.change()?;
        let inode = state.inode(path)?;
        state.inodes[inode].modified = time.0;
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        locked(&self.0).dirs.insert(path.to_owned());
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = locked(&self.0);
        state.change()?;
        state.inode(from)?;
        state.name(Change::Moved(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = locked(&self.0);
        state.inode(path)?;
        state.change()?;
        state.name(Change::Gone(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = locked(&self.0);
        state.change()?;
        let (here, elsewhere): (Vec<_>, Vec<_>) = std::mem::take(&mut state.unsynced)
            .into_iter()
            .partition(|change| change.dir() == Some(dir));
        for change in &here {
            apply(&mut state.durable, change);
        }
        state.unsynced = elsewhere;
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(Held))
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
