//! A disk in memory that loses, when the power goes, what was not synced: all of it, the end of it, or any part.

mod file;
mod names;
mod power_cut;

use base::Timestamp;
use base::fs::{Entry, EntryKind, File, Fs, Lock, Open, Space};
use file::{Inode, OpenFile};
use names::{Names, Naming};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The space of every volume: a terabyte, all of it there to be used.
const ROOM: u64 = 1 << 40;

/// What the operating system says of a device that fails.
const EIO: i32 = 5;

#[derive(Clone, Debug)]
struct State {
    inodes: Vec<Inode>,
    names: Names,
    syncs_fail: bool,
    /// Nothing can be changed, nor made safe: the device answers with an error.
    is_broken: bool,
    /// How much of the volume can be used.
    usable: u64,
    /// How many more changes there will be before the power is gone; `None` for as many as are wanted.
    changes_left: Option<u64>,
}

/// The disk of one node; a clone is the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            inodes: Vec::new(),
            names: Names::default(),
            syncs_fail: false,
            is_broken: false,
            usable: ROOM,
            changes_left: None,
        }
    }
}

#[derive(Debug)]
struct NoLock;
impl Lock for NoLock {}

impl State {
    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names.inode(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// One change reaches the disk, unless the power is gone.
    fn take_change(&mut self) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        match &mut self.changes_left {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn may_sync(&self) -> io::Result<()> {
        match self.syncs_fail {
            true => Err(io::Error::other("the disk does not sync")),
            false => Ok(()),
        }
    }
}

impl Disk {
    /// An empty disk on which `dir` is there for good.
    pub fn with_dir(dir: &Path) -> Self {
        let disk = Self::default();
        disk.state().names = Names::with_dir(dir);
        disk
    }

    /// From now on every sync fails, until the next start.
    pub fn fail_syncs(&self) {
        self.state().syncs_fail = true;
    }

    /// From now on every change fails, until the next start.
    pub fn fail(&self) {
        self.state().is_broken = true;
    }

    /// So much of the volume can be used, as others fill it or leave it.
    pub fn leave_usable(&self, bytes: u64) {
        self.state().usable = bytes.min(ROOM);
    }

    /// The power is gone after so many more changes: those that follow fail, until the next start.
    pub fn cut_power_after(&self, changes: u64) {
        self.state().changes_left = Some(changes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before anything of it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fs for Disk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        let inode = match (state.inode(path), how) {
            (Ok(inode), Open::Read | Open::Write | Open::Create) => inode,
            (Ok(inode), Open::Truncate) => {
                state.take_change()?;
                state.inodes[inode].set_len(0);
                inode
            }
            (Err(error), Open::Read | Open::Write) => return Err(error),
            (Err(_), Open::Create | Open::Truncate) => {
                state.take_change()?;
                let inode = state.inodes.len();
                state.inodes.push(Inode::default());
                state.names.change(Naming::Name(path.to_owned(), inode));
                inode
            }
        };
        Ok(Arc::new(OpenFile::new(self.clone(), inode)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.inodes[state.inode(path)?].content().to_vec())
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = PathBuf::from(format!("{}.tmp", path.display()));
        let file = self.open(&temporary, Open::Truncate)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        self.rename(&temporary, path)?;
        self.sync_dir(path.parent().unwrap_or(Path::new("/")))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        if !state.names.is_dir(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let entry = |kind| move |name| Entry { name, kind };
        let files = state.names.files_in(dir).filter_map(name).map(entry(EntryKind::File));
        let dirs = state.names.dirs_in(dir).filter_map(name).map(entry(EntryKind::Dir));
        let mut entries: Vec<Entry> = files.chain(dirs).collect();
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> bool {
        let state = self.state();
        state.names.is_dir(path) || state.names.inode(path).is_some()
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let state = self.state();
        Ok(state.inodes[state.inode(path)?].content().len() as u64)
    }

    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        self.state().inode(path).map(|_| Timestamp(0))
    }

    fn set_modified(&self, path: &Path, _time: Timestamp) -> io::Result<()> {
        self.state().inode(path).map(drop)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.take_change()?;
        let mut missing: Vec<&Path> = path.ancestors().filter(|dir| !state.names.is_dir(dir)).collect();
        while let Some(dir) = missing.pop() {
            state.names.change(Naming::Dir(dir.to_owned()));
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.is_dir(from) {
            state.inode(from)?;
        }
        state.take_change()?;
        state.names.change(Naming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.inode(path)?;
        state.take_change()?;
        state.names.change(Naming::Forget(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.take_change()?;
        state.names.change(Naming::ForgetDir(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.take_change()?;
        state.may_sync()?;
        state.names.sync(dir);
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(NoLock))
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(Space {
            total: ROOM,
            usable: self.state().usable,
        })
    }
}
