//! What the disk can do: plain loops that append and make durable, one round after the other; and one that
//! does so on a schedule.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use base::fs::{File, Fs, Open, Overwritten, RealFs};

use super::cell::Cell;
use super::pace::Pace;

/// How long a loop runs.
const SECONDS: f64 = 0.5;
/// Its fewest rounds.
const ROUNDS: usize = 8;
/// Bytes of a file before the next one is begun, all files together.
const MOST: u64 = 400 << 20;

/// So long before a record is due nobody sleeps any more: who wakes somebody up may be late.
const AWAKE: Duration = Duration::from_micros(200);

/// How long it took from when records were due until they were durable, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
}

/// Appends records to as many files as `pace` has partitions, by turns and when they are due, and has each synced before the next; those
/// that are due meanwhile together. The first `uncounted` seconds are not counted.
pub fn paced(home: &Path, pace: Pace, seconds: f64, uncounted: f64) -> Result<Delays> {
    let dir = home.join("paced");
    let targets = files(&dir, pace.partitions)?;
    let record = vec![7; usize::try_from(pace.record)?];
    let rate = f64::from(pace.rate);
    let count = ((seconds + uncounted) * rate) as u32;
    let began = Instant::now();
    let due = |number: u32| began + Duration::from_secs_f64(f64::from(number) / rate);
    let (mut next, mut delays) = (0, Vec::new());
    let mut dirty = Vec::new();
    while next < count {
        wait_for(due(next));
        let (first, now) = (next, Instant::now());
        while next < count && due(next) <= now {
            let file = &targets[next as usize % targets.len()].file;
            let position = u64::from(next / pace.partitions) * u64::from(pace.record);
            file.write_at(&record, position)?;
            dirty.push(Arc::clone(file));
            next += 1;
        }
        // More than a turn of them are due once the disk has paused.
        dirty.truncate(targets.len());
        RealFs.sync_together(&dirty, &[])?;
        dirty.clear();
        let counted = (first..next).filter(|number| f64::from(*number) >= uncounted * rate);
        delays.extend(counted.map(|number| due(number).elapsed().as_secs_f64() * 1e3));
    }
    std::fs::remove_dir_all(dir)?;
    delays.sort_by(f64::total_cmp);
    let quantile = |percent: usize| delays[(delays.len() * percent / 100).min(delays.len() - 1)];
    Ok(Delays {
        p50: quantile(50),
        p99: quantile(99),
    })
}

fn wait_for(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()).saturating_sub(AWAKE));
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

/// Seconds that it takes on average to make durable what is in flight.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Where files grow.
    pub appended: f64,
    /// Where files grow, and room for what comes is made meanwhile.
    pub own_room: f64,
    /// Where blocks that were written before are written over.
    pub over: f64,
}

/// How a loop writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Append,
    OwnRoom,
    Over,
}

/// A file of a loop.
struct Target {
    file: Arc<dyn File>,
    position: u64,
    /// How much of it may be written over.
    safe: Arc<AtomicU64>,
    /// The end of the room that was asked for.
    asked: u64,
}

/// What is in flight in `cell`, written to as many files as it has partitions, a batch to each by turns, and made durable
/// together as the broker does it; then so with room that is made beside; then over what lies there.
pub fn flush_of_window(home: &Path, cell: Cell) -> Result<Window> {
    let dir = home.join("plain");
    let grown = files(&dir, cell.partitions)?;
    let appended = rounds(grown, cell, Way::Append)?.0;
    std::fs::remove_dir_all(&dir)?;
    let (own_room, mut targets) = rounds(files(&dir, cell.partitions)?, cell, Way::OwnRoom)?;
    for target in &mut targets {
        target.safe.store(target.position, Ordering::Relaxed);
        target.position = 0;
    }
    let over = rounds(targets, cell, Way::Over)?.0;
    std::fs::remove_dir_all(dir)?;
    Ok(Window {
        appended,
        own_room,
        over,
    })
}

fn files(dir: &Path, count: u32) -> Result<Vec<Target>> {
    RealFs.create_dir(dir)?;
    let mut targets = Vec::new();
    for at in 0..count {
        targets.push(Target {
            file: RealFs.open(&dir.join(at.to_string()), Open::Truncate)?,
            position: 0,
            safe: Arc::default(),
            asked: 0,
        });
    }
    let files: Vec<_> = targets.iter().map(|target| Arc::clone(&target.file)).collect();
    RealFs.sync_together(&files, &[dir.to_owned()])?;
    Ok(targets)
}

/// Seconds of a flush in the mean, and the files.
fn rounds(mut targets: Vec<Target>, cell: Cell, way: Way) -> Result<(f64, Vec<Target>)> {
    let rooms = (way == Way::OwnRoom).then(|| Rooms::begin(cell));
    let batch = vec![7; usize::try_from(cell.batch)?];
    let (mut next, mut took, mut rounds, mut written) = (0, Duration::ZERO, 0, 0);
    let began = Instant::now();
    while (began.elapsed().as_secs_f64() < SECONDS && written < MOST) || rounds < ROUNDS {
        let mut dirty: BTreeMap<usize, Range<u64>> = BTreeMap::new();
        for _ in 0..cell.in_flight() {
            let at = next % targets.len();
            let target = &mut targets[at];
            let (end, safe) = (
                target.position + u64::from(cell.batch),
                target.safe.load(Ordering::Acquire),
            );
            if way == Way::Over && end > safe {
                // From the beginning again, once what was written is safe: a round's bytes of a file lie together.
                if dirty.contains_key(&at) || u64::from(cell.batch) > safe {
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
        flush(&targets, &dirty)?;
        took += begun.elapsed();
        if let Some(rooms) = &rooms {
            dirty.keys().for_each(|at| rooms.ask(&mut targets[*at]));
        }
        rounds += 1;
    }
    if let Some(rooms) = rooms {
        rooms.end()?;
    }
    let windows = written as f64 / (f64::from(cell.batch) * f64::from(cell.in_flight()));
    Ok((took.as_secs_f64() / windows, targets))
}

/// Makes durable what was written: what lies in safe blocks is written over, the other files grow.
fn flush(targets: &[Target], dirty: &BTreeMap<usize, Range<u64>>) -> Result<()> {
    let (mut grown, mut over) = (Vec::new(), Vec::new());
    for (at, range) in dirty {
        let (file, safe) = (Arc::clone(&targets[*at].file), &targets[*at].safe);
        match range.end <= safe.load(Ordering::Acquire) {
            true => over.push(Overwritten {
                file,
                range: range.clone(),
            }),
            false => grown.push(file),
        }
    }
    match over.is_empty() {
        true => RealFs.sync_together(&grown, &[])?,
        false => RealFs.sync_overwritten(&grown, &over, &[])?,
    }
    Ok(())
}

/// How much room a file gets at a time: what sixteen flushes need, within bounds, as the broker makes it.
const FLUSHES: u64 = 16;
const LEAST_ROOM: u64 = 32 << 10;
const MOST_ROOM: u64 = 512 << 10;
/// So much is made and synced at once.
const AT_ONCE: u64 = 512 << 10;

/// A file that wants room: from where on, and what to set when it is safe.
struct Wanted {
    file: Arc<dyn File>,
    from: u64,
    safe: Arc<AtomicU64>,
}

/// A thread that makes room.
struct Rooms {
    size: u64,
    queue: Sender<Wanted>,
    thread: JoinHandle<Result<()>>,
}

impl Rooms {
    fn begin(cell: Cell) -> Self {
        let of_file = u64::from(cell.batch) * u64::from(cell.in_flight().div_ceil(cell.partitions));
        let size = (of_file * FLUSHES).clamp(LEAST_ROOM, MOST_ROOM);
        let (queue, wanted) = mpsc::channel();
        let thread = std::thread::spawn(move || make(&wanted, size));
        Self { size, queue, thread }
    }

    /// Asks for more once half of what there is has been used.
    fn ask(&self, target: &mut Target) {
        if target.position + self.size / 2 < target.asked {
            return;
        }
        let from = target.asked.max(target.position);
        target.asked = from + self.size;
        let wanted = Wanted {
            file: Arc::clone(&target.file),
            from,
            safe: Arc::clone(&target.safe),
        };
        // The thread ends early if it cannot write, and its end tells why.
        _ = self.queue.send(wanted);
    }

    fn end(self) -> Result<()> {
        drop(self.queue);
        self.thread.join().expect("it does not panic")
    }
}

/// Writes zeros; what they lie over means nothing here, so nobody is kept out meanwhile.
fn make(wanted: &Receiver<Wanted>, size: u64) -> Result<()> {
    let zeros = vec![0; usize::try_from(size)?];
    while let Ok(first) = wanted.recv() {
        let more = wanted
            .try_iter()
            .take(usize::try_from(AT_ONCE / size)?.saturating_sub(1));
        let some: Vec<_> = std::iter::once(first).chain(more).collect();
        for wanted in &some {
            wanted.file.write_at(&zeros, wanted.from)?;
        }
        let files: Vec<_> = some.iter().map(|wanted| Arc::clone(&wanted.file)).collect();
        RealFs.sync_together(&files, &[])?;
        for wanted in some {
            wanted.safe.store(wanted.from + size, Ordering::Release);
        }
    }
    Ok(())
}
