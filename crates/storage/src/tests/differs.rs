//! The machine's file system, but for what a test has differ.

use base::Timestamp;
use base::fs::{Entry, File, Fs, Lock, Open, RealFs, Space};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What differs: whatever is not said here is the machine's.
pub(super) trait Differs: Debug + Send + Sync {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        RealFs.open(path, how)
    }
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        RealFs.replace(path, bytes)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealFs.rename(from, to)
    }
    fn sync_together(&self, files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<()> {
        RealFs.sync_together(files, dirs)
    }
}

/// The file system.
#[derive(Debug)]
pub(super) struct But<T>(pub(super) T);

impl<T: Differs> Fs for But<T> {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        self.0.open(path, how)
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealFs.read(path)
    }
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.replace(path, bytes)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        RealFs.list(dir)
    }
    fn exists(&self, path: &Path) -> bool {
        RealFs.exists(path)
    }
    fn len(&self, path: &Path) -> io::Result<u64> {
        RealFs.len(path)
    }
    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        RealFs.modified(path)
    }
    fn set_modified(&self, path: &Path, time: Timestamp) -> io::Result<()> {
        RealFs.set_modified(path, time)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealFs.create_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealFs.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        RealFs.remove_dir(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealFs.sync_dir(dir)
    }
    fn sync_together(&self, files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<()> {
        self.0.sync_together(files, dirs)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        RealFs.lock(path)
    }
    fn space(&self, path: &Path) -> io::Result<Space> {
        RealFs.space(path)
    }
}
