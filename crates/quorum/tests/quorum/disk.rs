//! A disk in memory that can lose its power at any write: what was not synced is then there, in part, or not at all.

use base::fs::{Entry, EntryKind, File, Fs, Lock, Open, Space};
use base::{Rng, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was done to a file since its last sync.
#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Change>,
}

/// What was done to the names since their directory was last synced.
#[derive(Clone, Debug)]
enum Naming {
    Name(PathBuf, usize),
    Dir(PathBuf),
    Forget(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl Naming {
    fn dir(&self) -> Option<&PathBuf> {
        match self {
            Self::Dir(path) => Some(path),
            Self::Name(..) | Self::Forget(_) | Self::Rename(..) => None,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    dirs: BTreeSet<PathBuf>,
    durable_dirs: BTreeSet<PathBuf>,
    durable: BTreeMap<PathBuf, usize>,
    current: BTreeMap<PathBuf, usize>,
    pending: Vec<Naming>,
    /// How many more changes there will be before the power fails.
    left: Option<u64>,
}

/// The disk; a clone is the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct OpenFile {
    disk: Disk,
    inode: usize,
}

#[derive(Debug)]
struct NoLock;
impl Lock for NoLock {}

fn no_power() -> io::Error {
    io::Error::other("the power is gone")
}

impl State {
    /// One change reaches the disk, unless the power is gone.
    fn change(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => return Err(no_power()),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.current
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn name(&mut self, path: &Path) -> usize {
        let inode = self.inodes.len();
        self.inodes.push(Inode::default());
        self.current.insert(path.to_owned(), inode);
        self.pending.push(Naming::Name(path.to_owned(), inode));
        inode
    }

    fn apply(names: &mut BTreeMap<PathBuf, usize>, naming: &Naming) {
        match naming {
            Naming::Name(path, inode) => _ = names.insert(path.clone(), *inode),
            Naming::Dir(_) => {}
            Naming::Forget(path) => _ = names.remove(path),
            Naming::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

impl Inode {
    fn apply(content: &mut Vec<u8>, change: &Change) {
        match change {
            Change::SetLen(len) => content.resize(*len, 0),
            Change::Write(position, bytes) => {
                let end = position + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*position..end].copy_from_slice(bytes);
            }
        }
    }

    fn change(&mut self, change: Change) {
        Self::apply(&mut self.current, &change);
        self.pending.push(change);
    }

    /// The synced content, and of what came after it a beginning, the last write torn.
    fn after_crash(&self, rng: &mut Rng) -> Vec<u8> {
        let mut content = self.durable.clone();
        let kept = rng.below(self.pending.len() as u64 + 1) as usize;
        for (at, change) in self.pending[..kept].iter().enumerate() {
            match change {
                Change::Write(position, bytes) if at + 1 == kept => {
                    let torn = rng.below(bytes.len() as u64 + 1) as usize;
                    Self::apply(&mut content, &Change::Write(*position, bytes[..torn].to_vec()));
                }
                change => Self::apply(&mut content, change),
            }
        }
        content
    }
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty disk with a directory in which the node's data goes.
    pub fn with_dir(dir: &str) -> Self {
        let disk = Self::default();
        let dirs: BTreeSet<PathBuf> = Path::new(dir).ancestors().map(Path::to_owned).collect();
        disk.state().dirs.clone_from(&dirs);
        disk.state().durable_dirs = dirs;
        disk
    }

    /// Lets the power fail after so many more changes.
    pub fn fail_after(&self, changes: u64) {
        self.state().left = Some(changes);
    }

    /// The disk as it is when the power is back.
    pub fn after_crash(&self, rng: &mut Rng) -> Self {
        let old = self.state();
        let mut names = old.durable.clone();
        let kept = rng.below(old.pending.len() as u64 + 1) as usize;
        for naming in &old.pending[..kept] {
            State::apply(&mut names, naming);
        }
        let made = old.pending[..kept].iter().filter_map(Naming::dir).cloned();
        let dirs: BTreeSet<PathBuf> = old.durable_dirs.iter().cloned().chain(made).collect();
        names.retain(|path, _| path.parent().is_some_and(|dir| dirs.contains(dir)));
        let mut new = State {
            dirs: dirs.clone(),
            durable_dirs: dirs,
            ..Default::default()
        };
        for (path, inode) in names {
            let content = old.inodes[inode].after_crash(rng);
            new.current.insert(path, new.inodes.len());
            new.inodes.push(Inode {
                durable: content.clone(),
                current: content,
                pending: Vec::new(),
            });
        }
        new.durable = new.current.clone();
        Self {
            state: Arc::new(Mutex::new(new)),
        }
    }
}

impl File for OpenFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let content = &state.inodes[self.inode].current;
        let from = content.len().min(position as usize);
        let count = buffer.len().min(content.len() - from);
        buffer[..count].copy_from_slice(&content[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change()?;
        state.inodes[self.inode].change(Change::Write(position as usize, bytes.to_vec()));
        Ok(())
    }

    fn write_vectored_at(&self, slices: &[IoSlice<'_>], mut position: u64) -> io::Result<()> {
        for slice in slices {
            self.write_at(slice, position)?;
            position += slice.len() as u64;
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].current.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change()?;
        state.inodes[self.inode].change(Change::SetLen(len as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change()?;
        let inode = &mut state.inodes[self.inode];
        inode.durable = inode.current.clone();
        inode.pending.clear();
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Fs for Disk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        let inode = match (state.inode(path), how) {
            (Ok(inode), Open::Read | Open::Write | Open::Create) => inode,
            (Ok(inode), Open::Truncate) => {
                state.change()?;
                state.inodes[inode].change(Change::SetLen(0));
                inode
            }
            (Err(error), Open::Read | Open::Write) => return Err(error),
            (Err(_), Open::Create | Open::Truncate) => {
                state.change()?;
                state.name(path)
            }
        };
        Ok(Arc::new(OpenFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.inodes[state.inode(path)?].current.clone())
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = PathBuf::from(format!("{}.tmp", path.display()));
        let file = self.open(&temporary, Open::Truncate)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        self.rename(&temporary, path)?;
        self.sync_dir(path.parent().unwrap())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let entry = |path: &PathBuf, kind| Entry {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            kind,
        };
        let within = |path: &&PathBuf| path.parent() == Some(dir);
        let files = state
            .current
            .keys()
            .filter(within)
            .map(|path| entry(path, EntryKind::File));
        let dirs = state.dirs.iter().filter(within).map(|path| entry(path, EntryKind::Dir));
        let mut entries: Vec<Entry> = files.chain(dirs).collect();
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> bool {
        let state = self.state();
        state.dirs.contains(path) || state.current.contains_key(path)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.read(path)?.len() as u64)
    }

    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        self.state().inode(path).map(|_| Timestamp(0))
    }

    fn set_modified(&self, path: &Path, _time: Timestamp) -> io::Result<()> {
        self.state().inode(path).map(drop)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        for dir in path.ancestors() {
            if state.dirs.insert(dir.to_owned()) {
                state.pending.push(Naming::Dir(dir.to_owned()));
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.inode(from)?;
        state.change()?;
        let naming = Naming::Rename(from.to_owned(), to.to_owned());
        State::apply(&mut state.current, &naming);
        state.pending.push(naming);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.inode(path)?;
        state.change()?;
        let naming = Naming::Forget(path.to_owned());
        State::apply(&mut state.current, &naming);
        state.pending.push(naming);
        Ok(())
    }

    fn remove_dir(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let pending = std::mem::take(&mut state.pending);
        let concerns = |naming: &Naming| match naming {
            Naming::Name(path, _) | Naming::Dir(path) | Naming::Forget(path) | Naming::Rename(_, path) => {
                path.parent() == Some(dir)
            }
        };
        let (synced, pending): (Vec<_>, Vec<_>) = pending.into_iter().partition(concerns);
        state.pending = pending;
        for naming in &synced {
            State::apply(&mut state.durable, naming);
            state.durable_dirs.extend(naming.dir().cloned());
        }
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(NoLock))
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(Space {
            total: u64::MAX,
            usable: u64::MAX,
        })
    }
}
