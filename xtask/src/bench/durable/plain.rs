//! What the disk can do: plain loops that append and make durable, one round after the other.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use base::fs::{File, Fs, Open, RealFs};

use super::cell::Cell;

/// How long a loop runs.
const SECONDS: f64 = 0.5;
/// Its fewest rounds.
const ROUNDS: usize = 8;
/// Bytes of a file before the next one is begun, all files together.
const MOST: u64 = 400 << 20;

/// How long flushes took, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct FlushTimes {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
}

/// Of a small append and its `fdatasync`.
pub fn flush_times(home: &Path) -> Result<FlushTimes> {
    let path = home.join("flush-times");
    let file = RealFs.open(&path, Open::Truncate)?;
    let mut times = Vec::new();
    for at in 0..500 {
        file.write_at(&[7; 16_384], at * 16_384)?;
        let began = Instant::now();
        file.sync()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    RealFs.remove_file(&path)?;
    times.sort_by(f64::total_cmp);
    Ok(FlushTimes {
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
    })
}

/// Seconds that it takes on average to make durable what is in flight in `cell`: appended to as many files as it has partitions,
/// a batch to each by turns, and made durable together as the broker does it.
pub fn flush_of_window(home: &Path, cell: Cell) -> Result<f64> {
    let dir = home.join("plain");
    RealFs.create_dir(&dir)?;
    let paths: Vec<_> = (0..cell.partitions).map(|at| dir.join(at.to_string())).collect();
    let open = |path| RealFs.open(path, Open::Truncate);
    let files = paths
        .iter()
        .map(|path| open(path))
        .collect::<std::io::Result<Vec<_>>>()?;
    RealFs.sync_together(&files, std::slice::from_ref(&dir))?;
    let batch = vec![7; usize::try_from(cell.batch)?];
    let mut ends = vec![0; files.len()];
    let (mut next, mut took, mut rounds, mut written) = (0, Duration::ZERO, 0, 0);
    let began = Instant::now();
    while (began.elapsed().as_secs_f64() < SECONDS && written < MOST) || rounds < ROUNDS {
        let mut dirty: Vec<Arc<dyn File>> = Vec::new();
        for number in 0..cell.in_flight() as usize {
            let at = next % files.len();
            files[at].write_at(&batch, ends[at])?;
            ends[at] += u64::from(cell.batch);
            written += u64::from(cell.batch);
            next += 1;
            if number < files.len() {
                dirty.push(Arc::clone(&files[at]));
            }
        }
        let begun = Instant::now();
        RealFs.sync_together(&dirty, &[])?;
        took += begun.elapsed();
        rounds += 1;
    }
    drop(files);
    std::fs::remove_dir_all(dir)?;
    Ok(took.as_secs_f64() / rounds as f64)
}
