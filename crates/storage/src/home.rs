//! Where a log's files are: the file system and the directory, which may be renamed under its readers.

use base::fs::{File, Fs, Open};
use std::io;
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

    /// Opens a file of the directory, whatever that is called by then.
    pub(crate) fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>> {
        loop {
            let dir = self.dir();
            match self.fs.open(&dir.join(name), how) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.dir() != dir => {}
                opened => return opened,
            }
        }
    }

    /// Gives the directory another name. Who asks for its path meanwhile waits: so who finds nothing under the old name, and asks
    /// again, learns that it was renamed.
    pub(crate) fn rename(&self, to: &Path) -> io::Result<()> {
        let mut dir = self.dir.lock().unwrap_or_else(PoisonError::into_inner);
        self.fs.rename(&dir, to)?;
        *dir = to.into();
        Ok(())
    }
}
