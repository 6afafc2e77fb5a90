//! What the numbers were measured on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

/// The machine and the tree.
#[derive(Serialize)]
pub struct Machine {
    /// The processor.
    pub processor: String,
    /// How many of it.
    pub cores: usize,
    /// The kernel.
    pub kernel: String,
    /// TCP's congestion control, which matters even on loopback.
    pub congestion_control: String,
    /// Processes that wanted to run beside the benchmark, at its start.
    pub load_average: String,
    /// The commit that was measured.
    pub commit: String,
    /// The day.
    pub date: String,
}

impl Machine {
    /// `commit C on D: the machine`, as every table begins.
    pub fn sentence(&self) -> String {
        format!(
            "commit {} on {}: {} x {}, Linux {}, load average {} before it began",
            self.commit, self.date, self.cores, self.processor, self.kernel, self.load_average
        )
    }
}

/// Looks at the machine.
pub fn describe(root: &Path) -> Result<Machine> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpuinfo = read("/proc/cpuinfo");
    let processor = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let said = |command: &mut Command| -> Result<String> {
        Ok(String::from_utf8_lossy(&command.output()?.stdout).trim().to_owned())
    };
    Ok(Machine {
        processor: processor.trim_start_matches([' ', '\t', ':']).to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        kernel: read("/proc/sys/kernel/osrelease"),
        congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control"),
        load_average: read("/proc/loadavg")
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned(),
        commit: said(
            Command::new("git")
                .current_dir(root)
                .args(["rev-parse", "--short", "HEAD"]),
        )?,
        date: said(Command::new("date").args(["-u", "+%Y-%m-%d"]))?,
    })
}

/// Allows this process, and those that it starts, as many open files as the system lets it: ten thousand partitions take
/// some more than that.
pub fn allow_many_files() -> Result<()> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|line| line.split_whitespace().nth(1));
    let hard = hard.context("the limits tell of open files")?;
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &own, &format!("--nofile={hard}:{hard}")])
        .status()?;
    anyhow::ensure!(raised.success(), "the limit of open files cannot be raised to {hard}");
    Ok(())
}

/// Bytes of a page.
const PAGE: usize = 4096;

/// Touches as much memory as a run will fill, and lets it go: on a virtual machine the first touch of a page costs more
/// than writing it, and would be charged to whichever broker comes first.
pub fn warm_memory(bytes: u64) -> Result<()> {
    let mut ballast = vec![0_u8; usize::try_from(bytes)?];
    for page in ballast.chunks_mut(PAGE) {
        page[0] = 1;
    }
    std::hint::black_box(&ballast);
    Ok(())
}
