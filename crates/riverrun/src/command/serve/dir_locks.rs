//! The locks on the directories: they are taken before anything in them is opened, and kept until the process ends.

use super::identity::Identity;
use anyhow::{Context, Result, bail};
use base::fs::{Fs, Lock};
use broker::log_dirs::Unusable;
use config::BrokerConfig;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The directories are this process's alone while this lives.
#[derive(Debug)]
pub(super) struct DirLocks {
    _held: Vec<Box<dyn Lock>>,
}

/// Takes every directory. One that cannot be locked for another reason than another process is noted as unusable, unless
/// the metadata log lies in it.
pub(super) fn take(fs: &dyn Fs, config: &BrokerConfig, identity: &mut Identity) -> Result<DirLocks> {
    let metadata_dir = PathBuf::from(&config.metadata_log_dir);
    let mut dirs: BTreeSet<PathBuf> = config.log_dirs.iter().map(PathBuf::from).collect();
    dirs.insert(metadata_dir.clone());
    let mut held = Vec::new();
    for path in dirs {
        if identity.unusable.iter().any(|unusable| unusable.path == path) {
            continue;
        }
        match storage::dirs::lock(fs, &path) {
            Ok(lock) => held.push(lock),
            Err(error) if error.kind() == ErrorKind::WouldBlock => bail!(
                "log directory {} is in use by another broker (its .lock is held): stop that one, or give this one another \
                 log.dirs",
                path.display()
            ),
            Err(error) if path == metadata_dir => {
                return Err(error).with_context(|| format!("log directory {} cannot be locked", path.display()));
            }
            Err(error) => identity.unusable.push(Unusable {
                path,
                reason: error.to_string(),
            }),
        }
    }
    Ok(DirLocks { _held: held })
}
