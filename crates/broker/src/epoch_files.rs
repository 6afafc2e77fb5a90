//! Writing `leader-epoch-checkpoint` of the partitions to which epochs came, all together and beside the flushes.
//!
//! A node that is gone gives thousands of partitions a new epoch at once, and whoever waits for their records would wait for as
//! many small files. Nobody needs those before a start after a crash, which reads what lies beyond the recovery points
//! that were noted, epochs included: so the files are written before the points are (`Log::noted_recovery_point`).

use crate::Broker;
use crate::log_dirs::LogDir;
use crate::partitions::Hosted;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use storage::StorageError;

/// How many files are written at a time: what is flushed meanwhile waits behind them on the disk.
const AT_ONCE: usize = 16;

/// Writes those that lag behind in a directory.
pub(crate) fn write(broker: &Broker, all: &[Arc<Hosted>], dir: &Arc<LogDir>) {
    let here: Vec<&Arc<Hosted>> = all.iter().filter(|hosted| Arc::ptr_eq(&hosted.dir(), dir)).collect();
    for some in here.chunks(AT_ONCE) {
        let due = some
            .iter()
            .filter_map(|hosted| Some((*hosted, hosted.lock().log().epochs_due()?)));
        let (waiting, files): (Vec<_>, Vec<_>) = due.unzip();
        if files.is_empty() {
            continue;
        }
        if let Err(error) = replace(broker, &files) {
            return dir.failed(&StorageError::from(error));
        }
        for (hosted, (_, contents)) in waiting.into_iter().zip(&files) {
            hosted.lock().log_mut().epochs_written(contents);
        }
    }
}

fn replace(broker: &Broker, files: &[(PathBuf, Vec<u8>)]) -> Result<(), Error> {
    match broker.fs.replace_all(files) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        result => return result,
    }
    // A partition was deleted meanwhile, and its directory has another name: it needs none any more.
    for (path, contents) in files {
        match broker.fs.replace(path, contents) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(())
}
