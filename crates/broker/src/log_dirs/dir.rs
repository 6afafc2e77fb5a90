//! One log directory while the broker runs.

use crate::space::SpaceGuard;
use base::Uuid;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use storage::StorageError;
use storage::checkpoint::OffsetCheckpoint;
use tokio::sync::watch;
use tracing::{error, warn};

/// One log directory.
#[derive(Debug)]
pub struct LogDir {
    /// Where it is.
    pub path: PathBuf,
    /// Its id in the cluster's metadata.
    pub id: Uuid,
    /// How many partitions lie in it.
    pub partitions: AtomicUsize,
    /// The space left on its volume.
    pub space: SpaceGuard,
    /// A digest of what each of its checkpoint files holds; held while one of them is written.
    pub checkpoints: Mutex<BTreeMap<OffsetCheckpoint, u64>>,
    /// Whether a recovery point moved that `recovery-point-offset-checkpoint` does not tell yet.
    pub recovery_points_moved: AtomicBool,
    /// Whether there is a log that was not closed in order before the start, and could not be opened since.
    pub has_unchecked: AtomicBool,
    offline: AtomicBool,
    /// Whether the controller has heard that it is offline.
    told: AtomicBool,
    /// How many directories are offline, for those who must act on it.
    failures: watch::Sender<usize>,
}

/// A log directory that could not even be looked at.
#[derive(Clone, Debug)]
pub struct Unusable {
    /// Where it is.
    pub path: PathBuf,
    /// What failed.
    pub reason: String,
}

impl LogDir {
    pub(crate) fn new(path: &Path, id: Uuid, partitions: usize, failures: &watch::Sender<usize>) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            id,
            partitions: AtomicUsize::new(partitions),
            space: SpaceGuard::new(path),
            checkpoints: Mutex::default(),
            recovery_points_moved: AtomicBool::new(false),
            has_unchecked: AtomicBool::new(false),
            offline: AtomicBool::new(false),
            told: AtomicBool::new(false),
            failures: failures.clone(),
        })
    }

    /// Whether a write to it failed; nothing is written to it any more.
    pub fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    /// Whether it failed and is one that the controller knows of: then it must hear of it.
    pub fn is_to_be_told(&self) -> bool {
        self.is_offline() && self.id != Uuid::ZERO
    }

    /// The controller has answered a heartbeat that named it among those that failed.
    pub fn note_told(&self) {
        self.told.store(true, Ordering::Release);
    }

    /// Whether the controller has heard that it is offline.
    pub fn is_told(&self) -> bool {
        self.told.load(Ordering::Acquire)
    }

    /// Something could not be written: takes the directory out of use, unless it is merely full or the process has too many
    /// files open.
    pub fn failed(&self, error: &StorageError) {
        if error.is_full() {
            self.space.found_full();
        } else if error.is_passing() {
            warn!(dir = %self.path.display(), %error, "refused for now; is the limit on open files what it should be?");
        } else {
            self.take_offline(error);
        }
    }

    /// Takes it out of use.
    pub fn take_offline(&self, reason: &dyn std::fmt::Display) {
        if !self.offline.swap(true, Ordering::AcqRel) {
            error!(dir = %self.path.display(), %reason, "log directory is offline");
            self.failures.send_modify(|failed| *failed += 1);
        }
    }
}
