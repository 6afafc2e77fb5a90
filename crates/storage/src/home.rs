//! Where a log's files are: the file system and the directory, which may be renamed under its readers.

use base::fs::Fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A partition's directory.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) fs: Arc<dyn Fs>,
    dir: Mutex<Arc<Path>>,
}

impl Home {
    pub(crate) fn new(fs: Arc<dyn Fs>, dir: &Path) -> Self {
        Self {
            fs,
            dir: Mutex::new(dir.into()),
        }
    }

    pub(crate) fn dir(&self) -> Arc<Path> {
        // A panic elsewhere cannot leave a path half assigned.
        self.dir.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub(crate) fn moved_to(&self, dir: &Path) {
        *self.dir.lock().unwrap_or_else(PoisonError::into_inner) = dir.into();
    }
}
