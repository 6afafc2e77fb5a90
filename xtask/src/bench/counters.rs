//! What the operating system counts of processes: time on a processor, bytes for the disk, memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// The counters of some processes, all their threads and all their descendants at one moment.
pub struct Counters {
    /// Nanoseconds on a processor, by thread: the scheduler's own count, where `/proc/PID/stat` has hundredths.
    threads: BTreeMap<u32, u64>,
    written: BTreeMap<u32, u64>,
}

/// What passed between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// CPU-seconds in user and system mode.
    pub cpu_seconds: f64,
    /// Bytes that files on disks were given.
    pub written_bytes: f64,
}

impl Counters {
    /// Reads them.
    pub fn read(roots: &[u32]) -> Result<Self> {
        let mut read = Self {
            threads: BTreeMap::new(),
            written: BTreeMap::new(),
        };
        for process in family(roots)? {
            // A process or thread that ends right now has nothing more to tell.
            let _ = read.add(process);
        }
        Ok(read)
    }

    fn add(&mut self, process: u32) -> Result<()> {
        let folder = format!("/proc/{process}");
        for thread in std::fs::read_dir(format!("{folder}/task"))? {
            let thread = thread?;
            let number: u32 = thread.file_name().to_string_lossy().parse()?;
            let text = std::fs::read_to_string(thread.path().join("schedstat"));
            let running: Option<u64> = text.ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
            self.threads.extend(running.map(|running| (number, running)));
        }
        let io = std::fs::read_to_string(format!("{folder}/io"))?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        self.written
            .insert(process, written.context("io tells write_bytes")?.parse()?);
        Ok(())
    }

    /// CPU-seconds of all threads there are, since they began.
    pub fn cpu_seconds(&self) -> f64 {
        self.threads.values().sum::<u64>() as f64 / 1e9
    }

    /// What passed since `before`. What a thread spent that ended in between is not known, and not counted.
    pub fn since(&self, before: &Self) -> Spent {
        Spent {
            cpu_seconds: growth(&before.threads, &self.threads) / 1e9,
            written_bytes: growth(&before.written, &self.written),
        }
    }
}

fn growth(before: &BTreeMap<u32, u64>, after: &BTreeMap<u32, u64>) -> f64 {
    let grown = |(number, value): (&u32, &u64)| value.saturating_sub(before.get(number).copied().unwrap_or(0));
    after.iter().map(grown).sum::<u64>() as f64
}

/// Resident memory of the processes and all their descendants, in MiB.
pub fn resident_mebibytes(roots: &[u32]) -> Result<f64> {
    memory(roots, "VmRSS:")
}

/// The most that each of them ever had, in MiB.
pub fn peak_mebibytes(roots: &[u32]) -> Result<f64> {
    memory(roots, "VmHWM:")
}

fn memory(roots: &[u32], what: &str) -> Result<f64> {
    let mut kibibytes = 0.0;
    for process in family(roots)? {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else {
            continue;
        };
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let value = line.and_then(|line| line.split_whitespace().next());
        // A process that has just ended has no memory any more.
        kibibytes += value.map_or(Ok(0.0), str::parse::<f64>)?;
    }
    Ok(kibibytes / 1024.0)
}

/// Kills the processes and all their descendants.
pub fn kill(roots: &[u32]) -> Result<()> {
    let processes: Vec<String> = family(roots)?.iter().map(u32::to_string).collect();
    // Some have ended by then, which is what is wanted.
    let _ = Command::new("kill").arg("-KILL").args(processes).output()?;
    Ok(())
}

/// The processes and all their descendants.
pub fn family(roots: &[u32]) -> Result<Vec<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(process) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        if let Some(parent) = parent(&entry.path()) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found = roots.to_vec();
    let mut at = 0;
    while let Some(process) = found.get(at) {
        found.extend(children.get(process).into_iter().flatten());
        at += 1;
    }
    Ok(found)
}

fn parent(process: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(process.join("stat")).ok()?;
    // The program's name, which may hold anything, is in parentheses.
    let (_, fields) = text.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_spent_time_and_has_memory() {
        let own = [std::process::id()];
        let before = Counters::read(&own).unwrap();
        let mut sum = 0_u64;
        for number in 0..20_000_000_u64 {
            sum = sum.wrapping_add(std::hint::black_box(number));
        }
        std::hint::black_box(sum);
        let spent = Counters::read(&own).unwrap().since(&before);
        assert!(spent.cpu_seconds > 0.0, "{spent:?}");
        assert!(peak_mebibytes(&own).unwrap() >= 1.0);
    }

    #[test]
    fn a_thread_that_ended_takes_nothing_away() {
        let before = BTreeMap::from([(1, 500), (2, 700)]);
        let after = BTreeMap::from([(1, 600), (3, 50)]);
        assert!((growth(&before, &after) - 150.0).abs() < f64::EPSILON);
    }
}
