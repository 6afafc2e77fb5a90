//! Removing files: first out of the log by a new name, later from the disk.

use crate::dirs;
use crate::error::StorageError;
use crate::log::Log;
use crate::segment::Segment;
use base::Rng;
use base::fs::Fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Files renamed out of the way, to be removed after `file.delete.delay.ms`, so that readers can end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "files are removed only if somebody calls `remove` later"]
pub struct Doomed {
    /// How many segments left the log.
    pub segments: usize,
    /// The files, under their `.deleted` names.
    pub files: Vec<PathBuf>,
}

impl Doomed {
    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Removes the files; those that are gone already (with their directory, say) do not matter.
    pub fn remove(&self, fs: &dyn Fs) -> Result<(), StorageError> {
        for file in &self.files {
            match fs.remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

impl Log {
    /// Renames the directory to `<topic>-<partition>.<hex>-delete`. The caller drops the log and removes the directory
    /// later, when no reader needs it. The log takes nothing any more, and there is nothing to be flushed.
    pub fn rename_for_delete(&mut self, rng: &mut Rng) -> Result<PathBuf, StorageError> {
        let name = dirs::name::delete(&self.topic_partition, rng);
        let to = self.writing(|log| {
            let from = log.home.dir();
            let parent = from
                .parent()
                .ok_or(StorageError::Corrupt("a log in the root directory"))?;
            let to = parent.join(name);
            log.home.rename(&to)?;
            Ok(to)
        })?;
        self.offline = true;
        Ok(to)
    }

    /// Renames the files of `segments`, which have left the list already.
    pub(crate) fn mark_deleted(&mut self, segments: &[Arc<Segment>]) -> Result<Doomed, StorageError> {
        let mut doomed = Doomed {
            segments: segments.len(),
            files: Vec::new(),
        };
        for segment in segments {
            doomed.files.extend(segment.mark_deleted()?);
        }
        Ok(doomed)
    }
}
