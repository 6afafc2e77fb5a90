//! What the disk can do: plain loops that append and make durable, one round after the other.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use base::fs::{File, Fs, Open, Overwritten, RealFs};

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

/// Seconds that it takes on average to make durable what is in flight.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Where files grow.
    pub appended: f64,
    /// Where blocks that were written before are written over.
    pub over: f64,
}

/// How a loop writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Append,
    Over,
}

/// A file of a loop.
struct Target {
    file: Arc<dyn File>,
    position: u64,
    len: u64,
}

/// What is in flight in `cell`, written to as many files as it has partitions, a batch to each by turns, and made durable
/// together as the broker does it; then the same once more over what lies there.
pub fn flush_of_window(home: &Path, cell: Cell) -> Result<Window> {
    let dir = home.join("plain");
    RealFs.create_dir(&dir)?;
    let mut targets = Vec::new();
    for at in 0..cell.partitions {
        let file = RealFs.open(&dir.join(at.to_string()), Open::Truncate)?;
        targets.push(Target {
            file,
            position: 0,
            len: 0,
        });
    }
    let files: Vec<_> = targets.iter().map(|target| Arc::clone(&target.file)).collect();
    RealFs.sync_together(&files, std::slice::from_ref(&dir))?;
    let appended = rounds(&mut targets, cell, Way::Append)?;
    for target in &mut targets {
        (target.len, target.position) = (target.position, 0);
    }
    let over = rounds(&mut targets, cell, Way::Over)?;
    drop(targets);
    std::fs::remove_dir_all(dir)?;
    Ok(Window { appended, over })
}

/// Seconds of a flush in the mean.
fn rounds(targets: &mut [Target], cell: Cell, way: Way) -> Result<f64> {
    let batch = vec![7; usize::try_from(cell.batch)?];
    let (mut next, mut took, mut rounds, mut written) = (0, Duration::ZERO, 0, 0);
    let began = Instant::now();
    while (began.elapsed().as_secs_f64() < SECONDS && written < MOST) || rounds < ROUNDS {
        let mut dirty: BTreeMap<usize, Range<u64>> = BTreeMap::new();
        for _ in 0..cell.in_flight() {
            let at = next % targets.len();
            let target = &mut targets[at];
            let end = target.position + u64::from(cell.batch);
            if way == Way::Over && end > target.len {
                // From the beginning again, once what was written is safe: a round's bytes of a file lie together.
                if dirty.contains_key(&at) || u64::from(cell.batch) > target.len {
                    next += 1;
                    continue;
                }
                target.position = 0;
            }
            target.file.write_at(&batch, target.position)?;
            let range = dirty.entry(at).or_insert(target.position..target.position);
            target.position += u64::from(cell.batch);
            range.end = target.position;
            written += u64::from(cell.batch);
            next += 1;
        }
        let begun = Instant::now();
        let files = || {
            dirty
                .iter()
                .map(|(at, range)| (Arc::clone(&targets[*at].file), range.clone()))
        };
        match way {
            Way::Append => {
                let files: Vec<_> = files().map(|(file, _)| file).collect();
                RealFs.sync_together(&files, &[])?;
            }
            Way::Over => {
                let over: Vec<_> = files().map(|(file, range)| Overwritten { file, range }).collect();
                RealFs.sync_overwritten(&[], &over, &[])?;
            }
        }
        took += begun.elapsed();
        rounds += 1;
    }
    Ok(took.as_secs_f64() / (written as f64 / (f64::from(cell.batch) * f64::from(cell.in_flight()))))
}
