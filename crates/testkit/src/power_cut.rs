//! Power cuts without a special kernel: a real broker runs with `power-cut-shim` preloaded, which records every change
//! that it makes to its directory. From the recording a [`Disk`] is built, and from that, for any moment, the
//! directories that a power cut could have left then: all that was flushed before, and of the rest whatever an unlucky
//! disk may keep, lose or tear.

mod cut;
mod disk;
mod exchanges;
mod namespace;
mod snapshot;
mod trace;

pub use cut::{Cut, Order, WrittenOver};
pub use disk::Disk;
pub use snapshot::{differences, files};

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Now, as the recording tells time: nanoseconds of the monotonic clock.
#[must_use]
pub fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let since = Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    );
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What the recorded process is told of its file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// That it writes in place what is written over, and promises nothing else: ext4 without a journal.
    InPlace,
    /// Nothing by which it is known, so that only what holds everywhere may be counted on.
    Unknown,
    /// That it commits all metadata in one order: XFS.
    Ordered,
}

impl Volume {
    /// That of a recording: by turns each of them.
    #[must_use]
    pub fn of_recording(number: u64) -> Self {
        match number % 3 {
            1 => Self::InPlace,
            2 => Self::Unknown,
            _ => Self::Ordered,
        }
    }

    /// What may then be counted on, besides what was flushed: `draw` chooses where the truth is one of several.
    #[must_use]
    pub fn promises(self, draw: u64) -> (Order, WrittenOver) {
        match self {
            Self::InPlace if draw.is_multiple_of(2) => (Order::Journal, WrittenOver::InPlace),
            Self::InPlace => (Order::EachDirectory, WrittenOver::InPlace),
            Self::Unknown if draw.is_multiple_of(2) => (Order::EachDirectory, WrittenOver::AsAny),
            Self::Unknown | Self::Ordered => (Order::Journal, WrittenOver::AsAny),
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::InPlace => "in-place",
            Self::Unknown => "unknown",
            Self::Ordered => "ordered",
        }
    }
}

/// The environment that makes a process record to `trace`.
///
/// # Errors
/// If the shim was not built: it lies beside the binary that is tested.
pub fn recording_to(trace: &Path, volume: Volume) -> anyhow::Result<Vec<(String, String)>> {
    let shim = shim()?;
    Ok(vec![
        ("LD_PRELOAD".to_owned(), shim.display().to_string()),
        ("POWER_CUT_TRACE".to_owned(), trace.display().to_string()),
        ("POWER_CUT_VOLUME".to_owned(), volume.told().to_owned()),
    ])
}

/// Waits until nothing is recorded any more, for a moment at least: a process that is killed between doing something and noting it
/// leaves a recording that misses it. One that never rests is not waited for.
///
/// # Errors
/// If the recording is not there.
pub fn until_at_rest(trace: &Path) -> anyhow::Result<()> {
    /// Longer than a broker's checkpoints wait for one another where it is recorded.
    const MOMENT: Duration = Duration::from_millis(120);
    const PATIENCE: u32 = 20;
    let mut len = None;
    for _ in 0..PATIENCE {
        let now = std::fs::metadata(trace)?.len();
        if len.replace(now) == Some(now) {
            break;
        }
        std::thread::sleep(MOMENT);
    }
    Ok(())
}

fn shim() -> anyhow::Result<PathBuf> {
    let shim = crate::dependencies::riverrun()?.with_file_name("libpower_cut_shim.so");
    anyhow::ensure!(
        shim.exists(),
        "{} is not there: cargo build -p power-cut-shim",
        shim.display()
    );
    Ok(shim)
}
