//! Keeping a reserve of each log directory's volume, so that a disk that fills up can be emptied without a restart.
//!
//! Records of clients are refused (KAFKA_STORAGE_ERROR, which producers retry) before the volume is full. What is left is
//! for the metadata log, coordinators, checkpoints, index files and the cleaner: reading, deleting, retention and
//! administration go on, and so do writes once there is space again.

use base::Instant;
use base::fs::Fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tracing::{error, info, warn};

/// The most that is written before the volume is asked again, since others write to it too.
const LARGEST_CREDIT: u64 = 16 << 20;

/// For how long a producer's requests may be under way that follow one that was refused.
const AFTERMATH: Duration = Duration::from_secs(10);

/// The reserve is never more than this part of the volume, so that a small one is of use.
const LARGEST_PART: u64 = 20;

/// Watches the space of one volume.
#[derive(Debug)]
pub struct SpaceGuard {
    path: PathBuf,
    /// Bytes that may be written before the volume is asked again.
    credit: AtomicI64,
    full: AtomicBool,
    /// When records were refused last, in milliseconds since zero; 0 if never.
    refused: AtomicU64,
}

impl SpaceGuard {
    /// For the volume that holds `path`; it is asked at the first write.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            credit: AtomicI64::new(0),
            full: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        }
    }

    /// Whether records were refused at the last look.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Notes that records were refused for want of space.
    pub fn note_refusal(&self, now: Instant) {
        self.refused.store(millis(now), Ordering::Release);
    }

    /// Whether a gap in a producer's sequence may be what was refused: what it has sent meanwhile is refused too then, and told to come
    /// again, though there may be space for it. A producer that is told of a gap begins a new epoch, and may write twice what other
    /// requests of its, still unanswered, have written.
    pub fn refused_lately(&self, now: Instant) -> bool {
        let refused = self.refused.load(Ordering::Acquire);
        refused != 0 && u128::from(millis(now).saturating_sub(refused)) < AFTERMATH.as_millis()
    }

    /// Whether `bytes` of records may be written while `reserve` bytes stay free. Costs a subtraction, mostly.
    pub fn admits(&self, bytes: usize, fs: &dyn Fs, reserve: impl FnOnce() -> u64) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if self.credit.fetch_sub(bytes, Ordering::AcqRel) >= bytes {
            return true;
        }
        let space = match fs.space(&self.path) {
            Ok(space) => space,
            Err(error) => {
                // A volume that does not tell is written to until it says that it is full.
                warn!(dir = %self.path.display(), %error, "the space of the volume is not known");
                return true;
            }
        };
        let kept = reserve().min(space.total / LARGEST_PART);
        let left = space.usable.saturating_sub(kept);
        let admitted = i64::try_from(left).is_ok_and(|left| left >= bytes);
        // A part of what is left: several may be asking at once.
        let credit = i64::try_from((left / 4).min(LARGEST_CREDIT)).unwrap_or(0);
        self.credit.store(if admitted { credit } else { 0 }, Ordering::Release);
        let was_full = self.full.swap(!admitted, Ordering::AcqRel);
        match (was_full, admitted) {
            (false, false) => error!(
                dir = %self.path.display(), usable = space.usable, reserve = kept,
                "the volume is full: records are refused until there is space"
            ),
            (true, true) => info!(dir = %self.path.display(), usable = space.usable, "there is space again"),
            (false, true) | (true, false) => {}
        }
        admitted
    }

    /// A write found no space although there should have been some: others were faster.
    pub fn found_full(&self) {
        self.credit.store(0, Ordering::Release);
        if !self.full.swap(true, Ordering::AcqRel) {
            error!(dir = %self.path.display(), "the volume is full to the last byte: writes are refused until there is space");
        }
    }
}

fn millis(now: Instant) -> u64 {
    u64::try_from(now.since_zero().as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::fs::RealFs;

    #[test]
    fn what_the_reserve_needs_is_refused_and_the_rest_is_not() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let space = RealFs.space(dir.path()).expect("asked");
        let guard = SpaceGuard::new(dir.path());
        assert!(guard.admits(1, &RealFs, || 0) && !guard.is_full());
        let more_than_there_is = usize::try_from(space.total).expect("64 bits") + 1;
        assert!(!guard.admits(more_than_there_is, &RealFs, || 0) && guard.is_full());
        assert!(
            guard.admits(1, &RealFs, || 0) && !guard.is_full(),
            "there is space for less"
        );
        guard.found_full();
        assert!(guard.is_full());
        assert!(
            guard.admits(1, &RealFs, || u64::MAX),
            "a reserve is at most a part of the volume"
        );
    }
}
